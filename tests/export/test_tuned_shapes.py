"""A model of any shape is loaded, tuned with a LoRA, merged, saved with its licence, and converted."""

from pathlib import Path

import pytest
import torch

from export.gguf import make_language_model as convert
from export.gguf_parity import compare_gguf
from tests.tiny_language_model import TEXTS, Shape, make_language_model
from train.reasons import pretrained
from train.reasons.lora import add_lora, merge
from train.reasons.model_card import stated_licences, write_card


@pytest.mark.parametrize("shape", ["llama", "granite", "granite4", "gemma3", "lfm2"])
def test_a_tuned_model_is_converted_with_the_licence_of_its_base(shape: Shape, tmp_path: Path) -> None:
    base = make_language_model(tmp_path / "base", shape)
    write_card(base, ("apache-2.0",), "owner/base")

    model, tokenizer, _ = pretrained.load(str(base))
    tuned = add_lora(model, 2)
    with torch.no_grad():
        for name, value in tuned.named_parameters():
            if "lora_B" in name:
                value.fill_(0.05)
    pretrained.save(merge(tuned), tokenizer, tmp_path / "tuned", str(base))
    description = convert(tmp_path / "tuned", tmp_path / "tuned.gguf", "F16")

    assert (description["licences"], description["base"]) == (("apache-2.0",), "base")
    assert stated_licences(tmp_path / "tuned") == ("apache-2.0",)
    same = compare_gguf(tmp_path / "tuned", tmp_path / "tuned.gguf", TEXTS)
    assert (same.same_tokens, same.max_kl < 1e-4) == (1.0, True)
    assert compare_gguf(base, tmp_path / "tuned.gguf", TEXTS).max_kl > 1e-4
