import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.train.items.tiny_catalogue import draw, make_catalogue, no_events
from train.items.blocks import Block, EncodedInputs, Extractor, Inputs, one_each
from train.items.computing import features_of
from train.items.digests import text_digests
from train.items.extractors import ExtractorConfig, plugin_inputs
from train.items.features import Features


class Lengths:
    """An extractor that encodes a text as its length, and counts its calls."""

    def __init__(self, name: str = "lengths-1") -> None:
        self.n_described = 0
        self.extractor = Extractor(name, self._encode)

    def of(self, texts: list[str], cache_dir: Path | None) -> Features:
        layout = one_each(range(len(texts)), len(texts))
        return features_of(self.extractor, texts, layout, lambda: text_digests(texts), cache_dir)

    def _encode(self, texts: Inputs[str]) -> EncodedInputs:
        def blocks() -> Iterator[Block]:
            for row in reversed(range(len(texts))):
                self.n_described += 1
                yield Block(np.asarray([row]), np.full((1, 2), len(texts[row]), dtype=np.float32))

        return EncodedInputs(2, blocks())


def entries(cache_dir: Path) -> list[Path]:
    return sorted(cache_dir.iterdir())


def test_features_are_computed_once_and_read_back_unchanged(tmp_path: Path) -> None:
    lengths = Lengths()

    first = lengths.of(["a", "bbb"], tmp_path)
    second = lengths.of(["a", "bbb"], tmp_path)

    assert lengths.n_described == 2
    assert second.vectors.tolist() == first.vectors.tolist() == [[[1, 1]], [[3, 3]]]
    assert second.present.all()
    assert second.extractor == first.extractor == "lengths-1"
    assert isinstance(second.vectors, np.memmap)


def test_cached_features_convert_to_torch_without_a_warning(tmp_path: Path) -> None:
    features = Lengths().of(["a"], tmp_path)

    torch.from_numpy(features.vectors).add_(1)

    assert Lengths().of(["a"], tmp_path).vectors.tolist() == [[[1, 1]]]


@pytest.mark.parametrize("texts", [["a", "bbbb"], ["bbb", "a"], ["a"], ["a", "bbb", "c"]])
def test_other_texts_are_computed_again(tmp_path: Path, texts: list[str]) -> None:
    Lengths().of(["a", "bbb"], tmp_path)
    lengths = Lengths()

    features = lengths.of(texts, tmp_path)

    assert lengths.n_described == len(texts)
    assert features.vectors[:, 0, 0].tolist() == [len(text) for text in texts]
    assert len(entries(tmp_path)) == 2


def test_each_extractor_has_its_own_entry(tmp_path: Path) -> None:
    Lengths().of(["a"], tmp_path)
    other = Lengths("lengths-2")

    assert other.of(["a"], tmp_path).extractor == "lengths-2"
    assert other.n_described == 1


def test_without_a_folder_nothing_is_cached() -> None:
    lengths = Lengths()

    lengths.of(["a"], None)
    lengths.of(["a"], None)

    assert lengths.n_described == 2


def flip_last_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["vectors.npy", "present.npy", "entry.json"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "missing", "empty"])
def test_a_damaged_entry_is_computed_again_and_replaced(tmp_path: Path, name: str, damage: str) -> None:
    Lengths().of(["a", "bbb"], tmp_path)
    (entry,) = entries(tmp_path)
    match damage:
        case "flipped":
            flip_last_byte(entry / name)
        case "cut":
            (entry / name).write_bytes((entry / name).read_bytes()[:-9])
        case "missing":
            (entry / name).unlink()
        case _:
            (entry / name).write_bytes(b"")
    lengths = Lengths()

    with pytest.warns(UserWarning, match="damaged"):
        features = lengths.of(["a", "bbb"], tmp_path)

    assert lengths.n_described == 2
    assert features.vectors[:, 0, 0].tolist() == [1, 3]
    Lengths().of(["a", "bbb"], tmp_path)  # complete again, so no warning
    assert entries(tmp_path) == [entry]


def test_an_entry_with_pickled_objects_is_not_loaded(tmp_path: Path) -> None:
    Lengths().of(["a"], tmp_path)
    (entry,) = entries(tmp_path)
    np.save(entry / "present.npy", np.asarray([[{}]], dtype=object), allow_pickle=True)
    about = json.loads((entry / "entry.json").read_text())
    import hashlib

    about["sha256"]["present.npy"] = hashlib.sha256((entry / "present.npy").read_bytes()).hexdigest()
    (entry / "entry.json").write_text(json.dumps(about))

    with pytest.warns(UserWarning, match="damaged"):
        features = Lengths().of(["a"], tmp_path)

    assert features.present.dtype == np.bool_


def test_a_failing_extractor_leaves_no_files(tmp_path: Path) -> None:
    def fail(texts: Inputs[str]) -> EncodedInputs:
        def blocks() -> Iterator[Block]:
            yield Block(np.asarray([0]), np.ones((1, 2), dtype=np.float32))
            raise KeyboardInterrupt

        return EncodedInputs(2, blocks())

    with pytest.raises(KeyboardInterrupt):
        features_of(Extractor("fails", fail), ["a"], one_each([0], 1), lambda: [b"a"], tmp_path)

    assert entries(tmp_path) == []


def test_a_folder_that_cannot_be_created_gives_a_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.warns(UserWarning, match="not cached"):
        features = Lengths().of(["a"], tmp_path / "file" / "cache")

    assert features.vectors.tolist() == [[[1, 1]]]


def test_a_changed_picture_is_encoded_again(tmp_path: Path) -> None:
    path = draw(tmp_path / "item.png", "red")
    catalogue = make_catalogue(["Item"], images=[path])

    def image() -> Features:
        inputs = plugin_inputs(catalogue, no_events(), ExtractorConfig(), dim=4, seed=0, cache_dir=tmp_path / "cache")
        return inputs.image()

    red = image().vectors.copy()
    same = image().vectors.copy()
    draw(path, "blue")
    blue = image().vectors.copy()

    np.testing.assert_array_equal(red, same)
    assert not np.allclose(red, blue)
