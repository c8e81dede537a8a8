"""Texts are read once, piece by piece, and the time that it takes is said before."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.train.items.tiny_catalogue import make_catalogue, no_events
from train.errors import RunError
from train.items import reading
from train.items.blocks import Block, EncodedInputs, Extractor, Inputs
from train.items.extractors import ExtractorConfig, plugin_inputs
from train.items.reading import read_texts


class Reader:
    """Encodes a text as its length, remembers what it read, and can be stopped by a text."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.extractor = Extractor("reader-1 weights", self._encode)

    def _encode(self, texts: Inputs[str]) -> EncodedInputs:
        def blocks() -> Iterator[Block]:
            for row in range(len(texts)):
                if texts[row] == "stop":
                    raise KeyboardInterrupt
                self.read.append(texts[row])
                yield Block(np.asarray([row]), np.full((1, 2), len(texts[row]), dtype=np.float32))

        return EncodedInputs(2, blocks())


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PIECE", 2)


def test_vectors_are_in_the_order_of_the_texts_and_read_once(tmp_path: Path) -> None:
    reader = Reader()
    texts = ["a", "bb", "ccc", "dddd", "eeeee"]

    first = read_texts(reader.extractor, texts, tmp_path)
    second = read_texts(reader.extractor, texts, tmp_path)

    assert first.tolist() == second.tolist() == [[n, n] for n in range(1, 6)]
    assert reader.read == texts


def test_an_interruption_loses_one_piece(tmp_path: Path) -> None:
    reader = Reader()
    with pytest.raises(KeyboardInterrupt):
        read_texts(reader.extractor, ["a", "bb", "ccc", "stop"], tmp_path)
    reader.read.clear()

    read_texts(reader.extractor, ["a", "bb", "ccc", "dddd"], tmp_path)

    assert reader.read == ["ccc", "dddd"]


def test_without_a_cache_all_texts_are_read() -> None:
    assert read_texts(Reader().extractor, ["a", "bb", "ccc"], None)[:, 0].tolist() == [1, 2, 3]


def test_the_time_is_estimated_before_for_what_is_not_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reading, "_ESTIMATED_FROM", 3)
    read_texts(Reader().extractor, ["a", "bb"], tmp_path)
    assert "reads" not in capsys.readouterr().err

    read_texts(Reader().extractor, ["a", "bb", "ccc", "dddd", "e"], tmp_path)

    printed = " ".join(capsys.readouterr().err.split())
    assert "reader-1 reads 3 histories as text, once: about 0 min here, 2 more are in the cache." in printed
    assert "histories as text: 3 read, 0 s" in printed


def test_an_extractor_that_is_fitted_to_its_texts_is_refused() -> None:
    inputs = plugin_inputs(
        make_catalogue(["red tea", "green tea", "a blue cup", "a red kettle"]),
        no_events(),
        ExtractorConfig(),
        dim=4,
        seed=0,
        cache_dir=None,
    )

    assert inputs.read is not None
    with pytest.raises(RunError, match="--text minilm"):
        inputs.read(["any text"])
