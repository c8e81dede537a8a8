"""The phrases of every language have one schema."""

import re
from itertools import chain

import pytest

from edge_runtime.reasons.names import Name
from edge_runtime.reasons.phrasebook import LANGUAGES, Phrases, Wordings, phrases_of
from edge_runtime.reasons.quoting import clean
from edge_runtime.reasons.wordings import KINDS
from edge_runtime.reasons.words import TONES, rules

ENGLISH = phrases_of("en")
MOST_SLOTS = {"past", "value", "field", "name", "first", "second"}
VERB_FORMS = {"do", "did", "done"}
LEAST_WORDINGS = 5
MANY_WORDINGS = 9  # of what a whole list may have to say

languages = pytest.mark.parametrize("phrases", [phrases_of(code) for code in LANGUAGES], ids=LANGUAGES)


def lists(phrases: Phrases) -> dict[str, Wordings]:
    """Return the wordings of each relation."""
    others = {"follows": phrases.follows, "because": phrases.because, "popular": phrases.popular}
    return phrases.shared | others


def slots(pattern: str) -> set[str]:
    return set(re.findall(r"\{([a-z]+)\}", pattern))


@languages
def test_the_groups_are_those_of_the_rules(phrases: Phrases) -> None:
    groups = {*rules().groups.values(), "other"}
    first = {group for name, group in rules().groups.items() if name not in rules().weak}

    assert set(phrases.shared) == {*first, "other"}  # what is only said beside another fact has no wordings of its own
    assert set(phrases.also) == {*groups, "follows", "popular"}
    assert set(phrases.past) == set(TONES)
    assert all(set(forms) == {"any", "like", "purchase", "click"} for forms in phrases.past.values())


@languages
def test_each_relation_has_at_least_five_wordings_in_each_tone_and_no_two_are_equal(phrases: Phrases) -> None:
    for relation, wordings in lists(phrases).items():
        least = MANY_WORDINGS if relation in ("kind", "follows", "because") else LEAST_WORDINGS
        for tone in TONES:
            assert len(set(wordings[tone])) == len(wordings[tone]) >= least, (relation, tone)


@languages
def test_each_wording_has_its_slots(phrases: Phrases) -> None:
    for relation, wordings in lists(phrases).items():
        for pattern in chain(*wordings.values()):
            used = slots(pattern)
            assert used <= {"past", "value", "field", *(VERB_FORMS if relation == "follows" else ())}, pattern
            assert ("past" in used) == (relation != "popular"), pattern
            assert not ("value" in used and relation in ("follows", "because", "popular")), pattern
    for pattern in chain(*phrases.detailed.values()):
        assert slots(pattern) == {"first", "second"}
    for relation, pattern in phrases.also.items():
        assert slots(pattern) <= (VERB_FORMS if relation == "follows" else {"value", "field"}), pattern
    assert all(slots(form) == {"name"} for forms in phrases.past.values() for form in forms.values())


@languages
def test_each_kind_of_catalogue_has_a_verb_in_each_tone(phrases: Phrases) -> None:
    for tone in TONES:
        assert set(phrases.verbs[tone]) == set(KINDS)
        assert all(set(forms) == VERB_FORMS and all(forms.values()) for forms in phrases.verbs[tone].values())


@languages
def test_one_more_of_a_kind_has_wordings_with_its_slots(phrases: Phrases) -> None:
    again = phrases.again
    if again is None:
        return
    for tone in TONES:
        assert len(set(again.wordings[tone])) == len(again.wordings[tone]) >= LEAST_WORDINGS
        assert all({"past"} < slots(pattern) <= {"past", "name", "value"} for pattern in again.wordings[tone])
        assert set(again.one[tone]) == set(again.made[tone]) == {"any", "like", "purchase", "click"}
        assert not any(slots(form) for form in again.one[tone].values())
        assert all(slots(form) == {"maker"} for form in again.made[tone].values())


@languages
def test_no_phrase_ends_with_a_full_stop_or_has_space_around_it(phrases: Phrases) -> None:
    for pattern in chain(*(chain(*wordings.values()) for wordings in lists(phrases).values())):
        assert pattern == pattern.strip()
        assert not pattern.endswith((".", "。"))


@languages
def test_no_cleaned_text_can_hold_the_quotation_marks(phrases: Phrases) -> None:
    assert all(mark.strip() not in clean(f"a{mark}b") for mark in phrases.quotes)


def test_marks_are_those_of_the_language() -> None:
    for phrases, wrong in (("fr", "'|[^\u00a0][:;!?»]|«[^\u00a0]"), ("zh", "[,;:!?()'\"]"), ("de", "'|\"| [:;!?]")):
        for pattern in _all_phrases(phrases_of(phrases)):
            assert re.search(wrong, pattern) is None, pattern


def _all_phrases(phrases: Phrases) -> list[str]:
    listed = [*lists(phrases).values(), phrases.detailed, phrases.nothing]
    said = [pattern for wordings in listed for some in wordings.values() for pattern in some]
    return [*said, *phrases.also.values(), *(form for forms in phrases.past.values() for form in forms.values())]


def test_another_language_is_refused() -> None:
    with pytest.raises(ValueError, match="language must be one of 'en'"):
        phrases_of("xx")


def test_a_name_that_is_a_title_is_quoted() -> None:
    assert ENGLISH.quoted(Name("Toy Story", is_title=True).text) == "“Toy Story”"
