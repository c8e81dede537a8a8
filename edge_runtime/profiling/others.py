"""How much other processes worked meanwhile: a busy neighbour slows a thread that never waits for a processor, too.

The two processors of a small machine may be the two threads of one core.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, process_time
from typing import Self

STAT = Path("/proc/stat")


@dataclass(frozen=True, slots=True)
class Others:
    """A moment from which on the work of others is counted.

    Attributes:
        at: seconds of a monotonic clock.
        all: seconds that all processors worked since the system started; None where the system does not tell.
        own: CPU seconds of this process.
    """

    at: float
    all: float | None
    own: float

    @classmethod
    def now(cls) -> Self:
        """Return this moment."""
        return cls(monotonic(), worked_seconds(), process_time())

    def share(self) -> float | None:
        """Return the share of all processors that others used since then; None where the system does not tell."""
        now = type(self).now()
        if self.all is None or now.all is None or now.at <= self.at:
            return None
        others = (now.all - self.all) - (now.own - self.own)
        return max(0.0, others / ((now.at - self.at) * (os.cpu_count() or 1)))


def worked_seconds() -> float | None:
    """Return the seconds that all processors worked, for other virtual machines included.

    None where the system does not tell: elsewhere than on Linux, and on Android, which forbids to read the file.
    """
    try:
        line = STAT.read_text()
    except OSError:
        return None
    user, nice, system, _idle, _waiting, interrupts, soft, stolen = map(int, line.split()[1:9])
    return (user + nice + system + interrupts + soft + stolen) / os.sysconf("SC_CLK_TCK")
