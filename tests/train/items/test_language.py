from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from train.data.dataset import Catalogue
from train.data.sequences import Sequences
from train.items.blocks import Block, EncodedInputs, Extractor, Inputs
from train.items.features import Features
from train.items.hashed_text import hashed_text
from train.items.language import (
    MAX_EVENT_CHARACTERS,
    Situation,
    encode_texts,
    history_text,
    situation_at,
    situation_text,
)
from train.items.text import MAX_CHARACTERS, ItemTexts
from train.plugins.llmrec_history import newest_means

WORDS = ("amber cedar", "brass lantern", "copper kettle", "dusty violin", "emerald scarf", "frosted window",
         "golden thimble", "hollow drum")  # fmt: skip
FRIDAY = 1_717_185_600  # 2024-05-31 20:00 UTC


def catalogue_of(titles: tuple[str, ...], brands: tuple[str, ...] = (), description: str | None = None) -> Catalogue:
    n = len(titles)
    fields = {"brand": tuple((brand,) for brand in brands)} if brands else {}
    ids = tuple(f"item-{row}" for row in range(n))
    return Catalogue(ids, titles, fields, (description,) * n, (None,) * n, ((),) * n)


def clocked(times: list[int]) -> Sequences:
    offsets = np.array([0, len(times)], dtype=np.int64)
    return Sequences(("user",), offsets, np.zeros(len(times), dtype=np.int32), np.array(times, dtype=np.int64))


def encoded(extractor: Extractor[str], texts: Inputs[str], width: int) -> NDArray[np.float32]:
    vectors = np.zeros((len(texts), width), dtype=np.float32)
    for rows, block in extractor.encode(texts).blocks:
        vectors[rows] = block
    return vectors


def features_of(extractor: Extractor[str], texts: Inputs[str]) -> Features:
    vectors = encoded(extractor, texts, extractor.encode(texts).width)
    return Features(extractor.name, vectors[:, None], np.ones((len(texts), 1), dtype=np.bool_))


def letters() -> Extractor[str]:
    """Return an extractor that counts letters, in place of a pretrained model."""

    def blocks(texts: Inputs[str]) -> Iterator[Block]:
        for row in range(len(texts)):
            counts = np.array([[texts[row].count(chr(97 + letter)) for letter in range(26)]], dtype=np.float32)
            yield Block(np.array([row]), counts / max(float(np.linalg.norm(counts)), 1.0))

    return Extractor("letters", lambda texts: EncodedInputs(26, blocks(texts)))


def test_a_history_is_written_newest_first_with_the_fields_of_each_item() -> None:
    catalogue = catalogue_of(("Soap", "Brush"), brands=("Nile", "Oak"))

    text = history_text(catalogue, [0, 1], None)

    assert text == "Brush; brand: Oak\nSoap; brand: Nile"


def test_long_histories_and_descriptions_are_truncated_and_the_newest_events_stay() -> None:
    catalogue = catalogue_of(("Old", "New"), description="word " * 2000)

    text = history_text(catalogue, np.array([0] * 500 + [1], dtype=np.int32), None)

    assert len(text) <= MAX_CHARACTERS
    assert text.startswith("New; word")
    assert all(len(line) <= MAX_EVENT_CHARACTERS for line in text.split("\n"))
    assert "Old" in text


def test_the_situation_comes_before_the_history() -> None:
    situation = Situation(hour=20, weekday=4, gap_s=3 * 86_400)

    text = history_text(catalogue_of(("Soap",)), [0], situation)

    assert text == "Friday evening, 20:00, last here within the week\nSoap"


@pytest.mark.parametrize(
    ("situation", "text"),
    [
        (Situation(0, 0, None), "Monday night, 0:00, first time here"),
        (Situation(5, 6, 0), "Sunday morning, 5:00, last here within the hour"),
        (Situation(23, 2, 400 * 86_400), "Wednesday night, 23:00, last here longer ago than a month"),
    ],
)
def test_situations_at_the_limits_of_their_ranges(situation: Situation, text: str) -> None:
    assert situation_text(situation) == text


def test_the_situation_is_computed_from_timestamps() -> None:
    sequences = clocked([FRIDAY - 7200, FRIDAY - 3600, FRIDAY + 50])

    assert situation_at(sequences, 0, FRIDAY) == Situation(hour=20, weekday=4, gap_s=3600)
    assert situation_at(sequences, 0, FRIDAY - 9000) == Situation(hour=17, weekday=4, gap_s=None)


def test_there_is_no_situation_if_timestamps_are_positions() -> None:
    assert situation_at(clocked([0, 1, 2]), 0, 3) is None
    assert situation_at(clocked([]), 0, FRIDAY) is None


def test_an_empty_history_is_an_empty_text_that_can_be_encoded() -> None:
    items = ItemTexts(catalogue_of(WORDS))
    text = history_text(items.catalogue, [], None)

    vectors = encode_texts(hashed_text(), [text], items, features_of(hashed_text(), items))

    assert text == ""
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize("extractor", [hashed_text(), letters()], ids=lambda extractor: extractor.name)
def test_an_items_text_is_encoded_to_its_known_vector(extractor: Extractor[str]) -> None:
    items = ItemTexts(catalogue_of(WORDS))
    known = features_of(extractor, items)

    result = encode_texts(extractor, [items[6], items[2]], items, known)

    np.testing.assert_allclose(result, known.vectors[[6, 2], 0], atol=0.02)


def test_an_independent_extractor_is_not_run_over_the_catalogue_again() -> None:
    items, asked = ItemTexts(catalogue_of(WORDS)), []
    plain = letters()

    def encode(texts: Inputs[str]) -> EncodedInputs:
        asked.append(len(texts))
        return plain.encode(texts)

    encode_texts(Extractor("letters", encode), ["a new text"], items, features_of(plain, items))

    assert max(asked) == 1


@pytest.mark.parametrize(("decay", "least"), [(1.0, 0.95), (0.6, 0.85)])
def test_the_mean_of_events_is_near_the_exact_encoding_of_the_history(decay: float, least: float) -> None:
    # No two items share a word and all have equal length, so a history's text is the sum of its events' texts.
    items = ItemTexts(catalogue_of(WORDS))
    extractor = hashed_text()
    known = features_of(extractor, items)
    rows = torch.tensor([[0, 1, 2], [3, 4, 5], [6, 7, 1]])

    exact = encode_texts(extractor, [history_text(items.catalogue, each.numpy(), None) for each in rows], items, known)
    means = newest_means(torch.from_numpy(known.vectors[:, 0]), rows, torch.ones(3, 3), decay).numpy()

    cosines = exact @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T
    assert cosines.diagonal().min() > least * np.linalg.norm(exact, axis=1).max()
    assert (cosines.argmax(1) == np.arange(3)).all()


def test_features_of_other_items_or_extractors_are_refused() -> None:
    items = ItemTexts(catalogue_of(WORDS))
    known = features_of(letters(), items)

    with pytest.raises(ValueError, match="hashed"):
        encode_texts(hashed_text(), ["text"], items, known)
    with pytest.raises(ValueError, match="7 items"):
        encode_texts(letters(), ["text"], ItemTexts(catalogue_of(WORDS[:7])), known)


def test_no_texts_give_no_vectors() -> None:
    items = ItemTexts(catalogue_of(WORDS))

    assert encode_texts(letters(), [], items, features_of(letters(), items)).shape == (0, 26)
