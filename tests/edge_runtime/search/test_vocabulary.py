"""Words are matched by binary search alone, fast for any vocabulary size."""

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
"""Limit of look-ups. Random words branch more than those of any language; a full scan would take 200,000."""


def matched(word: str, vocabulary: Vocabulary = VOCABULARY) -> dict[str, int]:
    """Return the matching words, with and without typing errors, and the quality of each match."""
    matches = vocabulary.matches(word) or vocabulary.near(word)
    return {WORDS[position]: quality for quality, positions in matches for position in positions}


@pytest.mark.parametrize(
    ("word", "expected"),
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
def test_a_word_matches(word: str, expected: dict[str, int]) -> None:
    assert matched(word) == expected


def test_a_missing_space_is_restored() -> None:
    assert VOCABULARY.split("hairdryer") == ("hair", "dryer")
    assert VOCABULARY.split("hairdryers") == ("hair", "dryers")
    assert VOCABULARY.split("hairspace") == ()
    assert VOCABULARY.split("hair") == ()


@given(st.sampled_from([word for word in WORDS if len(word) > 4]), st.integers(0, 6), st.sampled_from("qzé本"))
def test_one_replaced_deleted_inserted_or_transposed_letter_is_corrected(word: str, at: int, letter: str) -> None:
    at %= len(word) - 1
    typed = [
        word[:at] + letter + word[at + 1 :],
        word[:at] + letter + word[at:],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        word[:at] + word[at + 1 :],
    ]

    for one in typed:
        assert word in matched(one)


class Counted(Sequence[str]):
    """Words that count how often one of them is read."""

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
def test_a_typing_error_among_200_000_words_takes_a_bounded_number_of_look_ups(typed: str) -> None:
    letters = np.random.default_rng(0).integers(97, 123, (200_000, 7), dtype=np.uint8)
    words = Counted(sorted({row.tobytes().decode() for row in letters} | {"strawberry"}))
    vocabulary = Vocabulary(words)

    vocabulary.near(typed)

    assert len(words) > 190_000
    assert words.n_looks < N_LOOKS
