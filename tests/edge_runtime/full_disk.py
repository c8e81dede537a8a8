"""Exercises a history on a full disk, in a separate process: ``full_disk.py FOLDER (fill | limit) (open | reopened)``.

``fill`` fills the folder's file system, which is a small one that the test has mounted. ``limit`` lets the process
write no byte into any file (RLIMIT_FSIZE); it needs no rights, and is the stricter of the two.
"""

import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path

from edge_runtime.errors import StateError
from edge_runtime.state.history import History

SECRET = "embarrassing-item"


def take_room(folder: Path, how: str) -> None:
    """Fill the disk to the last byte."""
    if how == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        return
    with (folder / "fill").open("ab", buffering=0) as stream:
        for n_bytes in (4096, 1):
            try:
                while True:
                    stream.write(b"x" * n_bytes)
            except OSError:
                continue


def give_room(folder: Path, how: str) -> None:
    if how == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    else:
        (folder / "fill").unlink()


def refusal(do: Callable[[], object]) -> str:
    """Return the error message of an action, empty on success."""
    try:
        do()
    except StateError as error:
        return str(error)
    return ""


def main(folder: Path, how: str, when: str) -> dict[str, object]:
    path = folder / "s.sqlite"
    history = History.open(path)
    for number in range(12):
        history.add(f"{SECRET}-{number}")
    if when == "reopened":
        history.close()
        take_room(folder, how)
        history = History.open(path)
    take_room(folder, how)
    refused = {
        "add": refusal(lambda: history.add("i" * 256)),
        "remove": refusal(lambda: history.remove(1)),
        "set": refusal(lambda: history.set("name", "value" * 2000)),
    }
    n_before = len(history.newest())
    history.forget()
    contents = "".join(file.read_bytes().decode("latin1") for file in folder.iterdir() if file.is_file())
    n_after = len(history.newest())
    give_room(folder, how)
    first = history.add("a")
    history.close()
    with History.open(path) as again:
        kept = [event.item_id for event in again.newest()]
    return {
        "refused": refused, "n_before": n_before, "n_after": n_after, "traces": contents.count(SECRET),
        "first_id": first.id, "kept": kept, "files": sorted(file.name for file in folder.iterdir()),
    }  # fmt: skip


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])))
    sys.stdout.flush()
    os._exit(0)
