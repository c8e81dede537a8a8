"""The command imports what it needs and no more, says what to install, and never dies of a character."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from edge_runtime import installed
from edge_runtime.installed import what_is_missing

MODULES = """
import json, sys
from edge_runtime.cli import main
try:
    main(sys.argv[1:])
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""
MAIN = "import sys; from edge_runtime.cli import main; main(sys.argv[1:])"
DEVICE_ALONE = """
import sys
sys.path += [sys.argv.pop(1), sys.argv.pop(1)]
from edge_runtime.cli import main
main(sys.argv[1:])
"""
WITHOUT = """
import sys
sys.modules[sys.argv.pop(1)] = None
from edge_runtime.cli import main
main(sys.argv[1:])
"""


def run(
    code: str, *arguments: str | Path, folder: Path | None = None, **variables: str
) -> "subprocess.CompletedProcess[str]":
    """Run the command in a process whose working folder, from which Python imports as well, is ``folder``."""
    return subprocess.run(
        [sys.executable, "-S" if code is DEVICE_ALONE else "-B", "-c", code, *arguments],
        cwd=folder,
        timeout=60,
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="surrogateescape",
        env=os.environ | variables,
    )


@pytest.mark.parametrize(
    ("arguments", "theirs"),
    [
        (["inspect", "--help"], {"train.commands", "export.commands", "server.commands", "edge_runtime.sync.commands"}),
        (["check", "--help"], {"train.commands", "export.commands", "server.commands", "edge_runtime.commands"}),
        (["--version"], {"train", "export", "server", "edge_runtime.commands", "numpy", "rich.table"}),
    ],
)
def test_a_command_imports_no_other_command(arguments: list[str], theirs: set[str]) -> None:
    done = run(MODULES, *arguments)

    assert done.returncode == 0
    assert not theirs & set(json.loads(done.stderr))


@pytest.fixture(scope="module")
def device_alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Paths from which the device can be imported, and none of the project's other parts."""
    folder = tmp_path_factory.mktemp("device")
    shutil.copytree(
        Path(installed.__file__).parent, folder / "edge_runtime", ignore=shutil.ignore_patterns("__pycache__")
    )
    libraries = next(path for path in sys.path if list(Path(path).glob("pocketrec-*.dist-info")))
    return folder, libraries


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--data", "d"],
        ["train", "--help"],
        ["check"],
        ["verify", "b", "--data", "d"],
        ["demo", "--no-serve", "--out", "nowhere", "--data", "nowhere"],
        ["serve", "bundles", "--port", "0"],
    ],
)
def test_a_device_alone_says_what_to_install_whatever_is_asked(
    device_alone: tuple[Path, str], tmp_path: Path, arguments: list[str]
) -> None:
    done = run(DEVICE_ALONE, *device_alone, *arguments, folder=tmp_path, PYTHONPATH="")

    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert f"`pocketrec {arguments[0]}` is not part of this installation" in done.stderr
    assert "`make setup`" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_device_alone_lists_and_runs_its_own_commands(
    device_alone: tuple[Path, str], bundle: Path, tmp_path: Path
) -> None:
    listed = run(DEVICE_ALONE, *device_alone, "--help", folder=tmp_path, PYTHONPATH="")
    inspected = run(DEVICE_ALONE, *device_alone, "inspect", bundle, folder=tmp_path, PYTHONPATH="")

    assert listed.returncode == inspected.returncode == 0, listed.stderr + inspected.stderr
    entries = entry_points(group="pocketrec.commands")
    elsewhere = [entry for entry in entries if not entry.module.startswith("edge_runtime.")]
    assert listed.stdout.count("(not installed here)") == len(elsewhere) >= 20


@pytest.mark.parametrize(
    ("module", "arguments", "advice"),
    [
        ("polars", ["check", "."], "needs polars, which is not installed .* with `make setup`"),
        ("litestar", ["serve", "."], "needs litestar, .* with `make setup`"),
        ("msgspec", ["inspect", "b"], "needs msgspec, .*`pip install msgspec`"),
    ],
)
def test_a_library_that_is_missing_is_named_with_the_way_to_install_it(
    module: str, arguments: list[str], advice: str, tmp_path: Path
) -> None:
    done = run(WITHOUT, module, *arguments)

    assert done.returncode == 1
    assert re.search(advice, " ".join(done.stderr.split())), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["train.no_such_module", "edge_runtime.typo", "no_such_library", None])
def test_an_error_of_our_own_is_not_called_a_missing_installation(name: str | None) -> None:
    assert what_is_missing(ModuleNotFoundError("No module named it", name=name), "train") is None


