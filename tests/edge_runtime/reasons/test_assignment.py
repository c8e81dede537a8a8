"""No two reasons of a list sound alike."""

from edge_runtime.reasons.assignment import FREE_CITATIONS, N_NATURAL, Assigner
from edge_runtime.reasons.claims import Claim
from edge_runtime.reasons.facts import Fact
from edge_runtime.reasons.names import Name
from edge_runtime.reasons.phrasebook import phrases_of
from edge_runtime.reasons.wordings import Speaker, Wording

NAMES = {row: Name(f"Film {row}", is_title=True) for row in range(20)}
SPEAKER = Speaker(phrases_of("en"), "short", "casual", NAMES, {})


def because(past: int, cost: int = 4) -> Claim:
    return Claim(Fact("because", "", "", past), cost, ())


def shared(past: int, value: str, cost: int = 0) -> Claim:
    return Claim(Fact("shared", "genre", value, past), cost, ())


def said(claims_of_items: list[list[Claim]]) -> list[Wording | None]:
    assigner, chosen = Assigner(), []
    for row, claims in enumerate(claims_of_items):
        choices = assigner.choices(SPEAKER, row, claims)
        if choices:
            assigner.say(choices[0])
        chosen.append(choices[0] if choices else None)
    return chosen


def test_ten_reasons_that_cite_one_event_have_nine_wordings() -> None:
    wordings = said([[because(1)] for _ in range(10)])

    assert len({wording.skeleton for wording in wordings if wording}) == 9


def test_a_fact_that_was_said_gives_way_to_another() -> None:
    wordings = said([[shared(1, "war"), shared(1, "comedy")]] * 2)

    assert [wording.facts[0].value for wording in wordings if wording] == ["war", "comedy"]


def test_two_reasons_begin_alike_only_if_no_wording_is_left_that_does_not() -> None:
    wordings = said([[because(1)] for _ in range(5)])

    assert len({wording.opening for wording in wordings if wording}) == 5


def test_the_less_natural_wordings_of_a_relation_are_said_only_when_the_others_were() -> None:
    speaker = Speaker(phrases_of("en"), "short", "casual", NAMES, {})
    natural = {wording.skeleton for wording in speaker.wordings(because(1))[:N_NATURAL]}

    wordings = said([[because(1)] for _ in range(9)])

    skeletons = [wording.skeleton for wording in wordings if wording]
    assert set(skeletons[:N_NATURAL]) == natural
    assert not natural & set(skeletons[N_NATURAL:])


def test_what_an_item_shares_with_another_event_is_said_before_one_event_is_cited_a_third_time() -> None:
    wordings = said([[because(1)], [because(1)], [because(1), shared(2, "war", cost=4)]])

    assert [wording.facts[0].history_row for wording in wordings if wording] == [1, 1, 2]


def test_one_event_is_cited_at_most_three_times_if_others_are_as_good() -> None:
    wordings = said([[because(1), because(2), because(3), because(4)]] * 10)

    cited = [wording.facts[0].history_row for wording in wordings if wording]
    assert max(cited.count(past) for past in (1, 2, 3, 4)) <= FREE_CITATIONS + 1


def test_popularity_is_not_said_twice_in_the_same_words() -> None:
    popular = Claim(Fact("popular", "", "10%"), 0, ())

    wordings = said([[popular]] * 7)

    assert len({wording.text for wording in wordings if wording}) == 5
    assert wordings[5:] == [None, None]


def test_an_item_without_claims_has_no_reason() -> None:
    assert said([[]]) == [None]
