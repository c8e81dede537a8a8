"""Golden cases shared with the browser runtime: facts, prompt, sentences, grammar and template."""

import json
from typing import Any

import numpy as np
import pytest

from edge_runtime.reasons.facts import Fact, is_true
from tests.golden_reasons import PATH, answers, make_items

GOLDEN: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: str(case["name"]))
def test_the_answers_match_the_golden_file(case: dict[str, Any]) -> None:
    assert answers(GOLDEN["catalogues"][case["catalogue"]], case) == case["expected"]


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: str(case["name"]))
def test_the_facts_in_the_golden_file_are_true(case: dict[str, Any]) -> None:
    catalogue = GOLDEN["catalogues"][case["catalogue"]]
    popularity = np.array(catalogue["popularity"], dtype=np.uint8)

    facts = [Fact(**fact) for fact in case["expected"]["facts"]]

    assert all(is_true(fact, make_items(catalogue), popularity, case["row"], case["history"]) for fact in facts)
