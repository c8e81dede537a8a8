"""Watches real processes: which files they leave below their home folder, and whom they try to reach."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_SOURCE = Path(__file__).with_name("network_watch.c")


@dataclass(frozen=True, slots=True)
class Watch:
    """A fresh home folder and a library that every watched process preloads.

    Attributes:
        home: the home folder.
        environment: what a process is to be started with. It has nothing of ours: none of the variables by which
            libraries know a test machine and keep still, and none that we set.
    """

    home: Path
    environment: dict[str, str]

    @classmethod
    def over(cls, folder: Path) -> Self:
        """Build the library, with the C compiler that the project needs anyway, and make the home folder."""
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
        """Return every file and folder below the home folder."""
        return {path.relative_to(self.home).as_posix() for path in self.home.rglob("*")}

    def network(self) -> set[str]:
        """Return the look-ups, connections and packets, one line each, with the program that made it."""
        log = Path(self.environment["NETWORK_WATCH_LOG"])
        return set(log.read_text().splitlines()) if log.exists() else set()
