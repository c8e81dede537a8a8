"""``pocketrec profile`` from the command to the report."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from edge_runtime import cli
from edge_runtime.bundle import write_folder
from edge_runtime.profiling import profile as module
from edge_runtime.profiling import report, verdict
from edge_runtime.profiling.modes import MODES, Mode
from edge_runtime.profiling.report import Profile, Verdict
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_shop import write_shop

SHORT = Mode(histories=4, observed=2, rounds=3, runs=1, seconds=0, starts=2, all_start=False, prompts=2)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MODES", {"quick": SHORT})


def profiled(capfd: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    """Return exit code and JSON of a command."""
    code = 0
    try:
        cli.main(["profile", *map(str, arguments), "--mode", "quick", "--json"])
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, json.loads(capfd.readouterr().out)


def test_the_report_has_all_phases_and_follows_the_schema(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _, answer = profiled(capfd, bundle)

    jsonschema.Draft202012Validator(json.loads(report.json_schema())).validate(answer)
    found = msgspec.convert({name: answer[name] for name in Profile.__struct_fields__}, Profile, strict=True)
    assert {(row.phase, row.step) for row in found.rows} == {
        ("open", "import"), ("open", "open"), ("first inference", "first list"), ("first inference", "first inference"),
        ("steady", "encode"), ("steady", "score"), ("steady", "list"), ("observe to list", "observe"),
    }  # fmt: skip
    assert [(use.asked, use.actual) for use in found.engines] == [("reference int8", "reference int8")]
    assert all(check.passed and check.overlap == 1 for check in found.outputs)
    assert all(row.limit is not None or row.no_limit for row in found.rows)
    assert all(0 < one.started < one.opened <= one.peak for one in found.memory)
    assert found.histories.source == "golden sequences of the bundle"
    assert found.machine.operations_per_s is not None


def test_the_schema_refuses_a_verdict_that_no_profile_has(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _, answer = profiled(capfd, bundle)

    with pytest.raises(jsonschema.ValidationError, match="'fine' is not one of"):
        jsonschema.Draft202012Validator(json.loads(report.json_schema())).validate(
            answer | {"verdict": {"state": "fine", "reasons": []}}
        )


def test_two_starts_are_too_few_for_a_median_and_the_command_fails(
    bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, answer = profiled(capfd, bundle)

    assert (code, answer["ok"], answer["verdict"]["state"]) == (1, False, "invalid")
    assert "2 runs, a median needs 11" in answer["error"]["message"]


def test_two_bundles_are_compared_pair_by_pair(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _, answer = profiled(capfd, bundle, "--compare", bundle)

    assert [one["path"] for one in answer["bundles"]] == [str(bundle)] * 2
    ratios = {(one["step"], one["clock"]): one for one in answer["ratios"]}
    assert {step for step, _ in ratios} == {"encode", "score", "list", "observe"}
    assert {(one["variant"], one["against"]) for one in answer["ratios"]} == {("B reference int8", "A reference int8")}
    assert all(one["low"] <= one["median"] <= one["high"] for one in answer["ratios"])


def test_real_histories_come_from_a_data_folder(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    make_tiny_bundle(tmp_path / "bundle")
    for path in write_shop(tmp_path / "shop").iterdir():  # with the ids of the bundle
        path.write_text(re.sub(r"\bi(?=\d+\b)", "item-", path.read_text("utf-8")), "utf-8")

    _, answer = profiled(capfd, tmp_path / "bundle", "--data", tmp_path / "shop")

    assert answer["histories"]["source"] == "users of shop"
    assert (answer["histories"]["shortest"], answer["histories"]["longest"]) == (3, 8)


def test_the_tables_show_percentiles_only_where_there_are_runs_enough(
    bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["profile", str(bundle), "--mode", "quick"])

    printed = capfd.readouterr()
    assert "Steady state, milliseconds" in printed.out
    assert "Verdict: invalid" in printed.out
    assert "the figures say nothing" in printed.err


def test_an_exceeded_budget_fails_and_says_by_how_much(
    bundle: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    check = report.BudgetCheck("p95_us", 2500.0, 2000.0, False)
    monkeypatch.setattr(module, "budget_checks", lambda *_, **__: (check,))
    monkeypatch.setattr(verdict, "overall", lambda *_: Verdict("valid"))

    code, answer = profiled(capfd, bundle)

    assert code == 1
    assert answer["error"]["message"] == (
        "p95_us is 2,500, 500 over the 2,000 that the target laptop-x86_64 allows. Profile again to be sure, or raise "
        "the budget in the target."
    )


def test_a_bundle_without_a_usable_engine_is_refused_with_the_reason(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    manifest = make_tiny_bundle(tmp_path)
    unknown = msgspec.structs.replace(manifest.engines[0], engine="later")
    files = {one.name: (one.role, (tmp_path / one.name).read_bytes()) for one in manifest.files}
    write_folder(tmp_path, msgspec.structs.replace(manifest, engines=(unknown,)), files)

    code, answer = profiled(capfd, tmp_path)

    assert code == 1
    assert "later int8: this runtime does not have this engine" in answer["error"]["message"]


def test_the_schema_file_is_current() -> None:
    path = Path(report.__file__).with_name(report.SCHEMA_FILE)

    assert path.read_bytes() == report.json_schema(), "run `python -m edge_runtime.profiling.report`"


def test_the_modes_have_the_runs_that_their_percentiles_need() -> None:
    for mode, runs in (("quick", 130), ("normal", 662), ("sustained", 662)):
        amount = MODES[mode]  # type: ignore[index]
        rounds = amount.rounds_for(amount.histories)
        assert amount.observed * rounds >= runs
        assert amount.starts >= 11
        assert amount.rounds_for(1) >= runs / 2


def test_apps_do_not_load_the_profiler(bundle: Path) -> None:
    use = (
        "import sys; from edge_runtime import Recommender\n"
        "with Recommender.open(sys.argv[1]) as r: r.recommend(3)\n"
        "print([name for name in sys.modules if 'profiling' in name])"
    )
    done = subprocess.run([sys.executable, "-c", use, str(bundle)], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
