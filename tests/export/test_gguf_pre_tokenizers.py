"""The pre-tokenizers of Qwen, Llama 3, Granite and SmolLM2 are converted to llama.cpp's names for them."""

import json
from pathlib import Path

import pytest

from export.gguf import write_gguf
from export.gguf_parity import compare_gguf
from export.gguf_tokenizer import read_vocabulary
from tests.export.test_gguf import HARD
from tests.tiny_language_model import make_language_model
from train.errors import RunError

# Copied from the tokenizer.json of Qwen/Qwen2.5-0.5B and of meta-llama/Llama-3.2-1B.
QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA = QWEN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")


# Copied from the tokenizer.json of HuggingFaceTB/SmolLM2-135M.
SMOLLM = [
    {"type": "Digits", "individual_digits": True},
    {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
]


def split_by(expression: str) -> list[dict[str, object]]:
    return [
        {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": False},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
    ]


RULES: dict[str, tuple[list[dict[str, object]], bool]] = {
    "qwen2": (split_by(QWEN), False),
    "llama-bpe": (split_by(LLAMA), True),
    "dbrx": (split_by(LLAMA), False),  # as Granite 4 has it
    "smollm": (SMOLLM, False),
}


def with_pre_tokenizer(folder: Path, steps: list[dict[str, object]], *, ignore_merges: bool) -> Path:
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": steps}
    tokenizer["model"]["ignore_merges"] = ignore_merges
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return folder


@pytest.mark.parametrize("name", RULES)
def test_the_pre_tokenizer_is_recognized_and_splits_texts_equally(name: str, tmp_path: Path) -> None:
    steps, ignore_merges = RULES[name]
    folder = with_pre_tokenizer(make_language_model(tmp_path / "model", "qwen2"), steps, ignore_merges=ignore_merges)

    write_gguf(folder, tmp_path / "f16.gguf")

    assert read_vocabulary(folder, 384).pre == name
    assert compare_gguf(folder, tmp_path / "f16.gguf", HARD).same_tokens == 1.0


@pytest.mark.parametrize("name", ["llama-bpe", "dbrx"])
def test_a_word_of_the_vocabulary_without_merges_is_one_token_only_where_merges_are_ignored(
    name: str, tmp_path: Path
) -> None:
    steps, ignore_merges = RULES[name]
    folder = with_pre_tokenizer(make_language_model(tmp_path / "model", "qwen2"), steps, ignore_merges=ignore_merges)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    del vocabulary[max(vocabulary, key=lambda word: int(vocabulary[word]))]
    vocabulary["zyx"] = 383  # a word that no merge makes
    tokenizer["model"]["merges"] = [one for one in tokenizer["model"]["merges"] if "".join(one) in vocabulary]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))

    write_gguf(folder, tmp_path / "f16.gguf")

    assert compare_gguf(folder, tmp_path / "f16.gguf", ["zyx", "a zyx zyxw"]).same_tokens == 1.0


@pytest.mark.parametrize(
    "changes",
    [
        {"individual_digits": False},
        {"type": "Punctuation"},
    ],
)
def test_steps_that_differ_from_those_of_smollm_are_refused(changes: dict[str, object], tmp_path: Path) -> None:
    folder = make_language_model(tmp_path / "model", "llama")
    with_pre_tokenizer(folder, [SMOLLM[0] | changes, SMOLLM[1]], ignore_merges=False)

    with pytest.raises(RunError, match="no name for"):
        read_vocabulary(folder, 384)


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
