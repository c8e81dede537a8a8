"""The sentences that the model learns to parse from."""

import re
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.conversation.decisions import ASKED, ROLES
from tests.golden_conversation import shop
from train.reasons.batches import IGNORED, collate, encode_said
from train.reasons.said_corpus import SaidExample, make_said_corpus
from train.reasons.tokenizer import END, train_tokenizer

ITEMS = shop()
POPULARITY = np.zeros(len(ITEMS.title), dtype=np.uint8)
SENTENCES = Path(__file__).parents[3] / "benchmarks" / "sentences"


@pytest.fixture(scope="module")
def corpus() -> list[SaidExample]:
    return list(make_said_corpus(ITEMS, POPULARITY, 400, seed=5))


def test_equal_seeds_give_equal_sentences(corpus: list[SaidExample]) -> None:
    assert list(make_said_corpus(ITEMS, POPULARITY, 400, seed=5)) == corpus
    assert list(make_said_corpus(ITEMS, POPULARITY, 400, seed=6)) != corpus


def test_every_role_and_every_request_occurs(corpus: list[SaidExample]) -> None:
    words = {line.rpartition(" ")[2] for example in corpus for line in example.reason.splitlines()}

    assert words == {*ROLES, *ASKED}


def test_what_is_asked_for_is_named_and_what_is_talk_is_not(corpus: list[SaidExample]) -> None:
    decided = {example.text: example.reason for example in corpus}
    wished = [reason for text, reason in decided.items() if re.fullmatch(r"(?i)(no|without|avoid) \w+[.!?]?", text)]

    assert wished
    assert all(" = not\n" in reason for reason in wished)
    for reason in decided.values():
        if reason.endswith("asks nothing\n"):
            assert " = want\n" not in reason


def test_only_what_is_decided_counts_in_the_loss(corpus: list[SaidExample]) -> None:
    tokenizer = train_tokenizer([example.prompt + example.reason for example in corpus], 512)
    encoded = encode_said(corpus[:8], tokenizer, tokenizer.token_to_id(END), 512)

    _, _, labels = collate(encoded, reasons_only=True)
    for row, example in zip(labels.tolist(), corpus, strict=False):
        counted = tokenizer.decode([token for token in row if token != IGNORED])
        assert counted.split() == [line.rpartition(" ")[2] for line in example.reason.splitlines()]


def test_no_sentence_of_the_measurement_is_among_the_frames() -> None:
    frames = (Path(__file__).parents[3] / "train" / "reasons" / "frames.toml").read_text("utf-8")
    spoken = set(re.findall(r'"([^"]+)"', frames))
    measured = {
        line.split("\t")[3].lower() for path in SENTENCES.glob("*.tsv") for line in path.read_text("utf-8").splitlines()
    }

    assert {text for text in spoken & measured if len(text.split()) > 2} == set()
