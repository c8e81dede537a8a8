"""A round from the plan to the sum, with real devices and a real server."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.state.history import History
from tests.live_server import serving
from tests.tiny_repository import PASSPHRASE, TARGET, make_repository


def pocketrec(*words: str | Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "edge_runtime", *words, "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.slow
def test_devices_that_agreed_are_in_the_sum_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POCKETREC_PASSPHRASE", PASSPHRASE)
    releases = make_repository(tmp_path)
    releases.publish()
    with serving(releases.path) as server:
        plan, terms = tmp_path / "plan.json", ("--min-updates", "2", "--min-events", "5", "--epsilon", "7")
        made = ("--target", TARGET, "--operator", server.url, "--out", plan)
        pocketrec("rounds", "plan", releases.path, *made, *terms, "--participations", "1")
        pocketrec("rounds", "open", releases.path, plan)
        answers = []
        for number, agreed in enumerate((("--take-part",), ("--take-part",), ())):
            device, state = tmp_path / f"device-{number}", tmp_path / f"history-{number}.sqlite"
            with History.open(state) as history:
                for event in range(8):
                    history.add(f"item-{(event * (number + 1)) % 40}")
            words = ("sync", server.url, "--into", device, "--target", TARGET, "--state", state)
            answers.append(pocketrec(*words, *agreed).get("round", {}).get("uploads"))

        (found,) = pocketrec("rounds", "status", releases.path)["rounds"]

    assert [upload["outcome"] for uploads in answers[:2] for upload in uploads] == ["counted"] * 2
    assert answers[2] is None
    assert found["updates"] == 2
