"""GGUF files in llama.cpp compared with the Hugging Face models that they were converted from."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.finished_gguf import describe_finished
from export.gguf import make_language_model, read_config, write_gguf
from export.gguf_parity import compare_gguf
from export.quantize_gguf import QUANTIZATIONS, quantize_gguf, unsupported_row_lengths
from export.shapes.shape import interleave_rotary
from tests.tiny_language_model import TEXTS, Shape
from tests.tiny_language_model import make_language_model as make_folder
from train.errors import RunError

HARD = (
    "plain words",
    "  two  blanks,\ttab\n\n\nlines \r\n and  trailing   ",
    "digits 1 12 123 1234 12345678 3.14 1,000 ½ ² Ⅷ ٣",
    "it's we'll I'M YOU'RE o'clock 'quoted' \u2019curly\u2019 “curly”",
    "naïve Ångström e\u0301 ﬁ ß İstanbul ǅ",
    "漢字かな交じり文 한국어 العربية עברית हिन्दी ไทย",
    "🎨🖌️ 👩‍👩‍👧‍👦 🇩🇪 \u200b\u00a0\u3000\ufeff",
    "<|endoftext|> <s> </s> [PAD3] <unk>",
    '{"a": [1, 2]} \\n \\ " ` ~ ^ | & # @ % $ €',
    "a" * 70 + " " * 20 + "!?" * 20,
    "snake_case camelCase x=y; a/b--c…d—e",
    "\u2581\u2581 \u2581\u2581\u2581 <table> <bos> <eos> <start_of_turn> <0x41> \x00\x01\x7f",
)

SHAPES: list[tuple[Shape, dict[str, Any]]] = [
    ("llama", {"tied": True, "n_kv_heads": 2}),
    ("llama", {"tied": False, "n_kv_heads": 4, "attention_bias": True}),
    ("qwen2", {"tied": True, "n_kv_heads": 1}),
    ("qwen2", {"tied": False, "n_kv_heads": 2, "rope_theta": 1e6}),
    ("qwen3", {"tied": True, "n_kv_heads": 2}),
    ("qwen3", {"tied": False, "n_kv_heads": 4, "rms_norm_eps": 1e-5}),
    ("granite", {"tied": True, "n_kv_heads": 2}),
    ("granite", {"tied": False, "n_kv_heads": 4, "attention_bias": True}),
    ("granite4", {"tied": True, "n_kv_heads": 1}),
    ("gemma3", {"tied": True, "n_kv_heads": 1}),
    ("gemma3", {"tied": True, "n_kv_heads": 2, "final_logit_softcapping": 3.0}),
    ("gemma3", {"tied": True, "n_kv_heads": 2, "rope_scaling": {"rope_type": "linear", "factor": 8.0}}),
    ("lfm2", {"tied": True, "n_kv_heads": 2}),
    ("lfm2", {"tied": True, "n_kv_heads": 4, "block_auto_adjust_ff_dim": False, "block_ff_dim": 512}),
]


def describe(value: object) -> str:
    return value if isinstance(value, str) else "-".join(f"{k}={v}" for k, v in dict(value).items())  # type: ignore[call-overload]


@pytest.mark.parametrize(("shape", "options"), SHAPES, ids=describe)
def test_llama_cpp_computes_the_same_as_transformers(shape: Shape, options: dict[str, Any], tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model", shape, **options)
    plain = tmp_path / "f16.gguf"

    write_gguf(folder, plain)
    parity = compare_gguf(folder, plain, [TEXTS[0] * 3, *TEXTS])

    assert parity.same_tokens == 1.0
    assert parity.max_kl < 1e-4
    assert parity.max_logit_error < 0.05
    for quantization, limit in (("Q8_0", 2e-3), ("Q4_K_M", 0.1)):
        small = tmp_path / f"{quantization}.gguf"
        quantize_gguf(plain, small, quantization)
        assert compare_gguf(folder, small, TEXTS).mean_kl < limit
        assert small.stat().st_size < plain.stat().st_size


def test_llama3_scaling_of_rotary_frequencies_is_converted(tmp_path: Path) -> None:
    scaling = {
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    }  # fmt: skip
    folder = make_folder(tmp_path / "model", "llama", rope_scaling=scaling)

    write_gguf(folder, tmp_path / "f16.gguf")

    assert compare_gguf(folder, tmp_path / "f16.gguf", [TEXTS[0] * 4]).max_kl < 1e-4


def test_linear_scaling_of_rotary_frequencies_is_converted(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model", "qwen2", rope_scaling={"rope_type": "linear", "factor": 4.0})

    write_gguf(folder, tmp_path / "f16.gguf")

    assert compare_gguf(folder, tmp_path / "f16.gguf", [TEXTS[0] * 4]).max_kl < 1e-4


@pytest.mark.parametrize("text", HARD, ids=range(len(HARD)))
def test_both_tokenizers_split_difficult_texts_equally(text: str, hard_model: tuple[Path, Path]) -> None:
    assert compare_gguf(*hard_model, [text]).same_tokens == 1.0


@pytest.fixture(scope="module", params=["qwen3", "gemma3"])
def hard_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("hard")
    folder = make_folder(root / "model", request.param)
    write_gguf(folder, root / "f16.gguf")
    return folder, root / "f16.gguf"


def test_the_rows_of_llamas_queries_are_interleaved_per_head() -> None:
    halves = np.array([[0], [1], [2], [3], [10], [11], [12], [13]], dtype=np.float32)

    assert interleave_rotary(halves, 2)[:, 0].tolist() == [0, 2, 1, 3, 10, 12, 11, 13]


def test_converting_a_language_model_returns_its_description(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model")

    description = make_language_model(folder, tmp_path / "out" / "reasons.gguf", "Q8_0")

    assert description["file"] == "reasons.gguf"
    assert description["bytes"] == (tmp_path / "out" / "reasons.gguf").stat().st_size
    assert [description[key] for key in ("architecture", "context", "prompt")] == ["qwen3", 512, "facts-v3"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["reasons.gguf"]


def test_row_lengths_that_a_quantization_does_not_support_are_returned() -> None:
    assert unsupported_row_lengths("Q4_K_M", [256, 384, 768]) == [384]
    assert unsupported_row_lengths("Q8_0", [256, 384, 768]) == []
    assert set(QUANTIZATIONS) == {"Q8_0", "Q4_K_M"}


def test_an_unknown_quantization_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="expected one of Q8_0, Q4_K_M"):
        quantize_gguf(tmp_path / "a", tmp_path / "b", "Q1_X")


def test_a_file_that_is_not_gguf_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"GGUF but not really")

    with pytest.raises(RunError, match="could not quantize"):
        quantize_gguf(tmp_path / "a", tmp_path / "b", "Q8_0")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architectures": ["MistralForCausalLM"]}, "found the architecture MistralForCausalLM"),
        ({"architectures": None}, "found the architecture nothing"),
        ({"use_sliding_window": True}, "sliding windows"),
        ({"hidden_act": "gelu"}, "found the activation gelu, expected silu"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, "rope_scaling"),
        ({"num_hidden_layers": 1}, "does not have"),
        ({"vocab_size": 300}, "embedding table has 300 rows"),
    ],
)
def test_a_model_that_llama_cpp_does_not_support_is_refused(
    changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    folder = make_folder(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))

    with pytest.raises(RunError, match=message):
        write_gguf(folder, tmp_path / "f16.gguf")


@pytest.mark.parametrize(
    ("shape", "changes", "message"),
    [
        ("granite4", {"num_local_experts": 8}, "found 8 experts"),
        ("granite4", {"layer_types": ["mamba", "attention"]}, "without -h"),
        ("granite4", {"position_embedding_type": "nope"}, "without -h"),
        ("granite", {"hidden_act": "gelu"}, "activation gelu"),
        ("gemma3", {"layer_types": ["full_attention"] * 7}, "pattern of sliding windows"),
        ("gemma3", {"sliding_window_pattern": 2}, "pattern of sliding windows"),
        ("gemma3", {"rope_local_base_freq": 5000.0}, "rope_local_base_freq 5000"),
        ("gemma3", {"query_pre_attn_scalar": 128}, "query_pre_attn_scalar 128, expected 64"),
        ("gemma3", {"attn_logit_softcapping": 50.0}, "soft caps"),
        ("gemma3", {"use_bidirectional_attention": True}, "later tokens"),
        ("lfm2", {"conv_bias": True}, "biases of convolutions"),
    ],
)
def test_a_setting_that_llama_cpp_has_fixed_otherwise_is_refused(
    shape: Shape, changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    config = json.loads((make_folder(tmp_path / "model", shape) / "config.json").read_text())
    (tmp_path / "model" / "config.json").write_text(json.dumps(config | changes))

    with pytest.raises(RunError, match=message):
        read_config(tmp_path / "model")


def test_the_rows_of_a_table_that_no_token_has_are_cut_off(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model", "gemma3")

    write_gguf(folder, tmp_path / "f16.gguf")

    assert describe_finished(tmp_path / "f16.gguf").n_tokens == 380


def test_a_piece_that_only_llama_cpp_would_make_of_two_is_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model", "gemma3")
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["model"]["merges"].remove(["n", "d"])
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))

    with pytest.raises(RunError, match="no merge makes 'nd'"):
        write_gguf(folder, tmp_path / "f16.gguf")


@pytest.mark.parametrize(
    "changes",
    [
        {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"}]}},
        {"normalizer": None},
        {"pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581"}},
    ],
)
def test_a_sentencepiece_tokenizer_with_other_rules_for_spaces_is_refused(
    changes: dict[str, object], tmp_path: Path
) -> None:
    folder = make_folder(tmp_path / "model", "gemma3")
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer | changes))

    with pytest.raises(RunError, match="byte fallback"):
        write_gguf(folder, tmp_path / "f16.gguf")


def test_a_folder_without_weights_or_without_config_is_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    with pytest.raises(RunError, match="pickled weights are not supported"):
        write_gguf(folder, tmp_path / "f16.gguf")
    with pytest.raises(RunError, match=r"config\.json: not found"):
        write_gguf(tmp_path, tmp_path / "f16.gguf")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("normalizer", {"type": "Lowercase"}, "normalizer Lowercase"),
        ("pre_tokenizer", {"type": "Whitespace"}, "no name for"),
        ("pre_tokenizer", {"type": "ByteLevel", "add_prefix_space": True, "use_regex": True}, "no name for"),
        ("pre_tokenizer", None, "no name for"),
        ("model", {"type": "Unigram", "vocab": []}, "Unigram tokenizer"),
        ("model", {"type": "BPE", "byte_fallback": True}, "byte fallback"),
    ],
)
def test_a_tokenizer_that_llama_cpp_would_apply_differently_is_refused(
    key: str, value: object, message: str, tmp_path: Path
) -> None:
    folder = make_folder(tmp_path / "model")
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer | {key: value}))

    with pytest.raises(RunError, match=message):
        write_gguf(folder, tmp_path / "f16.gguf")


def test_a_tokenizer_without_an_end_token_is_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model")
    (folder / "tokenizer_config.json").unlink()

    with pytest.raises(RunError, match="no eos_token"):
        write_gguf(folder, tmp_path / "f16.gguf")
