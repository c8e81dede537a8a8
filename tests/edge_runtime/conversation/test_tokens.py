"""Numbers in sentences."""

import pytest

from edge_runtime.conversation.tokens import MAX_CHARACTERS, phrase_of, tokens_of


def numbers(text: str) -> list[float | None]:
    return [token.number for token in tokens_of(text)]


@pytest.mark.parametrize("text", ["1,000", "1.000", "1'000", "1\u2019000", "1 000", "1\u00a0000", "1\u202f000", "1000"])
def test_thousands_may_be_separated_in_the_way_of_any_language(text: str) -> None:
    assert numbers(text) == [1000]


def test_decimals_may_follow_separated_thousands() -> None:
    assert numbers("1,299.50") == numbers("1.299,50") == numbers("1 299,50") == [1299.5]


def test_three_decimals_after_a_zero_are_no_thousands() -> None:
    assert numbers("0.125") == [0.125]


@pytest.mark.parametrize("text", ["-5", "-$5", "1e9", "1e400", "5k", "30%", "30 %", "1,00,000", "1,0000", "1.2.3"])
def test_a_number_glued_to_something_else_is_not_another_number(text: str) -> None:
    assert set(numbers(text)) == {None}


def test_no_price_is_beyond_a_million_millions() -> None:
    assert numbers("1,000,000,000,000") == [1e12]
    assert numbers("1000000000001") == numbers("9" * 290) == [None]


def test_a_dash_between_numbers_is_no_minus() -> None:
    assert numbers("20-40") == [20, 40]


def test_a_catalogue_text_keeps_numbers_that_follow_each_other_apart() -> None:
    assert phrase_of("SPF 50 200 ml") == phrase_of("SPF 50 200 ml ™")[:4] == ("spf", "50", "200", "ml")


def test_characters_that_stand_for_many_do_not_make_a_sentence_longer_than_it_may_be() -> None:
    assert sum(len(token.text) for token in tokens_of("\ufdfa" * MAX_CHARACTERS)) <= MAX_CHARACTERS
