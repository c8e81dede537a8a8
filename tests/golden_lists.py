"""The cases of `tests/golden/lists.json`: lists of the tiny bundle, equal in the Python and the browser runtime.

After a deliberate change, regenerate them with ``python -m tests.golden_lists`` and review the diff.
"""

import tempfile
from pathlib import Path
from typing import Any

from edge_runtime import Recommendation, Recommender
from edge_runtime.bundle.retired import dump_retired
from tests.golden_dislikes import dump
from tests.golden_where import where_of
from tests.tiny_bundle import make_tiny_bundle

PATH = Path(__file__).parent / "golden" / "lists.json"

Json = dict[str, Any]

ABOUT = (
    "Lists of the bundle `good` of tests/web_demo/bundles.py in the Python and the browser runtime. live: facts that "
    "an app has set. Each case is a call, its arguments, and the item ids of the list. disliked: ids, newest first. "
    "with_retired: of the bundle `retired`."
)
EVEN = [f"item-{row}" for row in range(0, 40, 2)]
HISTORY = ["item-3", "item-8", "unknown"]
LIVE: Json = {f"item-{row}": {"price": 10 + row, "in_stock": row % 3 > 0} for row in range(40)}
CALLS: list[Json] = [
    {"call": "recommend", "k": 8},
    {"call": "recommend", "k": 8, "history": HISTORY, "candidates": [*EVEN, "unknown"]},
    {"call": "recommend", "k": 40, "history": HISTORY, "exclude": EVEN},
    {"call": "recommend", "k": 8, "history": HISTORY, "where": {"brand": ["Aster", "Birch"], "price": {"below": 40}}},
    {"call": "recommend", "k": 8, "history": HISTORY, "where": {"in_stock": True}, "candidates": EVEN},
    {"call": "recommend", "k": 8, "history": HISTORY, "where": {"brand": {"none_of": ["Elm"]}}, "diversity": 0.6},
    {"call": "recommend", "k": 40, "history": HISTORY, "include_seen": True},
    {"call": "recommend", "k": 40, "history": HISTORY, "disliked": ["item-5", "item-9"], "include_seen": True},
    {"call": "recommend", "k": 8, "history": HISTORY, "disliked": ["item-5"], "where": {"categories": "Skin care"}},
    {"call": "recommend", "k": 8, "history": [], "where": {"price": {"at_least": 30}}},
    {"call": "recommend", "k": 8, "candidates": []},
    {"call": "rerank", "candidates": ["item-30", "unknown", "item-2", "item-3", "item-17", "item-2"]},
    {"call": "rerank", "candidates": ["item-30", "unknown", "item-2", "item-3", "item-17"], "history": HISTORY},
    {"call": "rerank", "candidates": EVEN, "history": HISTORY, "diversity": 0.5},
    {"call": "rerank", "candidates": ["item-30", "item-5", "item-2"], "history": [], "disliked": ["item-5"]},
    {"call": "similar", "item_id": "item-4", "k": 6},
    {"call": "similar", "item_id": "item-4", "k": 6, "where": {"in_stock": True}, "exclude": ["item-1"]},
    {"call": "similar", "item_id": "item-0", "k": 40, "candidates": EVEN},
]


RETIRED = (9, 17, 19, 26, 39)
OF_RETIRED: list[Json] = [
    {"call": "recommend", "k": 40},
    {"call": "recommend", "k": 8, "history": HISTORY},
    {"call": "recommend", "k": 40, "history": [*HISTORY, "item-19"], "include_seen": True},
    {"call": "recommend", "k": 40, "history": HISTORY, "disliked": ["item-5"], "include_seen": True},
    {"call": "recommend", "k": 8, "history": HISTORY, "candidates": ["item-19", "item-20"]},
    {"call": "recommend", "k": 8, "history": HISTORY, "where": {"categories": "Skin care"}, "diversity": 1.0},
    {"call": "rerank", "candidates": ["item-30", "item-19", "item-2"]},
    {"call": "rerank", "candidates": ["item-30", "item-19", "item-2"], "history": ["item-19"]},
    {"call": "similar", "item_id": "item-4", "k": 6},
    {"call": "similar", "item_id": "item-19", "k": 6},
]
"""Calls of a bundle in which the items of :data:`RETIRED` are retired."""


def make_retired_bundle(folder: Path) -> None:
    """Write the bundle `good` with retired items."""
    data = dump_retired(RETIRED, 40)
    make_tiny_bundle(folder, target="browser-wasm", extra={"retired.safetensors": ("retired", data)})


def answer(recommender: Recommender, call: Json) -> list[str]:
    """Return the item ids of a list; the recommender has no history before and after."""
    options = {name: value for name, value in call.items() if name not in ("call", "disliked")}
    if "where" in options:
        options["where"] = where_of(options["where"])
    if "disliked" in call:  # then the history is recorded, because a given one has no dislikes
        for item_id in options.pop("history"):
            recommender.observe(item_id)
        for item_id in reversed(call["disliked"]):
            recommender.observe(item_id, "dislike")
    listed: list[Recommendation] = getattr(recommender, call["call"])(**options)
    recommender.forget()
    return [item.item_id for item in listed]


def make_all(bundle: Path, with_retired: Path) -> Json:
    """Return the contents of the file."""
    with Recommender.open(bundle) as recommender, Recommender.open(with_retired) as other:
        recommender.set_facts(LIVE)
        return {
            "about": ABOUT,
            "live": LIVE,
            "cases": [[call, answer(recommender, call)] for call in CALLS],
            "with_retired": [[call, answer(other, call)] for call in OF_RETIRED],
        }


def main() -> None:
    """Write all cases."""
    with tempfile.TemporaryDirectory() as folder:
        bundle, with_retired = Path(folder) / "good", Path(folder) / "retired"
        make_tiny_bundle(bundle, pictures=True, target="browser-wasm")
        make_retired_bundle(with_retired)
        PATH.write_text(dump(make_all(bundle, with_retired)), encoding="utf-8")


if __name__ == "__main__":
    main()
