"""The cases that the page shares."""

from tests.golden_rounds import PATH, dump


def test_the_golden_cases_are_those_of_this_runtime() -> None:
    assert PATH.read_text(encoding="utf-8") == dump()
