"""Records the files that real processes write to their home folder, and their network connections."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_SOURCE = Path(__file__).with_name("network_watch.c")


@dataclass(frozen=True, slots=True)
class Watch:
    """An empty home folder and a library that every watched process preloads.

    Attributes:
        home: home folder.
        environment: environment for the processes. It has no variables of ours, and none by which libraries detect CI
            and disable their telemetry.
    """

    home: Path
    environment: dict[str, str]

    @classmethod
    def over(cls, folder: Path) -> Self:
        """Compile the library and create the home folder."""
        library, home = folder / "network_watch.so", folder / "home"
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, _SOURCE, "-ldl"], check=True)
        home.mkdir()
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(home),
            "LD_PRELOAD": str(library),
            "NETWORK_WATCH_LOG": str(folder / "network.log"),
            "OMP_NUM_THREADS": "1",
        }
        return cls(home, environment)

    def files(self) -> set[str]:
        """Return all files and folders in the home folder."""
        return {path.relative_to(self.home).as_posix() for path in self.home.rglob("*")}

    def network(self) -> set[str]:
        """Return look-ups, connections and packets, one line each, with the program."""
        log = Path(self.environment["NETWORK_WATCH_LOG"])
        return set(log.read_text().splitlines()) if log.exists() else set()
