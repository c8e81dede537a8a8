"""Starts modules of this project as child processes that import nothing from the working directory.

``python -m MODULE`` searches the working directory first: a ``json.py`` next to the user's data would be executed. A
child is started with ``-P`` in :data:`FOLDER`, and imports this project from the same location as its parent.

Run as a script, ``python -P child.py MODULE ARGUMENTS``, this file runs that module.
"""

import os
import runpy
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent
"""Working directory of child processes, so path arguments must be absolute."""


def command(module: str, *arguments: str | Path) -> list[str]:
    """Return the command that runs ``module`` as ``python -m`` would, without the working directory on its path."""
    return [sys.executable, "-P", str(FOLDER / "child.py"), module, *map(str, arguments)]


def environment(inherited: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a child process, with only the absolute folders of ``PYTHONPATH``.

    Args:
        inherited: base environment [default: that of this process].
    """
    kept = dict(os.environ if inherited is None else inherited)
    # An empty entry, as in `PYTHONPATH=$UNSET:/opt/lib`, means the working directory.
    folders = [entry for entry in kept.pop("PYTHONPATH", "").split(os.pathsep) if Path(entry).is_absolute()]
    if folders:
        kept["PYTHONPATH"] = os.pathsep.join(folders)
    return kept | {"PYTHONSAFEPATH": "1"}  # for processes that the child starts


@contextmanager
def as_environment() -> Iterator[None]:
    """Use a child's environment in this process temporarily, for libraries that start processes themselves."""
    before, during = dict(os.environ), environment()
    try:
        os.environ.clear()
        os.environ.update(during)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _run(module: str) -> None:
    """Run a module as ``__main__``; this project comes last on ``sys.path``, so that it shadows no other package."""
    sys.path.append(str(FOLDER.parent))
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _run(sys.argv[1])
