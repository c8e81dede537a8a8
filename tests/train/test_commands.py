"""The commands in real processes: exit codes, output, interruption."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from edge_runtime.cli import _stoppable, main
from edge_runtime.interrupt import Interrupt
from tests.forked_commands import ForkedCommands
from tests.live_server import POCKETREC
from tests.tiny_shop import write_shop
from train.commands import train
from train.commands.settings import checked_backbone_settings, chosen_plugins
from train.data.world.commands import world


def pocketrec(*arguments: str | Path | int) -> subprocess.CompletedProcess[str]:
    command = [*POCKETREC, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)


@pytest.mark.parametrize("command", ["train", "distill", "prune", "evaluate"])
def test_help_has_an_example(command: str) -> None:
    shown = pocketrec(command, "--help")

    assert shown.returncode == 0
    assert f"Example: pocketrec {command}" in shown.stdout


def test_train_without_required_options_is_a_usage_error() -> None:
    assert pocketrec("train").returncode == 2


@pytest.mark.parametrize(
    ("names", "settings", "said"),
    [
        ("corec,cosage", "{}", "cosage"),
        ("corec,corec", "{}", "each once"),
        ("corec", "{", "not JSON"),
        ("corec", '{"sage": {}}', "sage"),
        ("corec", '{"corec": {"contrst": false}}', "no setting contrst"),
        ("corec", '{"corec": {"temperature": -1}}', "temperature"),
        ("corec", '{"corec": {"temperature": "warm"}}', "invalid settings"),
        ("transitions", '{"transitions": {"search_users": 1.5}}', "invalid settings: Expected `int`, got `float`"),
        ("transitions", '{"transitions": {"search_users": true}}', "invalid settings: Expected `int`, got `bool`"),
        ("corec", '{"corec": {"temperature": NaN}}', "found NaN, expected a finite number"),
        ("corec", '{"corec": {"temperature": -Infinity}}', "found -Infinity"),
        ("corec", '{"corec": {"temperature": 1e999}}', "found 1e999"),
        pytest.param("corec", '{"corec": {"temperature": 1%s}}' % ("0" * 400), "finite", id="huge integer"),
        pytest.param("corec", "[" * 100_000, "not JSON", id="deep"),
    ],
)
def test_invalid_plugins_are_a_usage_error(names: str, settings: str, said: str) -> None:
    with pytest.raises(typer.BadParameter, match=said):
        chosen_plugins(names, settings)


def test_settings_of_the_backbone_must_be_finite() -> None:
    with pytest.raises(typer.BadParameter, match="found Infinity, expected a finite number"):
        checked_backbone_settings("sasrec", '{"dropout": Infinity}')


@pytest.mark.parametrize("seed", ["4294967296", "99999999999999999999", "-1"])
@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("train --data x --out y", "--seed"),
        ("distill --run x --data x --out y", "--seed"),
        ("world --out y", "--seed"),
        ("compare corec --data x --out y", "--seeds"),
    ],
)
def test_a_seed_outside_32_bits_is_a_usage_error(
    command: str, option: str, seed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit) as left:
        main([*command.split(), f"{option}={seed}"])

    assert left.value.code == 2
    said = capsys.readouterr().err
    assert option in said
    assert list(tmp_path.iterdir()) == []


def test_plugins_come_in_the_order_in_which_they_are_applied() -> None:
    chosen = chosen_plugins(" coco, llmrec", '{"coco": {"n_prompts": 8}}')

    assert list(chosen.items()) == [("llmrec", {}), ("coco", {"n_prompts": 8})]


@pytest.mark.parametrize("names", ["none", " none ", ""])
def test_the_backbone_can_be_used_without_plugins(names: str) -> None:
    assert chosen_plugins(names, "{}") == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[1]", "expected an object"),
        ('{"hiden_share": 0.6}', "expected some of hidden_share"),
        ('{"hidden_share": "half"}', "hidden_share: Expected `float`, got `str`"),
    ],
)
def test_invalid_backbone_settings_are_a_usage_error(text: str, said: str) -> None:
    with pytest.raises(typer.BadParameter, match=said):
        checked_backbone_settings("bert4rec", text)


def test_a_usage_error_writes_no_files(commands: ForkedCommands, tmp_path: Path) -> None:
    refused = commands("train", "--data", tmp_path, "--out", tmp_path / "run", "--plugins", "cosage")

    assert refused.returncode == 2
    assert "cosage" in refused.stderr
    assert not (tmp_path / "run").exists()


def test_a_folder_without_data_is_refused_in_one_sentence(tmp_path: Path) -> None:
    refused = pocketrec("train", "--data", tmp_path / "nowhere", "--out", tmp_path / "run")

    assert refused.returncode == 1
    assert "nowhere" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_train_distill_and_evaluate_report_the_same_metrics(commands: ForkedCommands, tmp_path: Path) -> None:
    shop = write_shop(tmp_path / "shop")
    teacher, student = tmp_path / "teacher", tmp_path / "student"

    trained = commands("train", "--data", shop, "--out", teacher, "--dim", 16, "--max-epochs", 4, "--json")
    distilled = commands("distill", "--run", teacher, "--data", shop, "--out", student, "--json")
    evaluated = commands("evaluate", "--run", student, "--data", shop, "--json")

    assert trained.returncode == 0, trained.stderr
    assert distilled.returncode == 0, distilled.stderr
    assert evaluated.returncode == 0, evaluated.stderr
    said = json.loads(distilled.stdout)["student"]["history_excluded"]["ndcg@10"]
    found = json.loads(evaluated.stdout)
    assert found["history_excluded"]["ndcg@10"] == pytest.approx(said, abs=1e-6)
    assert found["n_users"] == 80


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--run", "a", "--ranking-budget", "192 pages"], "expected a size such as 192KiB"),
        (["--run", "a", "--run", "./a"], "the same run is given twice"),
    ],
)
def test_a_budget_or_runs_that_make_no_sense_are_usage_errors(
    options: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a").mkdir()
    Path("a/run.json").write_text("{}")

    with pytest.raises(SystemExit) as ended:
        main(["distill", *options, "--data", "no-data", "--out", "student"])

    assert ended.value.code == 2
    assert said in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_distill_says_which_sizes_it_chose_for_a_budget(commands: ForkedCommands, tmp_path: Path) -> None:
    shop = write_shop(tmp_path / "shop")
    teacher, student = tmp_path / "teacher", tmp_path / "student"
    commands("train", "--data", shop, "--out", teacher, "--dim", 16, "--max-epochs", 1)
    small = ("--ranking-budget", "12KiB", "--max-epochs", 1)

    distilled = commands("distill", "--run", teacher, "--data", shop, "--out", student, *small)

    assert distilled.returncode == 0, distilled.stderr
    assert "Sizes: " in distilled.stdout
    assert "1 encoder block" in distilled.stdout
    about = json.loads((student / "run.json").read_text())
    assert about["n_blocks"] == json.loads((student / "student.json").read_text())["encoder"]["n_blocks"] == 1


def test_an_interrupted_training_is_resumed_by_the_same_command(commands: ForkedCommands, tmp_path: Path) -> None:
    shop, run = write_shop(tmp_path / "shop", n_users=400), tmp_path / "run"
    arguments = ["train", "--data", str(shop), "--out", str(run), "--dim", "32", "--max-epochs", "12", "--resume"]
    command = [*POCKETREC, *arguments]

    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        wait_for(run / "checkpoint.safetensors")
        os.kill(process.pid, signal.SIGKILL)
    assert not (run / "metrics.json").exists()
    resumed = commands(*arguments)

    assert resumed.returncode == 0, resumed.stderr
    assert "epoch   1 " not in resumed.stderr
    log = json.loads((run / "metrics.json").read_text())["log"]
    assert [entry["epoch"] for entry in log] == list(range(1, len(log) + 1))


def wait_for(path: Path, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.02)


@pytest.mark.parametrize("command", ["evaluate", "sanity-check", "diversity", "distill", "prune"])
def test_a_folder_without_a_run_is_refused_before_the_data_is_read(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "student")] if command in ("distill", "prune") else []

    with pytest.raises(SystemExit):
        main([command, "--run", str(tmp_path / "no-run"), "--data", str(tmp_path / "no-data"), *out])

    printed = " ".join(capsys.readouterr().err.split())
    assert "no-run" in printed
    assert "no-data" not in printed


@pytest.mark.parametrize(("command", "advice"), [(world, "Run it again with"), (train, "What was finished is kept")])
def test_only_a_command_that_keeps_its_work_says_so_when_it_is_interrupted(
    command: Callable[..., object], advice: str
) -> None:
    class WithoutSignals(Interrupt):
        def __init__(self) -> None:
            self._raises, self._advice = False, ""

    interrupt = WithoutSignals()

    with pytest.raises(TypeError):
        _stoppable(interrupt, ["x"], command)(unknown=1)

    assert interrupt._advice.strip().startswith(advice)


def test_without_a_backbone_transitions_are_the_default_plug_in(commands: ForkedCommands, tmp_path: Path) -> None:
    write_shop(tmp_path / "shop")

    words = ("--data", tmp_path / "shop", "--out", tmp_path / "run", "--json")
    trained = commands("train", "--backbone", "none", *words)

    assert trained.returncode == 0, trained.stderr
    assert list(json.loads(trained.stdout)["plugins"]) == ["transitions"]


def test_a_misspelt_plugin_is_answered_with_its_name() -> None:
    with pytest.raises(typer.BadParameter, match="did you mean transitions"):
        chosen_plugins("llmrec,transition", "{}")
