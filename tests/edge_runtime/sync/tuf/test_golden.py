"""The cases that the page's verifier must decide in the same way."""

import pytest

from tests.golden_dislikes import dump
from tests.golden_signed_metadata import PATH, SCENARIOS, Scenario, make_all

ACCEPTED = {
    "nothing new", "releases follow each other", "unknown fields and odd texts are signed",
    "spaces and escapes are not",
    "timestamp recovered", "snapshot recovered", "targets recovered", "root keys replaced", "delegated",
    "delegated by digest", "too many delegations", "a short specification", "a leap day", "a length of null",
    "a target with more fields", "a target named like a prototype", "a file named like a prototype", "a delegation",
}  # fmt: skip


def test_the_golden_file_is_up_to_date() -> None:
    assert PATH.read_text(encoding="utf-8") == dump(make_all())


@pytest.mark.parametrize("name", SCENARIOS)
def test_cases_end_as_their_names_say(name: str) -> None:
    scenario = Scenario({})
    SCENARIOS[name](scenario)

    refused = [step["expected"]["refused"] for step in scenario.steps]

    assert any(refused) == (name not in ACCEPTED)
