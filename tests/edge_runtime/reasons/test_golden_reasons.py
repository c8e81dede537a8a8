"""Golden cases shared with the browser runtime: names, claims, wordings, prompts and reasons."""

import json
from typing import Any

import numpy as np
import pytest

from edge_runtime.reasons.facts import Fact, is_true
from tests.golden_reasons import answers, make_items, make_transitions, paths

FILES: dict[str, Any] = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths()}
CASES = [
    pytest.param(golden["catalogue"], case, id=f"{name}: {case['name']}")
    for name, golden in FILES.items()
    for case in golden["cases"]
]


@pytest.mark.parametrize(("catalogue", "case"), CASES)
def test_the_answers_match_the_golden_file(catalogue: dict[str, Any], case: dict[str, Any]) -> None:
    assert answers(catalogue, case) == case["expected"]


@pytest.mark.parametrize(("catalogue", "case"), CASES)
def test_the_facts_in_the_golden_file_are_true(catalogue: dict[str, Any], case: dict[str, Any]) -> None:
    popularity = np.array(catalogue["popularity"], dtype=np.uint8)
    items, transitions = make_items(catalogue), make_transitions(catalogue)

    for row, reason in zip(case["rows"], case["expected"]["reasons"], strict=True):
        for fact in [] if reason is None else reason["facts"]:
            assert is_true(Fact(**fact), items, popularity, row, case["pasts"], transitions)


@pytest.mark.parametrize(("catalogue", "case"), CASES)
def test_reasons_of_a_golden_list_are_distinct(catalogue: dict[str, Any], case: dict[str, Any]) -> None:
    texts = [reason["text"] for reason in case["expected"]["reasons"] if reason is not None]

    assert len(set(texts)) == len(texts)
