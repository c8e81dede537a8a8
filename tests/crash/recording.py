"""Records every change of the files of a folder that real processes make, in order."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_SOURCE = Path(__file__).with_name("write_recorder.c")


@dataclass(frozen=True, slots=True)
class Operation:
    """One change, or what is needed to follow the changes.

    Attributes:
        kind: ``open``, ``close``, ``write``, ``truncate``, ``sync``, ``link``, ``rename``, ``unlink``, ``mkdir``, or
            ``mark`` for a line that a test has put between them.
        process: process id; descriptors are its own.
        file: descriptor.
        number: flags of ``open``, position of ``write``, length of ``truncate``.
        path: path, or the text of a mark.
        other: new path of ``link`` and ``rename``.
        data: what was written.
    """

    kind: str
    process: int
    file: int
    number: int
    path: str
    other: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Recorder:
    """A recorded folder.

    Attributes:
        folder: changes below it are recorded.
        log: the file of the records.
        library: what the processes preload.
    """

    folder: Path
    log: Path
    library: Path

    @classmethod
    def over(cls, folder: Path, beside: Path) -> Self:
        """Compile the library and create the folder; log and library are in the folder ``beside``."""
        library = beside / "write_recorder.so"
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, _SOURCE, "-ldl", "-lpthread"], check=True)
        folder.mkdir(parents=True)
        return cls(folder.resolve(), beside / "writes.log", library)

    def environment(self, kill_after: int | None = None) -> dict[str, str]:
        """Return the environment of a process that is recorded, and killed after a number of records."""
        killing = {} if kill_after is None else {"RECORDED_KILL_AFTER": str(kill_after)}
        return {
            **os.environ,
            **killing,
            "LD_PRELOAD": str(self.library),
            "RECORDED_FOLDER": str(self.folder),
            "RECORDED_LOG": str(self.log),
        }

    def mark(self, text: str) -> None:
        """Note that what ``text`` says is true from here on."""
        data = text.encode()
        with self.log.open("ab") as stream:
            stream.write(b"mark 0 0 0 %d 0 0\n%b" % (len(data), data))

    def operations(self) -> Iterator[Operation]:
        """Yield all that was recorded."""
        with self.log.open("rb") as stream:
            while head := stream.readline().decode():
                kind, *numbers = head.split()
                process, file, number, *lengths = map(int, numbers)
                path, other, data = (stream.read(length) for length in lengths)
                yield Operation(kind, process, file, number, os.fsdecode(path), os.fsdecode(other), data)
