"""`pocketrec release` as a process: what a newcomer types, `--json`, refusals, Ctrl-C and kills."""

import json
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_runtime.bundle.release import parse_release
from server.repository.offer import offer_of
from server.repository.repository import open_repository
from server.repository.rotate import renew
from tests.forked_commands import Forks, forks_with
from tests.live_server import POCKETREC
from tests.tiny_repository import PASSPHRASE, TARGET, TinyRepository

GUIDE = Path(__file__).parents[3] / "docs" / "releasing.md"
DOCUMENT = f"bundle/{TARGET}.json"


# What `pocketrec release` imports.
LIBRARIES = (
    "server.repository.commands", "server.repository.create", "server.repository.publish", "server.repository.rotate",
)  # fmt: skip
STARTED: list[Forks] = []


@pytest.fixture(scope="module", autouse=True)
def _started() -> Iterator[None]:
    with forks_with(*LIBRARIES) as forks:
        STARTED.append(forks)
        yield
        STARTED.clear()


def run(*arguments: str | Path, passphrase: str = PASSPHRASE) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"POCKETREC_PASSPHRASE": passphrase}
    return STARTED[0].run("edge_runtime", "release", *arguments, environment=environment)


def result(*arguments: str | Path) -> "dict[str, object]":
    """Run a command with `--json` that must succeed, and return what it prints."""
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    printed: dict[str, object] = json.loads(done.stdout)
    assert printed.pop("ok") is True
    return printed


def test_init_prints_who_holds_which_key_the_timer_and_the_nginx_file(tmp_path: Path) -> None:
    repo = tmp_path / "releases"

    done = run("init", repo)

    assert done.returncode == 0, done.stderr
    for text in (
        "root-1.",
        "any 2",
        "offline",
        "online",
        "nginx.conf",
        "17 */6 * * *",
        f"release expire {repo} timestamp",
    ):
        assert text in done.stdout
    again = run("init", repo)
    assert again.returncode == 1
    assert "expected a new folder" in again.stderr
    assert str(PASSPHRASE) not in done.stdout + done.stderr


def test_each_command_prints_one_json_object(repository: TinyRepository) -> None:
    repo = repository.path
    repository.bundle(0)
    published = result("publish", repo, repository.bundles, "--wave", "24")
    repository.bundle(1)
    result("publish", repo, repository.bundles, "--wave", "1", "--rings", "0.5,1")

    assert [one["release"] for one in published["releases"]] == [1]  # type: ignore[attr-defined]
    assert result("promote", repo, "--halt")["rollouts"][0]["open"] == 0.0  # type: ignore[index]
    assert result("rollback", repo)["releases"][0]["restores"] == 1  # type: ignore[index]
    assert result("rotate", repo, "adapter")["key"] == "adapter"
    assert len(result("expire", repo, "timestamp")["metadata"]) == 9  # type: ignore[arg-type]
    assert len(result("expire", repo, "--list")["metadata"]) == 9  # type: ignore[arg-type]
    assert result("prune", repo, "--dry-run").keys() == {"files", "bytes", "kept_bytes"}
    status = result("status", repo)
    assert [one["release"] for one in status["releases"]] == [3]  # type: ignore[attr-defined]
    assert [one["what"] for one in status["releases"][0]["history"]] == ["bundle", "bundle", "rollback"]  # type: ignore[index]


def test_status_reads_well(repository: TinyRepository) -> None:
    empty = run("status", repository.path)
    repository.publish()

    done = run("status", repository.path)

    assert "No release yet. Publish bundles with `pocketrec release publish`." in empty.stdout
    assert re.search(rf"{TARGET} +tiny shop +1 +- +[\d,]+ +- +100%", done.stdout)
    repository.publish(1)
    assert re.search(rf"{TARGET} +tiny shop +2 +- +[\d,]+ +[\d,]+ from 1 +100%", run("status", repository.path).stdout)
    assert re.search(r"timestamp +2 +\S+Z +3\.0", done.stdout)


def test_status_fails_when_metadata_has_expired_and_names_the_command(repository: TinyRepository) -> None:
    renew(repository.path, ["timestamp"], repository.ring(), now=datetime.now(UTC) - timedelta(days=10))

    done = run("status", repository.path)
    printed = json.loads(run("status", repository.path, "--json").stdout)

    assert done.returncode == 1
    assert "EXPIRED" in done.stdout
    command = f"pocketrec release expire {repository.path} timestamp"
    assert "EXPIRED: timestamp. Devices go on with what they have and take no updates" in done.stderr
    assert command in done.stderr
    assert (printed["ok"], printed["expired"], len(printed["metadata"])) == (False, ["timestamp"], 9)
    assert command in printed["error"]["message"]
    assert run(*command.split()[2:]).returncode == 0
    assert result("status", repository.path)["expired"] == []


def test_status_shows_a_held_share_and_what_a_rollback_restores(repository: TinyRepository) -> None:
    repository.publish(0)
    repository.publish(1)
    result("rollback", repository.path, "--wave", "24", "--rings", "0.5,1")
    result("promote", repository.path, "--share", "0.3")

    done = run("status", repository.path)

    text = re.sub(r"\s+", " ", done.stdout)
    assert "rollback to 1" in text or ("(rollback" in text and "to 1)" in text)
    assert "30% (held" in text
    assert re.search(rf"Rings of {TARGET}: 50%, 100%; 24 hours each, since \S+Z\n", done.stdout)
    assert result("status", repository.path)["releases"][0]["held"] == 0.3  # type: ignore[index]