def install_command(folder: Path, name: str, code: str) -> None:
    """Write a module, and metadata by which its function ``command`` is a command of that name."""
    (folder / f"{name}.py").write_text(code, encoding="utf-8")
    about = folder / f"{name}-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Name: {name}\nVersion: 1\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(f"[pocketrec.commands]\n{name} = {name}:command\n", encoding="utf-8")


def test_a_broken_command_shows_its_error_and_leaves_the_others_alone(tmp_path: Path) -> None:
    install_command(tmp_path, "broken", "import edge_runtime.no_such_module\n")

    listed, ran = (run(MODULES, word, PYTHONPATH=str(tmp_path)) for word in ("--help", "broken"))

    assert listed.returncode == 0
    assert "broken: No module named 'edge_runtime.no_such_module'" in " ".join(listed.stdout.split())
    assert "ModuleNotFoundError: No module named 'edge_runtime.no_such_module'" in ran.stderr
    assert "not installed" not in ran.stderr


def test_a_command_of_another_version_says_so_and_leaves_the_others_alone(tmp_path: Path) -> None:
    install_command(tmp_path, "renamed", "")

    listed, ran = (run(MAIN, word, PYTHONPATH=str(tmp_path)) for word in ("--help", "renamed"))

    assert listed.returncode == 0
    assert "renamed (of another version)" in " ".join(listed.stdout.split())
    assert ran.returncode == 1
    assert "`pocketrec renamed` is a command of another version" in " ".join(ran.stderr.split())
    assert "Traceback" not in ran.stderr


UNREADABLE = "b\udcff-\udce9"  # bytes of another encoding, as Python shows them


@pytest.mark.parametrize(
    "arguments",
    [
        ["inspect", UNREADABLE],
        ["inspect", UNREADABLE, "--json"],
        ["recommend", UNREADABLE, "--history", UNREADABLE],
        ["run", UNREADABLE],
        [UNREADABLE],
        ["inspect", "x", f"--{UNREADABLE}"],
        ["verify", UNREADABLE, "--data", UNREADABLE],
        ["check", UNREADABLE],
        ["serve", UNREADABLE],
    ],
    ids=lambda arguments: arguments[0].encode("ascii", "replace").decode(),
)
def test_bytes_in_an_argument_that_are_no_text_end_in_a_sentence(arguments: list[str]) -> None:
    done = run(MAIN, *arguments, PYTHONIOENCODING="ascii")

    assert done.returncode in (1, 2)
    assert "rror" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8"])
def test_a_bundle_whose_path_and_history_are_no_text_is_used(bundle: Path, tmp_path: Path, encoding: str) -> None:
    folder = tmp_path / UNREADABLE
    shutil.copytree(bundle, folder)

    inspected = run(MAIN, "inspect", folder, "--json", PYTHONIOENCODING=encoding)
    recommended = run(
        MAIN, "recommend", folder, "--history", f"item-3,{UNREADABLE}", "--json", PYTHONIOENCODING=encoding
    )

    assert inspected.returncode == recommended.returncode == 0, inspected.stderr + recommended.stderr
    assert json.loads(inspected.stdout)["intact"]
    assert json.loads(recommended.stdout)["unknown"] == ["b?-?"]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8"])
def test_lines_that_are_no_text_are_answered(bundle: Path, tmp_path: Path, encoding: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edge_runtime", "run", bundle, "--state", tmp_path / "s"],
        input="rose\nlike 1\n\udcff\udcfe\n日本\nhistory\n".encode(errors="surrogateescape"),
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHONIOENCODING": encoding},
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    assert b"Bye. 1 event saved" in done.stdout


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs util-linux to become an unknown user")
def test_without_a_home_folder_the_error_suggests_state(bundle: Path, tmp_path: Path) -> None:
    unknown = ["unshare", "-U", "--map-user=12345", "env", "-u", "HOME", "-u", "XDG_STATE_HOME"]
    if subprocess.run([*unknown, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system lets nobody become an unknown user; test_history has the same without")

    done = subprocess.run(
        [*unknown, sys.executable, "-m", "edge_runtime", "run", bundle], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "Choose a file with --state" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_every_summary_of_the_list_of_commands_is_whole() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edge_runtime", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "80"},
    )

    _, _, listing = done.stdout.partition("Commands:")
    assert len(listing.strip().splitlines()) >= 18
    assert "..." not in listing


@pytest.mark.parametrize("command", ["recommend", "compare", "export", "train", "import", "verify"])
def test_the_help_names_the_values_of_options(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edge_runtime", command, "--help"], capture_output=True, text=True, check=True
    )

    assert "range>" not in done.stdout
    assert not re.search(r"\{[a-z]+\}$|^  --[a-z-]+ <(path|str|int|float)>", done.stdout, re.MULTILINE)
