"""The pre-tokenizers of Qwen and Llama 3 are converted to llama.cpp's names for them."""

import json
from pathlib import Path

import pytest

from export.gguf import write_gguf
from export.gguf_parity import compare_gguf
from tests.export.test_gguf import HARD
from tests.tiny_language_model import make_language_model

# Copied from the tokenizer.json of Qwen/Qwen2.5-0.5B and of meta-llama/Llama-3.2-1B.
QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA = QWEN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")


@pytest.mark.parametrize("expression", [QWEN, LLAMA], ids=["qwen2", "llama-bpe"])
def test_the_pre_tokenizer_is_recognized_and_splits_texts_equally(expression: str, tmp_path: Path) -> None:
    folder = make_language_model(tmp_path / "model", "qwen2")
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["pre_tokenizer"] = {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        ],
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))

    write_gguf(folder, tmp_path / "f16.gguf")

    assert compare_gguf(folder, tmp_path / "f16.gguf", HARD).same_tokens == 1.0


def test_a_bos_token_at_the_start_of_each_text_is_converted(tmp_path: Path) -> None:
    folder = make_language_model(tmp_path / "model", "llama")
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    end = tokenizer["added_tokens"][0]["content"]
    tokenizer["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": end, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {end: {"id": end, "ids": [0], "tokens": [end]}},
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"bos_token": {"content": end}}))

    write_gguf(folder, tmp_path / "f16.gguf")

    assert compare_gguf(folder, tmp_path / "f16.gguf", ["a text", ""]).same_tokens == 1.0