def test_nothing_is_cut_off_in_a_narrow_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")

    created, status = run("init", tmp_path / "releases"), run("status", tmp_path / "releases")

    files = [path.stem for path in (tmp_path / "releases-keys").iterdir()]
    assert len(files) == 11
    for shown in (created.stdout, status.stdout):
        assert [name for name in files if name not in shown] == []
        assert "…" not in shown


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["publish", "REPO", "BUNDLES", "--component", "encoder"], 2, "expected one of codebook, transitions"),
        (["publish", "REPO", "BUNDLES", "--wave", "24", "--rings", "0.5,0.1"], 2, "ascending shares up to 1"),
        (["publish", "REPO", "BUNDLES", "--wave", "24", "--rings", "0.5"], 2, "ascending shares up to 1"),
        (["publish", "REPO", "BUNDLES", "--wave", "24", "--rings", "all"], 2, "ascending shares up to 1"),
        (["promote", "REPO", "--halt", "--share", "0.1"], 2, "not both"),
        (["expire", "REPO"], 2, "name a role, such as timestamp"),
        (["expire", "REPO", "time"], 1, "found the role 'time'"),
        (["rotate", "REPO", "root"], 1, "found the key 'root', expected one of root-1"),
        (["status", "nowhere"], 1, "found no repository of releases, expected a folder that `pocketrec release init"),
        (["init", "x", "--signer", "target=hv:x"], 2, "expected KEY=URI"),
    ],
)
def test_a_refusal_says_what_was_expected(
    repository: TinyRepository, arguments: list[str], code: int, message: str
) -> None:
    repository.bundle()
    places = {"REPO": str(repository.path), "BUNDLES": str(repository.bundles)}

    done = run(*(places.get(word, word) for word in arguments))

    assert done.returncode == code
    assert message in re.sub(r"\s+", " ", done.stderr.replace("│", " "))
    assert "Traceback" not in done.stderr


def test_the_help_of_promote_says_whom_a_halt_does_not_stop() -> None:
    text = re.sub(r"[\s│]+", " ", run("promote", "--help").stdout)

    assert "A device without any release still gets it: follow with `pocketrec release rollback`" in text or (
        "A device without any release still gets it: follow with pocketrec release rollback" in text
    )


def test_a_missing_passphrase_is_said(repository: TinyRepository) -> None:
    repository.bundle()

    done = run("publish", repository.path, repository.bundles, passphrase="")

    assert done.returncode == 1
    assert "expected a passphrase. Set POCKETREC_PASSPHRASE, or run the command in a terminal" in done.stderr


def test_a_terminal_is_asked_for_the_passphrase_and_shows_nothing_of_it(repository: TinyRepository) -> None:
    repository.bundle()
    leader, follower = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "POCKETREC_PASSPHRASE"}
    process = subprocess.Popen(
        [*POCKETREC, "release", "publish", repository.path, repository.bundles],
        stdin=follower, stdout=subprocess.DEVNULL, stderr=follower, env=environment, start_new_session=True,
    )  # fmt: skip
    shown = b""
    while b"Passphrase of the keys" not in shown:
        shown += os.read(leader, 1000)
    time.sleep(0.2)  # the terminal's echo is switched off after the question is printed
    os.write(leader, PASSPHRASE.encode() + b"\n")

    assert process.wait(60) == 0
    os.close(follower)
    assert PASSPHRASE.encode() not in shown + os.read(leader, 4000)
    assert offer_of(open_repository(repository.path), TARGET).final.document.release == 1


STOPPED = """
import os, signal, sys
import edge_runtime.files as files
import server.repository.draft, server.repository.store
left, original = [int(sys.argv.pop(1))], files.rename_durably
def rename(source, target):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGINT)
    return original(source, target)
files.rename_durably = rename
from edge_runtime.__main__ import main
main()
"""


@pytest.mark.parametrize("at", [1, 8, 15])
def test_ctrl_c_says_how_to_go_on_and_loses_nothing(repository: TinyRepository, tmp_path: Path, at: int) -> None:
    repository.publish(0)
    repository.bundle(1)

    command = [sys.executable, "-c", STOPPED, str(at), "release", "publish"]
    command += [str(repository.path), str(repository.bundles)]
    stopped = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert stopped.returncode == 130
    assert stopped.stderr.startswith("stopped. Run it again with: pocketrec release publish")
    data = repository.client(tmp_path / "client").document(DOCUMENT)
    assert data is not None
    assert parse_release(data, TARGET).release == 1
    assert run("publish", repository.path, repository.bundles).returncode == 0


def test_the_commands_of_the_guide_work_as_they_are_written(tmp_path: Path) -> None:
    """Run the lines of the guide's first section that begin with `pocketrec release`, in the folder of the example."""
    text = GUIDE.read_text()
    block = text.split("## In ten commands")[1].split("```")[1]
    lines = [line.split("#")[0].split() for line in block.splitlines() if line.startswith("pocketrec ")]
    assert 5 <= len(lines) <= 10
    shop = TinyRepository(tmp_path / "releases", tmp_path / "releases-keys", tmp_path / "bundles")
    for seed, words in enumerate(lines):
        if words[1] == "export":
            shop.bundle(seed)
            continue
        done = subprocess.run(
            [*POCKETREC, *words[1:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"POCKETREC_PASSPHRASE": PASSPHRASE},
        )
        assert done.returncode == 0, f"{words}: {done.stderr}"
    assert {"init", "publish", "rotate", "rollback"} <= {words[2] for words in lines if words[1] == "release"}
