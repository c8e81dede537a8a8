"""Small language models with random weights, in the architectures that the exporter supports."""

import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from train.quiet_transformers import quiet_transformers
from train.reasons import pretrained
from train.reasons.lora import add_lora
from train.reasons.tokenizer import END, train_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Shape = Literal["llama", "qwen2", "qwen3", "granite", "granite4", "gemma3", "lfm2"]

_CLASSES: dict[Shape, str] = {
    "llama": "Llama", "qwen2": "Qwen2", "qwen3": "Qwen3", "granite": "Granite", "granite4": "GraniteMoeHybrid",
    "gemma3": "Gemma3", "lfm2": "Lfm2",
}  # fmt: skip
# Settings of each shape, none of them a default or 1, so that tests detect one that is lost.
_SETTINGS: dict[Shape, dict[str, Any]] = {
    "llama": {},
    "qwen2": {},
    "qwen3": {"head_dim": 64},
    "granite": {
        "attention_multiplier": 0.2, "embedding_multiplier": 3.0, "residual_multiplier": 0.4, "logits_scaling": 2.5,
    },
    "granite4": {
        "attention_multiplier": 0.2, "embedding_multiplier": 3.0, "residual_multiplier": 0.4, "logits_scaling": 2.5,
        "num_local_experts": 0, "num_experts_per_tok": 0, "shared_intermediate_size": 512,
        "layer_types": ["attention", "attention"], "position_embedding_type": "rope", "mamba_expand": 1,
        "mamba_n_heads": 4,
    },
    "gemma3": {
        "head_dim": 64, "query_pre_attn_scalar": 64, "sliding_window": 16, "num_hidden_layers": 7,
        "rope_theta": 500_000.0, "bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0, "vocab_size": 400,
    },
    "lfm2": {
        "layer_types": ["conv", "full_attention", "conv"], "num_hidden_layers": 3, "block_multiple_of": 32,
        "block_ff_dim": 900, "conv_L_cache": 3, "norm_eps": 2e-5,
    },
}  # fmt: skip

TEXTS = (
    "Give one true reason for the item, using only these facts.\nitem: “Rose Soap”\n- comes from Aster\n",
    "Like “Rose Hand Cream” in your history, it comes from Aster and is filed under Soaps.\n",
    "“Mint Shampoo” is in your history, and this one is filed under Hair too; it costs 4.50.\n",
)


def make_language_model(
    folder: Path, shape: Shape = "qwen3", *, tied: bool = True, n_kv_heads: int = 2, seed: int = 0, **changes: object
) -> Path:
    """Write a Hugging Face folder with random weights and a tokenizer, and return it."""
    import transformers

    sizes: dict[str, Any] = {
        "vocab_size": 384,
        "hidden_size": 256,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": n_kv_heads,
        "max_position_embeddings": 512,
        "tie_word_embeddings": tied,
        "eos_token_id": 0,
        "initializer_range": 0.06,
        **_SETTINGS[shape],
        **changes,
    }
    name = _CLASSES[shape]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = getattr(transformers, f"{name}TextConfig" if shape == "gemma3" else f"{name}Config")(**sizes)
        model = getattr(transformers, f"{name}ForCausalLM")(config)
        # Random biases and norms, so that tests detect one that is lost or swapped.
        with torch.no_grad():
            for parameter, value in model.named_parameters():
                if value.dim() == 1:
                    value.add_(0.2 * torch.randn(value.shape))
                elif "bias" in parameter:
                    value.copy_(torch.randn(value.shape))
    if shape == "gemma3":
        _save_like_gemma(model, folder)
        return folder
    tokenizer = train_tokenizer(TEXTS * 3, 384)
    assert tokenizer.token_to_id(END) == 0
    pretrained.save(model, tokenizer, folder, None)
    return folder


def _save_like_gemma(model: Any, folder: Path) -> None:  # noqa: ANN401 - transformers has no types
    tokenizer = sentencepiece_tokenizer(TEXTS * 3, 380)
    assert tokenizer.get_vocab_size() < model.config.vocab_size  # the last rows have no token, as in Gemma
    pretrained.save(model, tokenizer, folder, None)
    settings = (
        '{"tokenizer_class": "GemmaTokenizerFast", "bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>"}'
    )
    (folder / "tokenizer_config.json").write_text(settings)


def sentencepiece_tokenizer(texts: tuple[str, ...], n_tokens: int) -> "Tokenizer":
    """Train a tokenizer with the options of Gemma's, converted by transformers' rules for Gemma."""
    import sentencepiece
    from transformers import GemmaTokenizer
    from transformers.convert_slow_tokenizer import convert_slow_tokenizer

    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([line for text in texts for line in text.splitlines()]), model_writer=trained,
        model_type="bpe", vocab_size=n_tokens, byte_fallback=True, split_digits=True, add_dummy_prefix=False,
        remove_extra_whitespaces=False, allow_whitespace_only_pieces=True, normalization_rule_name="identity",
        pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>",
        control_symbols=["<start_of_turn>"], hard_vocab_limit=False, minloglevel=2,
        user_defined_symbols=["\n", "\n\n", "\n\n\n", "\u2581\u2581", "\u2581\u2581\u2581", "<table>"],
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "tokenizer.model")
        path.write_bytes(trained.getvalue())
        tokenizer: Tokenizer = convert_slow_tokenizer(GemmaTokenizer(str(path)))
    tokenizer.encode_special_tokens = True
    return tokenizer


def make_adapter(folder: Path, base: Path, *, seed: int, rank: int = 4) -> Path:
    """Write a LoRA adapter with random weights for the model in ``base`` as peft does, and return its folder."""
    from transformers import AutoModelForCausalLM

    with torch.random.fork_rng(devices=[]), quiet_transformers():
        torch.manual_seed(seed)
        tuned = add_lora(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), rank)
        for name, value in tuned.named_parameters():
            if "lora_B" in name:  # zeros in a new adapter
                torch.nn.init.normal_(value, std=0.3)
        tuned.save_pretrained(folder)
    return folder
