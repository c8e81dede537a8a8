"""Starts our own modules in processes that run no code from the folder that the user happens to be in.

``python -m MODULE`` looks into the working folder before anything else: a ``json.py`` beside somebody's data would be
run. A child gets ``-P``, works in :data:`FOLDER`, and finds our packages where this process found them.

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
"""Where children work: a folder with our own files alone. Whatever they are given as a path has to be absolute."""


def command(module: str, *arguments: str | Path) -> list[str]:
    """Return the command that runs ``module`` as ``python -m`` would, without the working folder on its path."""
    return [sys.executable, "-P", str(FOLDER / "child.py"), module, *map(str, arguments)]


def environment(inherited: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a child: ours, but only absolute folders are searched for modules.

    Args:
        inherited: what to begin with, by default the environment of this process.
    """
    kept = dict(os.environ if inherited is None else inherited)
    # An empty entry, as `PYTHONPATH=$UNSET:/opt/lib` leaves one, means the working folder.
    folders = [entry for entry in kept.pop("PYTHONPATH", "").split(os.pathsep) if Path(entry).is_absolute()]
    if folders:
        kept["PYTHONPATH"] = os.pathsep.join(folders)
    return kept | {"PYTHONSAFEPATH": "1"}  # for what a child itself starts


@contextmanager
def as_environment() -> Iterator[None]:
    """Make a child's environment that of this process for a moment, for libraries that start processes themselves."""
    before, during = dict(os.environ), environment()
    try:
        os.environ.clear()
        os.environ.update(during)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _run(module: str) -> None:
    """Run a module as the main one; our packages come last on its path, so that they hide nobody else's."""
    sys.path.append(str(FOLDER.parent))
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _run(sys.argv[1])
