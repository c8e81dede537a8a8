"""Each method of encoding a history gives the described vectors, and is evaluated on the same next items."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import benchmarks.history_text
from benchmarks.history_text import (
    AS_TEXT,
    DEFAULTS,
    MEAN,
    NEWEST,
    WITH_SITUATION,
    main,
    measure,
    sample,
    situations,
    vectors_of,
    with_progress,
)
from tests.tiny_shop import write_shop
from train.data.dataset import Catalogue
from train.data.sequences import Sequences
from train.data.split import Targets, leave_one_out
from train.items.blocks import Block, EncodedInputs, Extractor, Inputs, unit_length
from train.items.features import Features
from train.items.language import Situation
from train.items.text import ItemTexts

WORDS = ("amber", "brass", "copper", "dust", "ebony", "flint", "evening")
TITLES = ("amber", "brass", "copper", "dust", "ebony", "flint", "brass flint", "amber dust", "copper ebony")
FRIDAY = 1_717_185_600  # 2024-05-31 20:00 UTC
DAY_S = 86_400


def counted_words() -> Extractor[str]:
    """Return a fake language model with one dimension per word."""

    def blocks(texts: Inputs[str]) -> Iterator[Block]:
        for row in range(len(texts)):
            words = texts[row].replace(",", " ").split()
            counts = np.array([[words.count(word) for word in WORDS]], dtype=np.float32)
            yield Block(np.array([row]), unit_length(counts))

    return Extractor("counted", lambda texts: EncodedInputs(len(WORDS), blocks(texts)))


def catalogue() -> Catalogue:
    n = len(TITLES)
    return Catalogue(tuple(f"i{row}" for row in range(n)), TITLES, {}, (None,) * n, (None,) * n, ((),) * n)


def known() -> Features:
    blocks = counted_words().encode(ItemTexts(catalogue())).blocks
    vectors = np.concatenate([block.vectors for block in blocks])
    return Features("counted", vectors[:, None], np.ones((len(TITLES), 1), dtype=np.bool_))


def last_events(histories: list[list[int]], *, clock: bool = False) -> Targets:
    """Return the last event of each history as target; with ``clock``, events are daily and end on a Friday."""
    lengths = [len(rows) for rows in histories]
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    ages = np.concatenate([np.arange(n)[::-1] for n in lengths])
    times = FRIDAY - DAY_S * ages if clock else -ages + max(lengths)
    users = tuple(f"u{user}" for user in range(len(histories)))
    rows = np.concatenate(histories).astype(np.int32)
    return leave_one_out(Sequences(users, offsets, rows, times.astype(np.int64))).test


def test_every_method_gives_the_described_vectors() -> None:
    test = last_events([[0, 1, 5], [2, 3, 4, 0]], clock=True)

    vectors = dict(vectors_of(test, catalogue(), counted_words(), known()))

    axis = torch.eye(len(WORDS))
    amber, brass, copper, dust, ebony, _, evening = axis
    torch.testing.assert_close(vectors[AS_TEXT][0], (amber + brass) / 2**0.5)
    torch.testing.assert_close(vectors[WITH_SITUATION][1], (copper + dust + ebony + evening) / 2)
    torch.testing.assert_close(vectors[MEAN][0], (brass + DEFAULTS.decay * amber) / (1 + DEFAULTS.decay))
    torch.testing.assert_close(vectors[NEWEST], torch.stack([brass, ebony]))


def test_without_timestamps_the_method_with_situations_is_skipped() -> None:
    vectors = dict(vectors_of(last_events([[0, 1, 5], [2, 3, 4, 0]]), catalogue(), counted_words(), known()))

    assert list(vectors) == [AS_TEXT, MEAN, NEWEST]


def test_the_situation_is_that_of_the_time_of_the_target() -> None:
    assert situations(last_events([[0, 1, 5]], clock=True)) == [Situation(hour=20, weekday=4, gap_s=DAY_S)]


def test_vectors_do_not_depend_on_the_target() -> None:
    one, other = (last_events([[0, 1, last], [2, 3, 4, 0]], clock=True) for last in (5, 8))

    first, second = (dict(vectors_of(test, catalogue(), counted_words(), known())) for test in (one, other))

    assert all(torch.equal(first[method], second[method]) for method in first)


def test_the_next_item_is_ranked_by_similarity_without_the_history() -> None:
    # "brass flint" is most similar to the newest item of the first user; items of the history are excluded.
    test = last_events([[0, 1, 6], [2, 4, 3]])

    rows = measure(test, catalogue(), counted_words(), known())
    newest = next(row for row in rows if row["vector"] == NEWEST and row["cosine"] == "plain")

    # The second target is one of six items with similarity 0; ties are counted against it, so "copper ebony" and the
    # five others rank before it.
    assert newest["recall@10"] == 1.0
    assert newest["ndcg@10"] == pytest.approx((1.0 + 1.0 / np.log2(6 + 2)) / 2)
    assert [row["vector"] for row in rows] == [AS_TEXT, MEAN, NEWEST] * 2
    assert all(("p" in row) == (row["vector"] != MEAN) for row in rows)


def test_the_sample_depends_only_on_the_seed_and_has_at_most_all_users() -> None:
    test = last_events([[0, 1, 5], [2, 3, 4], [1, 2, 3], [4, 5, 6], [0, 2, 4]])

    one, again, other = sample(test, 2, 0), sample(test, 2, 0), sample(test, 2, 1)

    assert one.users.tolist() == again.users.tolist() != other.users.tolist()
    assert len(one) == 2
    assert sample(test, 9, 0).users.tolist() == test.users.tolist()


def test_showing_progress_does_not_change_the_output_of_an_extractor(capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["amber", "brass dust"]

    plain, shown = counted_words(), with_progress(counted_words(), "two texts")

    assert shown.name == plain.name
    for block, expected in zip(shown.encode(texts).blocks, plain.encode(texts).blocks, strict=True):
        assert np.array_equal(block.vectors, expected.vectors)
    assert "two texts: 2 texts" in capsys.readouterr().err


def test_the_command_prints_the_same_results_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmarks.history_text, "FEATURES", tmp_path / "features")
    arguments = ["--data", str(write_shop(tmp_path / "shop")), "--text", "hashed", "--users", "20"]

    main([*arguments, "--json"])
    first = json.loads(capsys.readouterr().out)
    main([*arguments, "--json"])
    again = json.loads(capsys.readouterr().out)
    main(arguments)

    assert (first["users"], first["seed"], len(first["rows"])) == (20, 0, 8)
    assert first == again
    assert MEAN in capsys.readouterr().out
