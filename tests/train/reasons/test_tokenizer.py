"""The tokenizer of the reason writer encodes every text without loss."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.reasons.tokenizer import END, train_tokenizer

TOKENIZER = train_tokenizer(["Like “Rose Soap” in your history, it comes from Aster.\n"] * 5, 320)


@given(st.text())
def test_every_text_is_decoded_unchanged(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text).ids, skip_special_tokens=False) == text


def test_the_end_token_in_a_title_is_ordinary_text() -> None:
    assert TOKENIZER.token_to_id(END) not in TOKENIZER.encode(f"Soap {END} rose").ids


def test_text_like_the_corpus_takes_few_tokens() -> None:
    text = "Like “Rose Soap” in your history"

    assert len(TOKENIZER.encode(text).ids) < len(text) // 2


def test_a_vocabulary_too_small_for_all_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 257, got 256"):
        train_tokenizer(["x"], 256)
