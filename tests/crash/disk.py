"""A disk whose power may be cut after any recorded operation.

What a file or a folder held at its last flush is there afterwards. Of every later change, all, nothing or any part of
its 512-byte sectors may be: a disk writes them in any order, and a file system may write a name before what it names. A
rename is one change.
"""

import os
import random
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

from tests.crash.recording import Operation

SECTOR = 512
_INDEX_OF_A_LOG = "-shm"
"""SQLite makes it anew after a crash. It is mapped into memory, so that no write of it is recorded."""


@dataclass(slots=True, eq=False)
class File:
    """A file: its content when it was last flushed, and the changes since; a change without data is a truncation."""

    flushed: bytearray = field(default_factory=bytearray)
    changes: list[tuple[int, bytes | None]] = field(default_factory=list)

    def flush(self) -> None:
        for at, data in self.changes:
            _write(self.flushed, at, data)
        self.changes.clear()

    def after_a_cut(self, rng: random.Random, fate: str) -> bytes:
        """Return what the disk may hold."""
        content = bytearray(self.flushed)
        for at, data in self.changes:
            match fate if fate != "any" else rng.choice(("all", "none", "start", "sectors")):
                case "all":
                    _write(content, at, data)
                case "start" if data is not None:
                    _write(content, at, data[: rng.randrange(len(data) + 1)])
                case "sectors" if data is not None:
                    for start, end in _sectors(at, len(data)):
                        if rng.random() < 0.5:
                            _write(content, start, data[start - at : end - at])
        return bytes(content)


@dataclass(slots=True, eq=False)
class Folder:
    """A folder: its names when it was last flushed, and its names now."""

    flushed: "dict[str, Node]" = field(default_factory=dict)
    now: "dict[str, Node]" = field(default_factory=dict)


Node: TypeAlias = File | Folder
Names: TypeAlias = list[tuple[Folder, str, Node | None]]
"""A change of names: what each stands for from then on, None for nothing."""


class Disk:
    """A disk that repeats recorded operations below ``root``."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._top = Folder()
        self._changes: list[Names] = []
        self._open: dict[tuple[int, int], Node] = {}

    def do(self, operation: Operation) -> None:
        """Repeat an operation."""
        key = (operation.process, operation.file)
        match operation.kind:
            case "open":
                self._open[key] = self._opened(operation)
            case "close":
                self._open.pop(key, None)
            case "write":
                self._file(key).changes.append((operation.number, operation.data))
            case "truncate":
                self._file(key).changes.append((operation.number, None))
            case "sync":
                self._flush(self._open[key])
            case "mkdir":
                self._name([(*self._place(operation.path), Folder())])
            case "unlink":
                self._name([(*self._place(operation.path), None)])
            case "link":
                self._name([(*self._place(operation.other), self._node(operation.path))])
            case "rename":
                moved = self._node(operation.path)
                self._name([(*self._place(operation.path), None), (*self._place(operation.other), moved)])

    def cut(self, into: Path, seed: int) -> None:
        """Write into the folder ``into`` what the disk may hold if the power is cut now."""
        rng = random.Random(seed)
        fate = rng.choice(("all", "none", "any", "any"))
        names: dict[Folder, dict[str, Node]] = {}
        for change in self._changes:
            if fate == "all" or (fate == "any" and rng.random() < 0.5):
                for folder, name, node in change:
                    _put(names.setdefault(folder, dict(folder.flushed)), name, node)
        self._write(self._top, into, names, rng, rng.choice(("all", "none", "any", "any")))

    def _write(
        self, folder: Folder, path: Path, names: dict[Folder, dict[str, Node]], rng: random.Random, fate: str
    ) -> None:
        path.mkdir()
        for name, node in names.get(folder, folder.flushed).items():
            if isinstance(node, Folder):
                self._write(node, path / name, names, rng, fate)
            elif not name.endswith(_INDEX_OF_A_LOG):
                (path / name).write_bytes(node.after_a_cut(rng, fate))

    def _opened(self, operation: Operation) -> Node:
        if Path(operation.path) == self._root:
            return self._top
        folder, name = self._place(operation.path)
        node = folder.now.get(name)
        if node is None:
            node = File()
            self._name([(folder, name, node)])
        if operation.number & os.O_TRUNC and isinstance(node, File):
            node.changes.append((0, None))
        return node

    def _file(self, key: tuple[int, int]) -> File:
        node = self._open[key]
        assert isinstance(node, File)
        return node

    def _flush(self, node: Node) -> None:
        if isinstance(node, File):
            node.flush()
            return
        later = []
        for change in self._changes:
            if any(folder is node for folder, _, _ in change):
                for folder, name, named in change:
                    _put(folder.flushed, name, named)
            else:
                later.append(change)
        self._changes = later

    def _name(self, change: Names) -> None:
        for folder, name, node in change:
            _put(folder.now, name, node)
        self._changes.append(change)

    def _place(self, path: str) -> tuple[Folder, str]:
        relative = Path(path).relative_to(self._root)
        folder: Node = self._top
        for part in relative.parts[:-1]:
            assert isinstance(folder, Folder)
            folder = folder.now[part]
        assert isinstance(folder, Folder)
        return folder, relative.name

    def _node(self, path: str) -> Node:
        folder, name = self._place(path)
        return folder.now[name]


def _put(names: dict[str, Node], name: str, node: Node | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


def _write(content: bytearray, at: int, data: bytes | None) -> None:
    """Write at a position, or cut off there if there is no data; a gap is filled with zeros."""
    if len(content) < at:
        content.extend(bytes(at - len(content)))
    if data is None:
        del content[at:]
    else:
        content[at : at + len(data)] = data


def _sectors(at: int, length: int) -> list[tuple[int, int]]:
    """Return start and end of what lies in each sector of the disk."""
    bounds = [at, *range((at // SECTOR + 1) * SECTOR, at + length, SECTOR), at + length]
    return list(pairwise(bounds))
