"""The origin of results: the command and the commit of the code."""

import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from edge_runtime import child

_CHECKOUT = Path(__file__).resolve().parents[2]
# The repository is given explicitly, so that git does not search for one whose configuration may run commands.
# --exclude=* ignores tags, so that the commit itself is described.
_DESCRIBE = (
    "git", f"--git-dir={_CHECKOUT / '.git'}", f"--work-tree={_CHECKOUT}", "-c", "core.fsmonitor=false",
    "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a result.

    Attributes:
        command: the command line, quoted for a shell.
        commit: commit of the checkout, with ``-dirty`` for modified files; None outside a checkout.
    """

    command: str
    commit: str | None

    @classmethod
    def of_this_process(cls) -> Self:
        """Return the command line of this process and the commit of its code."""
        return cls(shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]), commit())


def commit() -> str | None:
    """Return the commit of the checkout, with ``-dirty`` for modified files, or None outside a checkout."""
    if not (_CHECKOUT / ".git").exists():
        return None
    own = {name: value for name, value in child.environment().items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(  # noqa: S603 - constant arguments
            _DESCRIBE, cwd=child.FOLDER, env=own, capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
