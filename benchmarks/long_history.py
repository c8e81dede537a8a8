"""Measures the device runtime with a long history and a large catalogue: ``python -m benchmarks.long_history``.

Uses a synthetic catalogue of a million items and a synthetic history of a million events. Each part runs in a separate
process, so that its peak memory is measured too: the first call of ``recommend``, the next one, and the first after a
removal; the suggestions for an unknown item id; the first search, and the slowest list that is ranked during it.
"""

import argparse
import json
import resource
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge_runtime import child
from edge_runtime.bundle.items import Field, Items
from edge_runtime.history_rows import RecordedHistory
from edge_runtime.nearest import N_COMPARED, nearest_items
from edge_runtime.ranking import best_rows
from edge_runtime.search.finder import Finder
from edge_runtime.state.history import History

WORDS = ("rose", "hand", "cream", "soap", "mint", "toner", "comb", "oil", "salt", "lamp", "tent", "mug", "bag", "shoe")


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--part", choices=sorted(PARTS), help="Measure one part in this process.")
    arguments = parser.parse_args()
    if arguments.part is not None:
        figures = PARTS[arguments.part](arguments.items, arguments.events)
        print(json.dumps(figures | {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))
        return
    sizes = ["--items", str(arguments.items), "--events", str(arguments.events)]
    results = {}
    for part in PARTS:
        command = child.command("benchmarks.long_history", "--part", part, *sizes)
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=child.FOLDER, env=child.environment())
        results[part] = json.loads(done.stdout)
    print(json.dumps(results, indent=1))


def history(n_items: int, n_events: int) -> dict[str, float]:
    """Measure the part of ``recommend`` that reads the history, including ranking."""
    ids, random = [f"item-{row}" for row in range(n_items)], np.random.default_rng(0)
    row_of = {item_id: row for row, item_id in enumerate(ids)}
    scores = random.random(n_items).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.sqlite"
        History.open(path).close()
        with sqlite3.connect(path) as connection:
            rows = ((f"item-{row}",) for row in random.integers(0, n_items, n_events).tolist())
            connection.executemany("INSERT INTO events (item_id, event, time) VALUES (?, 'click', 0)", rows)
        connection.close()
        before_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        with History.open(path) as recorded:
            past = RecordedHistory(recorded, ids, row_of, 50)
            read = _timed(lambda: (past.sequence, past.best(scores, 10)))
            first_ms, next_ms = read(), read()
            recorded.remove(n_events // 2)
            return {"first_ms": first_ms, "next_ms": next_ms, "after_removal_ms": read(), "before_mib": before_mib}


def unknown_id(n_items: int, _: int) -> dict[str, float]:
    """Measure suggestions for a misspelled id, a misspelled title, and nonsense."""
    items, levels = _catalogue(n_items)
    row_of = {item_id: row for row, item_id in enumerate(items.item_id)}
    names, popular = (items.item_id, items.title), best_rows(levels.astype(np.float32), N_COMPARED).tolist()
    texts = {"id": "itme-7", "title": "rose hand creem tent", "nonsense": "zzzzzzzzzz"}
    return {
        f"{kind}_ms": _timed(lambda text=text: nearest_items(text, names, row_of, popular))()  # type: ignore[misc]
        for kind, text in texts.items()
    }


def search(n_items: int, _: int) -> dict[str, float]:
    """Measure the first search, and the slowest list that is ranked during it."""
    items, levels = _catalogue(n_items)
    scores = np.random.default_rng(0).random(n_items).astype(np.float32)
    times: list[float] = []
    building = threading.Thread(target=lambda: times.append(_timed(lambda: Finder(items, levels).find("rose", 10))()))
    building.start()
    lists = []
    while building.is_alive():
        lists.append(_timed(lambda: best_rows(scores, 10))())
        time.sleep(0.01)
    building.join()
    return {"first_search_ms": times[0], "lists_beside_it": len(lists), "slowest_list_ms": max(lists)}


def _catalogue(n_items: int) -> tuple[Items, "np.typing.NDArray[np.uint8]"]:
    random = np.random.default_rng(0)
    titles = [
        " ".join(WORDS[word] for word in words) for words in random.integers(0, len(WORDS), (n_items, 6)).tolist()
    ]
    brands = Field([f"brand {number}" for number in range(1000)], [[row % 1000] for row in range(n_items)])
    items = Items([f"item-{row}" for row in range(n_items)], titles, {"brand": brands})
    return items, random.integers(0, 256, n_items).astype(np.uint8)


def _timed(function: Callable[[], object]) -> Callable[[], float]:
    def run() -> float:
        started = time.perf_counter()
        function()
        return round((time.perf_counter() - started) * 1000, 1)

    return run


PARTS: dict[str, Callable[[int, int], dict[str, float]]] = {
    "history": history,
    "unknown_id": unknown_id,
    "search": search,
}

if __name__ == "__main__":
    main()
