"""With ``--json`` each command that prints results prints one object on stdout: done, misused, failed or stopped."""

import inspect
import json
import os
import subprocess
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import typer

from edge_runtime import cli
from export import demo
from tests.live_server import POCKETREC
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_shop import write_shop

# Each command, with arguments that are valid but name a folder, a file or a server that does not exist.
FAILING: Mapping[str, str] = {
    "world": "--out .",
    "import": "movielens nowhere --out out",
    "check": "nowhere",
    "train": "--data nowhere --out out",
    "distill": "--run nowhere --data shop --out out",
    "prune": "--run nowhere --data shop --out out",
    "evaluate": "--run nowhere --data shop",
    "sanity-check": "--run nowhere --data shop",
    "diversity": "--run nowhere --data shop",
    "baselines": "--data nowhere",
    "compare": "corec --data nowhere --out out",
    "targets": "nowhere.toml",
    "export": "--run nowhere --data shop --target laptop-x86_64 --out out",
    "add-items": "nowhere --data shop --out out",
    "verify": "nowhere --data shop",
    "diff": "nowhere nowhere",
    "history": "export out.history --state nowhere",
    "report": "nowhere --data shop",
    "build": "nowhere --out out --target browser-wasm",
    "fit": "--run nowhere --data shop --out out --budget 100KiB",
    "demo": "--data nowhere --out out --no-serve",
    "inspect": "nowhere",
    "doctor": "nowhere",
    "profile": "nowhere",
    "probe": "nowhere",
    "recommend": "nowhere",
    "sync": "http://127.0.0.1:1 --into device",
    "receipts": "nowhere",
    "learn": "nowhere",
    "audit": "nowhere",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the data folder `shop`."""
    write_shop(tmp_path / "shop")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_that_have_the_option_are_those_listed_here() -> None:
    loaded = {entry.name: entry.load() for entry in entry_points(group="pocketrec.commands")}
    commands = {name: command for name, command in loaded.items() if not isinstance(command, typer.Typer)}

    assert {name for name, command in commands.items() if "as_json" in inspect.signature(command).parameters} == set(
        FAILING
    )
    assert commands.keys() - FAILING.keys() == {"run", "serve"}  # a session and a server print no result


@pytest.mark.parametrize("command", sorted(FAILING))
def test_a_misused_command_prints_an_error_and_exits_with_2(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--json", "--no-such-option"])

    printed = capfd.readouterr()
    answer = json.loads(printed.out)
    assert (ended.value.code, answer["ok"], answer["error"]["type"]) == (2, False, "NoSuchOption")
    assert "--no-such-option" in answer["error"]["message"]
    assert "--no-such-option" in printed.err


@pytest.mark.parametrize("command", sorted(FAILING))
@pytest.mark.usefixtures("folder")
def test_a_command_that_fails_prints_an_error_and_exits_with_1(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, *FAILING[command].split(), "--json"])

    printed = capfd.readouterr()
    answer = json.loads(printed.out)
    assert (ended.value.code, answer["ok"]) == (1, False)
    assert answer["error"]["message"].split("\n")[0] in printed.err


def test_the_demo_prints_its_figures_and_sends_the_servers_output_to_stderr(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "run_steps", lambda *_, **__: {"steps": []})
    monkeypatch.setattr(os, "execve", lambda *_: os.write(1, b"Listening\n"))

    demo.demo(out=Path("out"), port=0, as_json=True)

    printed = capfd.readouterr()
    assert json.loads(printed.out) == {"ok": True, "steps": [], "out": "out"}
    assert printed.err == "Listening\n"


def test_a_stopped_command_prints_an_error_and_exits_with_130(folder: Path) -> None:
    make_tiny_bundle(folder / "bundle")
    (folder / "hook").mkdir()
    (folder / "hook" / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "sys.addaudithook(lambda event, arguments: event == 'open' and str(arguments[0]).endswith('codes.safetensors')"
        " and os.kill(os.getpid(), signal.SIGINT))\n"
    )

    done = subprocess.run(
        [*map(str, POCKETREC), "recommend", "bundle", "--json"],
        env=os.environ | {"PYTHONPATH": str(folder / "hook")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, json.loads(done.stdout)) == (
        130,
        {"ok": False, "error": {"type": "KeyboardInterrupt", "message": "stopped."}},
    )
    assert done.stderr == "stopped. Run it again with: pocketrec recommend bundle --json\n"
