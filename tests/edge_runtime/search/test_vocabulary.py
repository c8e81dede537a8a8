"""What a typed word may mean is found by the order of the words alone, and quickly however many there are."""

from collections.abc import Sequence
from typing import overload

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.search.vocabulary import BEGINNING, FORM, TYPO, WHOLE, Vocabulary

WORDS = sorted(["beanie", "beanies", "box", "boxes", "dryer", "hair", "lantern", "lanterns", "mug", "tent", "tents"])
VOCABULARY = Vocabulary(WORDS)
N_LOOKS = 30_000
"""Words drawn at random branch more than those of any language; to look at each once would be 200,000 looks."""


def meant(word: str, vocabulary: Vocabulary = VOCABULARY) -> dict[str, int]:
    """Return the words that a word means, free of typing errors or not, and how well they match."""
    matches = vocabulary.matches(word) or vocabulary.near(word)
    return {WORDS[place]: quality for quality, places in matches for place in places}


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("tent", {"tent": WHOLE, "tents": FORM}),
        ("tents", {"tent": FORM, "tents": WHOLE}),
        ("ten", {"tent": BEGINNING, "tents": BEGINNING}),
        ("mugs", {"mug": FORM}),
        ("boxe", {"box": FORM, "boxes": FORM}),
        ("beany", {"beanie": FORM, "beanies": FORM}),
        ("lantren", {"lantern": TYPO, "lanterns": TYPO}),
        ("lanterms", {"lantern": TYPO, "lanterns": TYPO}),
        ("kantern", {"lantern": TYPO, "lanterns": TYPO}),
        ("lanxer", {"lantern": TYPO, "lanterns": TYPO}),
        ("lanxe", {}),
        ("mgu", {}),
        ("anternn", {}),
        ("1234", {}),
        ("", dict.fromkeys(WORDS, BEGINNING)),
    ],
)
def test_a_word_means(word: str, found: dict[str, int]) -> None:
    assert meant(word) == found


def test_a_space_that_was_left_out_is_put_back() -> None:
    assert VOCABULARY.split("hairdryer") == ("hair", "dryer")
    assert VOCABULARY.split("hairdryers") == ("hair", "dryers")
    assert VOCABULARY.split("hairspace") == ()
    assert VOCABULARY.split("hair") == ()


@given(st.sampled_from([word for word in WORDS if len(word) > 4]), st.integers(0, 6), st.sampled_from("qzé本"))
def test_any_one_wrong_missing_added_or_exchanged_letter_is_forgiven(word: str, at: int, letter: str) -> None:
    at %= len(word) - 1
    typed = [
        word[:at] + letter + word[at + 1 :],
        word[:at] + letter + word[at:],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        word[:at] + word[at + 1 :],
    ]

    for one in typed:
        assert word in meant(one)


class Counted(Sequence[str]):
    """Words that count how often one of them is looked at."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words
        self.n_looks = 0

    def __len__(self) -> int:
        return len(self.words)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        self.n_looks += 1
        return self.words[index]


@pytest.mark.parametrize("typed", ["qqqqqq", "strawberryy", "lanternlanternlantern", "eaeaea"])
def test_a_typing_error_among_200_000_words_takes_a_bounded_number_of_looks(typed: str) -> None:
    letters = np.random.default_rng(0).integers(97, 123, (200_000, 7), dtype=np.uint8)
    words = Counted(sorted({row.tobytes().decode() for row in letters} | {"strawberry"}))
    vocabulary = Vocabulary(words)

    vocabulary.near(typed)

    assert len(words) > 190_000
    assert words.n_looks < N_LOOKS
