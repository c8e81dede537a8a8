import json

from tests.golden_dislikes import dump
from tests.golden_transitions import PATH, make_all


def test_the_scores_of_transitions_match_the_golden_file() -> None:
    assert PATH.read_text(encoding="utf-8") == dump(make_all())


def test_the_golden_file_has_cases_that_differ_with_and_without_a_state() -> None:
    cases = json.loads(PATH.read_text(encoding="utf-8"))["cases"]

    assert len(cases) == 6
    assert all(case["best"] != case["best_with_state"] for case in cases)
