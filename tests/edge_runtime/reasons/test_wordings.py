"""How claims are put into words."""

import pytest

from edge_runtime.bundle.manifest import ARTICLES, SHOP, VIDEO
from edge_runtime.reasons.claims import Claim
from edge_runtime.reasons.facts import Fact
from edge_runtime.reasons.names import Name
from edge_runtime.reasons.phrasebook import phrases_of
from edge_runtime.reasons.wordings import Speaker

OIL = Name("oil", is_title=False, kind="oil", title="Rose Oil")
DOVE_SHAMPOO = Name("Dove shampoo", is_title=False, kind="shampoo", maker="Dove", title="Mint Shampoo")
BOOTS = Name("boots", is_title=False, kind="boots", title="Trail Boots")


def texts(name: Name, field: str, value: str, language: str = "en", kind: str = SHOP, event: str = "") -> list[str]:
    fact = Fact("shared", field, value, 7) if field else Fact("follows", "", "", 7)
    speaker = Speaker(phrases_of(language), "short", "casual", {7: name}, {7: event}, kind)
    return [wording.text for wording in speaker.wordings(Claim(fact, 0, ()))]


def test_an_item_of_the_kind_by_which_the_other_is_called_is_another_one() -> None:
    assert "Another oil, after yours" in texts(OIL, "category", "Oils")
    assert "Another oil, after the one you liked" in texts(OIL, "category", "Oils", event="like")
    assert not any("your oil" in text for text in texts(OIL, "category", "Oils"))


def test_another_one_of_an_item_that_is_called_by_its_maker_too_says_whose() -> None:
    assert "Another shampoo, after your Dove one" in texts(DOVE_SHAMPOO, "category", "Shampoos")


def test_there_is_no_other_one_of_what_is_only_a_plural() -> None:
    found = texts(BOOTS, "category", "Boots")

    assert "More boots, like “Trail Boots”" in found
    assert not any("nother boots" in text for text in found)


@pytest.mark.parametrize("language", ["de", "fr", "es", "zh"])
def test_in_other_languages_the_title_is_said_instead(language: str) -> None:
    assert all("Rose Oil" in text for text in texts(OIL, "category", "Oils", language))


def test_a_kind_of_another_name_is_said_beside_the_name() -> None:
    assert "More hair care, like your oil" in texts(OIL, "category", "Hair Care")


def test_a_maker_is_said_once() -> None:
    found = texts(DOVE_SHAMPOO, "brand", "Dove, Inc.")

    assert "Also from Dove, like your shampoo" in found
    assert "Same maker as your Dove shampoo" in found


@pytest.mark.parametrize(
    ("kind", "verb"), [(SHOP, "picked"), (VIDEO, "watched"), (ARTICLES, "read"), ("games", "picked")]
)
def test_the_verb_is_that_of_the_kind_of_catalogue(kind: str, verb: str) -> None:
    assert f"Often {verb} right after “Trams”" in texts(Name("Trams", is_title=True), "", "", kind=kind)


def test_a_wording_knows_with_what_it_begins() -> None:
    speaker = Speaker(phrases_of("en"), "short", "casual", {7: OIL}, {})

    wordings = speaker.wordings(Claim(Fact("shared", "brand", "Aster", 7), 0, ()))

    openings = {wording.text: wording.opening for wording in wordings}
    assert openings["Also from Aster, like your oil"] == "also"
    assert openings["From Aster, the maker of your oil"] == "from"
