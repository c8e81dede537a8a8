"""Where a figure comes from: the command that printed it and the commit of the code."""

import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from edge_runtime import child

_CHECKOUT = Path(__file__).resolve().parents[2]
# Named outright, so that git looks for no repository: what another one's configuration says may be a command to run.
# --exclude=* leaves tags out, so that the commit itself is told.
_DESCRIBE = (
    "git", f"--git-dir={_CHECKOUT / '.git'}", f"--work-tree={_CHECKOUT}", "-c", "core.fsmonitor=false",
    "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Origin:
    """What made a figure.

    Attributes:
        command: as a shell would take it.
        commit: of this checkout, ``-dirty`` behind it where files were changed; None outside of one.
    """

    command: str
    commit: str | None

    @classmethod
    def of_this_process(cls) -> Self:
        """Return the command line of this process and the commit of its code."""
        return cls(shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]), commit())


def commit() -> str | None:
    """Return the commit of this checkout, ``-dirty`` behind it where files were changed, or None outside of one."""
    if not (_CHECKOUT / ".git").exists():
        return None
    own = {name: value for name, value in child.environment().items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(  # noqa: S603 - nothing in it comes from outside
            _DESCRIBE, cwd=child.FOLDER, env=own, capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
