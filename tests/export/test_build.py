"""Building: training, distilling, exporting, verifying and reporting in one command."""

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from edge_runtime.cli import main
from edge_runtime.errors import PocketRecError
from export import build as module
from export.steps import Steps


class ScriptedSteps(Steps):
    """Answers commands as they would, without work, and remembers them."""

    commands: ClassVar[list[list[str]]] = []
    verified: ClassVar[dict[str, Any]] = {}

    def run(self, name: str, *arguments: str | Path, may_fail: bool = False) -> dict[str, Any]:
        words = [str(word) for word in arguments]
        self.commands.append(words)
        self.costs.append({"step": name, "seconds": 0.0, "peak_memory_mib": 1})
        if words[0] == "export":
            targets = [words[index + 1] for index, word in enumerate(words) if word == "--target"]
            for target in targets:
                (self.out / "bundles" / target).mkdir(parents=True, exist_ok=True)
                (self.out / "bundles" / target / "manifest.json").write_text("{}")
            return {"bundles": [{"target": target} for target in targets]}
        if words[0] == "verify":
            assert may_fail
            return dict(self.verified)
        if words[0] == "report":
            Path(words[-1]).write_text("report")
        if words[0] == "distill":
            return {"teacher": HEADLINE, "student": HEADLINE}
        return {"digest": "d" * 64, "name": "shop"}


HEADLINE = {"history_excluded": {"ndcg@10": 0.25, "recall@5": 0.5}}
ENGINE = {
    "engine": "reference", "precision": "int8", "status": "ok", "figures": HEADLINE,
    "latency": {"recommend": {"p50_ms": 1.5, "p90_ms": 2.0}},
}  # fmt: skip
PASSED = {
    "ok": True, "parity_failures": [], "budget_failures": [], "undecided": [], "engines": [ENGINE],
    "ranking_bytes": 2048, "bundle_bytes": 4096,
}  # fmt: skip
WORSE = PASSED | {"ok": False, "parity_failures": ["worse for tail items"]}


@pytest.fixture(autouse=True)
def _scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Steps", ScriptedSteps)
    monkeypatch.setattr(ScriptedSteps, "commands", [])
    monkeypatch.setattr(ScriptedSteps, "verified", PASSED)


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["build", *map(str, arguments)])
    return int(stopped.value.code or 0)


def names() -> list[str]:
    return [words[0] for words in ScriptedSteps.commands]


def test_the_steps_run_in_order_and_the_bundle_is_compared_with_its_models(tmp_path: Path) -> None:
    assert run(tmp_path / "shop", "--out", tmp_path / "out") == 0

    assert names() == ["check", "train", "distill", "export", "verify", "report"]
    verify = ScriptedSteps.commands[4]
    assert [Path(verify[index + 1]).name for index, word in enumerate(verify) if word == "--run"] == [
        "student",
        "teacher",
    ]
    assert (tmp_path / "out" / "reports" / "laptop-x86_64.html").is_file()


def test_every_target_is_verified_and_has_a_report(tmp_path: Path) -> None:
    targets = ("--target", "laptop-x86_64", "--target", "browser-wasm")

    assert run(tmp_path / "shop", "--out", tmp_path / "out", *targets) == 0

    assert names() == ["check", "train", "distill", "export", "verify", "report", "verify", "report"]


def test_it_ends_with_the_quality_of_models_and_bundle_the_report_and_the_next_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "shop", "--out", tmp_path / "out") == 0

    lines = capsys.readouterr().out.splitlines()
    rows = [line.split() for line in lines if "0.2500" in line]
    assert [row[1] for row in rows] == ["teacher", "student", "laptop-x86_64"]
    assert "2 KiB" in next(line for line in lines if "laptop-x86_64" in line and "0.2500" in line)
    assert f"Report of laptop-x86_64: {tmp_path}/out/reports/laptop-x86_64.html" in lines
    assert lines[-2:] == [
        f"Next: pocketrec run {tmp_path}/out/bundles/laptop-x86_64",
        f"Next: pocketrec serve {tmp_path}/out/bundles",
    ]


def test_a_bundle_of_which_no_engine_runs_here_is_named_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ScriptedSteps, "verified", PASSED | {"engines": [ENGINE | {"status": "skipped"}]})

    assert run(tmp_path / "shop", "--out", tmp_path / "out") == 0

    assert "no engine" in capsys.readouterr().out


def test_a_second_run_verifies_only_what_has_changed(tmp_path: Path) -> None:
    arguments = (tmp_path / "shop", "--out", tmp_path / "out")
    assert run(*arguments) == 0
    ScriptedSteps.commands.clear()

    assert run(*arguments) == 0

    assert names() == ["check", "train", "distill", "export", "report"]
    assert "--resume" in ScriptedSteps.commands[1]
    assert ScriptedSteps.commands[1][-3:-1] == ["--rows-of", str(tmp_path / "out" / "bundles" / "laptop-x86_64")]


def test_a_bundle_that_is_worse_has_a_report_and_the_exit_code_is_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ScriptedSteps, "verified", WORSE)

    assert run(tmp_path / "shop", "--out", tmp_path / "out", "--json") == 1

    printed = json.loads(capsys.readouterr().out)
    assert "laptop-x86_64: worse for tail items" in printed["error"]["message"]
    assert printed["bundles"]["laptop-x86_64"]["failures"] == ["worse for tail items"]
    assert (tmp_path / "out" / "reports" / "laptop-x86_64.html").is_file()


def test_a_verification_that_broke_off_is_not_taken_for_a_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ScriptedSteps, "verified", {"ok": False, "error": {"message": "the disk is full"}})

    assert run(tmp_path / "shop", "--out", tmp_path / "out") == 1

    assert "the disk is full" in capsys.readouterr().err
    assert not (tmp_path / "out" / "verified").exists()


def test_an_unknown_target_is_refused_before_the_work(tmp_path: Path) -> None:
    assert run(tmp_path / "shop", "--out", tmp_path / "out", "--target", "toaster") != 0

    assert ScriptedSteps.commands == []


def test_options_of_a_training_are_refused_without_one(tmp_path: Path) -> None:
    assert run(tmp_path / "shop", "--out", tmp_path / "out", "--instant", "--max-epochs", 3) == 2


def test_what_the_items_are_is_passed_to_the_export(tmp_path: Path) -> None:
    assert run(tmp_path / "films", "--out", tmp_path / "out", "--kind", "video") == 0

    export = ScriptedSteps.commands[3]
    assert export[export.index("--kind") + 1] == "video"


def test_a_step_that_fails_names_its_command(tmp_path: Path) -> None:
    with pytest.raises(PocketRecError, match="pocketrec check"):
        Steps(tmp_path).run("check the data", "check", tmp_path / "nowhere")


def test_a_step_that_may_fail_returns_what_it_printed(tmp_path: Path) -> None:
    found = Steps(tmp_path).run("check the data", "check", tmp_path / "nowhere", may_fail=True)

    assert found["ok"] is False
    assert "nowhere" in found["error"]["message"]
