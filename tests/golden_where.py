"""The cases of `tests/golden/where.json`: filters and the items that they let through, equal in Python and the page.

After a deliberate change, regenerate them with ``python -m tests.golden_where`` and review the diff.
"""

from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.bundle.items import Field, Items
from edge_runtime.errors import FilterError
from edge_runtime.filters.conditions import Condition, NoneOf, Range, checked_where, text_of
from edge_runtime.filters.live import LiveFacts
from edge_runtime.filters.table import FactTable
from tests.golden_dislikes import dump

PATH = Path(__file__).parent / "golden" / "where.json"

Json = dict[str, Any]

ABOUT = (
    "Filters in the Python and the browser runtime. fields: facts as in SPEC section 6; live: facts that an app sets, "
    "in steps. cases: the number of steps, a filter, and the items that it lets through, or the error. A range is an "
    "object of its limits, and none_of one with the values. texts: values, and the texts that they are kept as."
)
ITEM_IDS = ["a", "b", "c", "d", "e", "f"]
FIELDS: Json = {
    "brand": {"values": ["Aster", "Birch", "Café"], "rows": [[0], [1], [], [0], [2], [1]]},
    "categories": {"values": ["Bath", "Hair", "Soap"], "rows": [[0, 2], [1], [0], [], [2, 1], [0, 1, 2]]},
    "price": {
        "values": ["5.00", "12.90", "on request", "-3.5", "1e3", "007"], "rows": [[0], [1], [2], [3], [4], [5]],
    },
    "year": {"values": ["1999", "2004"], "rows": [[0], [1], [0, 1], [], [], []]},
    "vegan": {"values": ["true", "false"], "rows": [[0], [1], [], [0], [0, 1], []]},
    "nothing": {"values": [], "rows": [[], [], [], [], [], []]},
}  # fmt: skip
LIVE: list[Json] = [
    {"a": {"price": 20.5, "in_stock": True}, "b": {"in_stock": False}, "d": {"price": "4.50"}, "unknown": {"price": 1}},
    {"a": {"price": None}, "c": {"brand": ["Aster", "Elm"], "in_stock": True}, "e": {"categories": []}},
]
CASES: list[tuple[int, Json]] = [
    (0, {}),
    (0, {"brand": "Aster"}),
    (0, {"brand": "aster"}),
    (0, {"brand": "Café"}),
    (0, {"brand": ["Aster", "Birch"]}),
    (0, {"brand": {"none_of": ["Aster"]}}),
    (0, {"categories": ["Hair", "Soap"], "brand": {"none_of": ["Birch", "Café"]}}),
    (0, {"price": {"below": 12.9}}),
    (0, {"price": {"at_most": 12.9}}),
    (0, {"price": {"above": 5}}),
    (0, {"price": {"at_least": 5}}),
    (0, {"price": {"at_least": -10, "below": 0}}),
    (0, {"price": 7}),
    (0, {"price": [5, "on request"]}),
    (0, {"price": {"none_of": [5, 7]}}),
    (0, {"price": "5"}),
    (0, {"year": {"at_least": 2000}, "categories": "Bath"}),
    (0, {"vegan": True}),
    (0, {"vegan": False}),
    (0, {"vegan": "true"}),
    (0, {"vegan": {"none_of": [True]}}),
    (0, {"nothing": {"below": 3}}),
    (0, {"nothing": {"none_of": ["x"]}}),
    (0, {"in_stock": True}),
    (0, {"brnd": "Aster"}),
    (0, {"brand": {"below": 20}}),
    (0, {"brand": True}),
    (0, {"brand": 3}),
    (0, {"brand": []}),
    (0, {"brand": {"none_of": []}}),
    (0, {"brand": None}),
    (0, {"brand": [None]}),
    (1, {"in_stock": True}),
    (1, {"in_stock": False}),
    (1, {"in_stock": {"none_of": [False]}}),
    (1, {"price": {"below": 20}}),
    (1, {"price": 20.5}),
    (2, {"price": {"below": 20}}),
    (2, {"in_stock": True, "brand": "Aster"}),
    (2, {"brand": "Elm"}),
    (2, {"categories": "Soap"}),
]
TEXTS: list[Any] = [True, False, 0, 12, 12.5, -0.25, 0.1, 1e-7, 123456.789, 99999999999.5, "12.50", ""]


def condition_of(value: object) -> Condition:
    """Return the condition that a value of a case stands for."""
    if not isinstance(value, dict):
        condition: Condition = value  # type: ignore[assignment]  # or a mistake, which is what some cases test
        return condition
    return NoneOf(tuple(value["none_of"])) if "none_of" in value else Range(**value)


def where_of(case: Json) -> dict[str, Condition]:
    """Return the filter that an object of a case stands for."""
    return {name: condition_of(value) for name, value in case.items()}


def answer(n_steps: int, where: Json) -> list[str] | str:
    """Return the ids of the items that a filter lets through, or the name of the error."""
    items = Items(ITEM_IDS, ITEM_IDS, {name: Field(one["values"], one["rows"]) for name, one in FIELDS.items()})
    live = LiveFacts()
    for facts in LIVE[:n_steps]:
        live.set(facts)
    try:
        mask = FactTable(items, {one: row for row, one in enumerate(ITEM_IDS)}, live).holds(
            checked_where(where_of(where))
        )
    except (FilterError, TypeError, ValueError) as error:
        return type(error).__name__
    return [ITEM_IDS[row] for row in np.flatnonzero(mask)]


def make_all() -> Json:
    """Return the contents of the file."""
    return {
        "about": ABOUT,
        "item_id": ITEM_IDS,
        "fields": FIELDS,
        "live": LIVE,
        "cases": [[n_steps, where, answer(n_steps, where)] for n_steps, where in CASES],
        "texts": [[value, text_of("it", value)] for value in TEXTS],
    }


def main() -> None:
    """Write all cases."""
    PATH.write_text(dump(make_all()), encoding="utf-8")


if __name__ == "__main__":
    main()
