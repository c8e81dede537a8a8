"""The JSON of bundles is read strictly, as in the browser."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from edge_runtime.bundle.manifest import Exact
from edge_runtime.bundle.parsing import JsonError, parse_json

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "golden" / "json.json").read_text("utf-8"))[
    "cases"
]


class Document(Struct):
    """An object with one known field."""

    n: Exact


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_every_text_is_accepted_or_refused_as_in_the_browser(case: dict[str, Any]) -> None:
    text = case["text"].encode()

    if case["accepted"]:
        assert parse_json(text, Document).n >= 0
    else:
        with pytest.raises(JsonError):
            parse_json(text, Document)


def test_names_are_not_searched_for_duplicates_where_a_result_accounts_for_all_of_them() -> None:
    twice = b'{"n": 1, "n": 2}'

    assert parse_json(twice, Document, lambda _: 2).n == 2
    with pytest.raises(JsonError, match="2 names, of which 1"):
        parse_json(twice, Document, lambda _: 1)
