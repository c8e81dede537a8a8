"""The commands, examples and make targets of the README, and the examples of docs/plugins.md, work as written."""

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

from tests.forked_commands import ForkedCommands
from tests.live_server import serving
from tests.tiny_shop import write_shop
from tests.train.plugins.tiny_llmrec import DIM, inputs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def typed_lines() -> list[str]:
    lines = [line.split("  #")[0].strip() for _, block in BLOCKS for line in block.splitlines()]
    return [line for line in lines if line.startswith("pocketrec ")]


def test_all_commands_work_in_the_order_of_the_readme(commands: ForkedCommands, tmp_path: Path) -> None:
    write_shop(tmp_path / "my-shop")
    lines = typed_lines()
    assert len(lines) >= 10
    start = lines.index("pocketrec serve releases")

    for line in lines[:start]:
        run(commands, line, tmp_path)
    with serving(tmp_path / "releases") as server:
        for line in lines[start + 1 :]:
            run(commands, line.replace("http://127.0.0.1:8000", server.url), tmp_path)


def run(commands: ForkedCommands, line: str, folder: Path) -> None:
    """Run one line; interactive sessions are quit at once."""
    words = line.replace("ID,ID", "i1,i2").split()[1:]
    own = {"POCKETREC_PASSPHRASE": "a passphrase for tests", "XDG_STATE_HOME": str(folder / "state")}
    done = commands(*words, folder=folder, typed="quit\n", environment=os.environ | own)
    assert done.returncode == 0, f"{line}: {done.stderr}"


def test_the_python_example_runs(tmp_path: Path) -> None:
    from tests.tiny_bundle import make_tiny_bundle

    make_tiny_bundle(tmp_path / "bundle")
    (example,) = [block for language, block in BLOCKS if language == "python"]

    done = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 11  # ten items, and the answer to what was said


def test_the_script_that_composes_a_model_runs(tmp_path: Path) -> None:
    write_shop(tmp_path / "my-shop")
    script, _ = examples_of_plugins()

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("validation NDCG@10 0.")


def test_the_example_of_a_plugin_changes_the_states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, module = examples_of_plugins()
    (tmp_path / "shift.py").write_text(module, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    example = import_module("shift")
    states = torch.ones(1, 1, DIM)

    plugin = example.shift(example.ShiftConfig(scale=2.0), inputs())
    torch.nn.init.ones_(plugin.module.vector)

    assert torch.equal(plugin.state(states, None), 3 * states)


def examples_of_plugins() -> tuple[str, str]:
    """Return the script that composes a model, and the module of a plug-in, from docs/plugins.md."""
    guide = (README.parent / "docs" / "plugins.md").read_text("utf-8")
    script, module = re.findall(r"^```python\n(.*?)^```", guide, re.DOTALL | re.MULTILINE)
    return script, module


def test_all_make_targets_exist_and_ci_uses_them(tmp_path: Path) -> None:
    root = README.parent
    makefile = (root / "Makefile").read_text("utf-8")
    named = set(re.findall(r"^make ([a-z-]+)", "\n".join(block for _, block in BLOCKS), re.MULTILINE))

    assert {"demo", "test", "check"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    called = (root / ".ci" / "run").read_text("utf-8")
    assert all(f"make {target}" in called for target in ("demo", "test", "check"))


def test_all_files_that_the_readme_links_to_exist() -> None:
    links = re.findall(r"\]\(((?!https?:)[^)#]+)", README.read_text("utf-8"))

    assert len(links) > 10
    assert [link for link in links if not (README.parent / link).exists()] == []
