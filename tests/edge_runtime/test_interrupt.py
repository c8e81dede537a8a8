"""Ctrl-C, by real signals at chosen moments of real processes: one line, exit code 130, no traceback."""

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.live_server import POCKETREC
from tests.tiny_shop import write_shop

ROOT = Path(__file__).parents[2]
STOPPED = "stopped.\n"
ADVICE = "What was finished is kept; continue with: pocketrec"
AGAIN = "Run it again with: pocketrec"  # of a command that keeps nothing

# Python runs this before anything else; the signal comes when the named module is imported or the named file is opened.
AT_A_MOMENT = """
import os, signal, sys
moments = os.environ["INTERRUPTED_AT"].split(",")

def watch(event, arguments):
    moment = f"{event} {os.path.basename(str(arguments[0]))}" if event in ("import", "open") else ""
    if moments and moment == moments[0]:
        del moments[0]
        os.kill(os.getpid(), signal.SIGINT)

sys.addaudithook(watch)
"""


def interrupted(folder: Path, moments: str, *command: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run a command that gets a signal at each of the moments, in their order."""
    (folder / "hook").mkdir()
    (folder / "hook" / "sitecustomize.py").write_text(AT_A_MOMENT)
    environment = os.environ | {"PYTHONPATH": str(folder / "hook"), "INTERRUPTED_AT": moments}
    return subprocess.run(
        [*map(str, command)], env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    "moment",
    [
        "import edge_runtime.cli",
        "import typer",
        "import edge_runtime.subcommands",
        "import importlib.metadata",
    ],
)
def test_while_libraries_are_imported(bundle: Path, tmp_path: Path, moment: str) -> None:
    done = interrupted(tmp_path, moment, *POCKETREC, "recommend", bundle)

    assert (done.returncode, done.stdout, done.stderr) == (130, "", STOPPED)


@pytest.mark.parametrize(
    ("command", "moment"),
    [
        ("train --data shop --out run", "import torch"),
        ("train --data shop --out run", "import accelerate"),
        ("train --data shop --out run", "import polars"),
        ("serve .", "import litestar"),
        ("sync http://127.0.0.1:1 --into device", "import ssl"),
        ("sync http://127.0.0.1:1 --into device", "import numpy"),
        ("sync http://127.0.0.1:1 --into device", "import numpy._core._multiarray_umath"),
    ],
)
def test_while_the_libraries_of_a_command_are_imported(tmp_path: Path, command: str, moment: str) -> None:
    done = interrupted(tmp_path, moment, *POCKETREC, *command.split())

    assert (done.returncode, done.stdout) == (130, "")
    advice = AGAIN if command.startswith("serve") else ADVICE
    assert done.stderr.removesuffix(" --resume\n").removesuffix("\n") == f"stopped. {advice} {command}"
    assert {path.name for path in tmp_path.iterdir()} == {"hook"}


def test_while_it_works_it_says_which_command_goes_on(bundle: Path, tmp_path: Path) -> None:
    done = interrupted(tmp_path, "open codes.safetensors", *POCKETREC, "recommend", bundle, "--history", "a b")

    goes_on = f"recommend {bundle} --history 'a b'"
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == f"stopped. {AGAIN} {goes_on}\n"


def test_a_run_that_can_be_resumed_goes_on_with_resume(tmp_path: Path) -> None:
    write_shop(tmp_path / "shop")

    done = interrupted(tmp_path, "open items.jsonl", *POCKETREC, "train", "--data", "shop", "--out", "run")

    assert done.stderr.endswith("continue with: pocketrec train --data shop --out run --resume\n")
    assert done.returncode == 130


def test_a_second_one_does_not_wait_for_the_first_to_tidy_up() -> None:
    code = """
import os, signal, time
from edge_runtime.interrupt import Interrupt
with Interrupt().raising("Go on."):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
    finally:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)

    assert (done.returncode, done.stderr) == (130, "stopped. Go on.\n")


def test_it_is_not_lost_where_python_only_prints_exceptions() -> None:
    code = """
import os, signal, time
from edge_runtime.interrupt import Interrupt
class Finalized:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
with Interrupt().raising("Go on."):
    Finalized()
    time.sleep(60)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)

    assert (done.returncode, done.stderr) == (130, "stopped. Go on.\n")


def test_a_child_that_has_not_started_its_program_yet_prints_nothing() -> None:
    code = """
import os, signal, time
from edge_runtime.interrupt import Interrupt
interrupt = Interrupt(as_json=True)
child = os.fork()
if child == 0:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)

    assert (done.stdout, done.stderr) == ("130\n", "")


def test_the_demo_and_its_step_say_it_once(tmp_path: Path) -> None:
    write_shop(tmp_path / "my shop")
    command = (*POCKETREC, "demo", "--data", "my shop", "--out", "out", "--no-serve")

    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, rest = process.communicate(timeout=60)

    assert first == "$ pocketrec check 'my shop'\n"
    goes_on = "demo --data 'my shop' --out out --no-serve"
    assert rest == f"stopped. {ADVICE} {goes_on}\n"
    assert process.returncode == 130


def test_the_installed_command_is_the_one_that_takes_over_ctrl_c_first() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]

    assert scripts == {"pocketrec": "edge_runtime.__main__:main"}


def test_next_to_nothing_is_imported_before_it_is_taken_over() -> None:
    code = """
import sys
loaded = set(sys.modules)
import edge_runtime.interrupt
print(*sorted(set(sys.modules) - loaded))
"""
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert set(done.stdout.split()) <= {
        "os",
        "os.path",
        "stat",
        "_stat",
        "posixpath",
        "genericpath",
        "_collections_abc",
    } | {"edge_runtime", "edge_runtime.telemetry", "edge_runtime.version", "edge_runtime.interrupt"}
