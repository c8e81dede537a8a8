"""LoRA adapters as GGUF files, attached by llama.cpp, compared with the merged models."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from edge_runtime.language_model.model import Model, load
from export.gguf import write_gguf
from export.gguf_lora import write_lora
from export.gguf_parity import compare_gguf
from tests.tiny_language_model import TEXTS, Shape, make_adapter, make_language_model
from train.errors import RunError
from train.reasons import pretrained
from train.reasons.lora import merge


def merged(adapter: Path, base: Path, folder: Path) -> Path:
    """Write the Hugging Face folder of the model with the adapter merged into it, and return it."""
    from peft import PeftModel

    model, tokenizer, _ = pretrained.load(str(base))
    pretrained.save(merge(PeftModel.from_pretrained(model, adapter)), tokenizer, folder, None)
    return folder


def log_probabilities(model: Model, text: str) -> np.ndarray[Any, Any]:
    """Return the log-probabilities of the token after each of three prefixes, ``[3, vocabulary]``."""
    rows = []
    tokens = model.tokenize(text)
    n_vocabulary = model._api.llama_vocab_n_tokens(model._vocabulary)
    for end in (3, len(tokens) // 2, len(tokens)):
        model._decode(tokens[:end])
        pointer = model._api.llama_get_logits_ith(model._context, -1)
        logits = np.ctypeslib.as_array(pointer, shape=(n_vocabulary,)).astype(np.float64)
        rows.append(logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max())
    return np.array(rows)


@pytest.mark.parametrize("shape", ["llama", "qwen2", "qwen3"])
def test_base_and_adapter_compute_what_the_merged_model_computes(shape: Shape, tmp_path: Path) -> None:
    base = make_language_model(tmp_path / "base", shape)
    adapter = make_adapter(tmp_path / "adapter", base, seed=1)
    whole = merged(adapter, base, tmp_path / "merged")
    write_gguf(base, tmp_path / "base.gguf")
    write_gguf(whole, tmp_path / "merged.gguf")

    write_lora(adapter, base, tmp_path / "adapter.gguf")

    attached = load(tmp_path / "base.gguf", 256)
    alone = log_probabilities(attached, TEXTS[0])
    attached.use(tmp_path / "adapter.gguf")
    both, expected = (
        log_probabilities(attached, TEXTS[0]),
        log_probabilities(load(tmp_path / "merged.gguf", 256), TEXTS[0]),
    )
    assert np.abs(alone - expected).max() > 0.5
    np.testing.assert_allclose(both, expected, atol=0.05)
    assert compare_gguf(whole, tmp_path / "merged.gguf", TEXTS[:1]).max_kl < 1e-4


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_language_model(tmp_path_factory.mktemp("base") / "model")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"peft_type": "LOHA"}, "'LOHA'"),
        ({"bias": "all"}, "'all'"),
        ({"use_dora": True}, "use_dora"),
        ({"use_rslora": True}, "use_rslora"),
        ({"modules_to_save": ["lm_head"]}, "lm_head"),
        ({"rank_pattern": {"q_proj": 2}}, "rank_pattern"),
    ],
)
def test_what_llama_cpp_cannot_attach_is_refused(
    change: dict[str, object], found: str, base: Path, tmp_path: Path
) -> None:
    adapter = make_adapter(tmp_path / "adapter", base, seed=0)
    settings = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(settings | change))

    with pytest.raises(RunError, match=f"{found}.*expected a plain LoRA"):
        write_lora(adapter, base, tmp_path / "adapter.gguf")
    assert not (tmp_path / "adapter.gguf").exists()


def test_a_weight_that_is_no_part_of_a_lora_is_refused(base: Path, tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "adapter", base, seed=0)
    weights = adapter / "adapter_model.safetensors"
    save_file(load_file(weights) | {"base_model.model.lm_head.weight": torch.zeros(2, 2)}, weights)

    with pytest.raises(RunError, match=r"lm_head\.weight', expected lora_A and lora_B"):
        write_lora(adapter, base, tmp_path / "adapter.gguf")


def test_a_weight_beyond_float16_is_refused(base: Path, tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "adapter", base, seed=0)
    weights = adapter / "adapter_model.safetensors"
    save_file({name: value * 1e7 for name, value in load_file(weights).items()}, weights)

    with pytest.raises(RunError, match="float16 allows at most 65504"):
        write_lora(adapter, base, tmp_path / "adapter.gguf")


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_a_missing_file_is_named(name: str, base: Path, tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "adapter", base, seed=0)
    (adapter / name).unlink()

    with pytest.raises(RunError, match=f"{name}: not found, expected"):
        write_lora(adapter, base, tmp_path / "adapter.gguf")
