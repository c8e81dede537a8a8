"""The documents and repositories that the page must judge in the same way."""

import json

from tests.golden_dislikes import dump
from tests.golden_releases import PATH, make_all


def test_the_golden_file_is_up_to_date() -> None:
    assert PATH.read_text(encoding="utf-8") == dump(make_all())


def test_the_cases_have_every_verdict() -> None:
    golden = json.loads(PATH.read_text(encoding="utf-8"))
    outcomes = [case["expected"] for case in golden["repositories"]]

    assert {case["verdict"] for case in golden["documents"]} == {"accepted", "refused", "newer"}
    assert {outcome["refused"] for outcome in outcomes} == {
        None, "UpdateRefusedError", "BundleVersionError", "ExpiredMetadataError"
    }  # fmt: skip
    assert {note for outcome in outcomes for note in outcome["notes"]} >= {
        "the release of adapter was left out", "adapter release 2 is for another base and was skipped"
    }  # fmt: skip
    assert any(outcome["waiting"] == 2 for outcome in outcomes)
    for component in ("codebook", "transitions", "prompts", "adapter"):
        assert {case["foreign"][component] for case in golden["derived"]} == {True, False}
