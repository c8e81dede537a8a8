"""Small language models with random weights, in the three architectures that the exporter supports."""

from pathlib import Path
from typing import Any, Literal

import torch

from train.quiet_transformers import quiet_transformers
from train.reasons import pretrained
from train.reasons.lora import add_lora
from train.reasons.tokenizer import END, train_tokenizer

Shape = Literal["llama", "qwen2", "qwen3"]

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

    tokenizer = train_tokenizer(TEXTS * 3, 384)
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
        **changes,
    }
    names = {"llama": "Llama", "qwen2": "Qwen2", "qwen3": "Qwen3"}
    if shape == "qwen3":
        sizes["head_dim"] = 64
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = getattr(transformers, f"{names[shape]}Config")(**sizes)
        model = getattr(transformers, f"{names[shape]}ForCausalLM")(config)
        # Random biases and norms, so that tests detect one that is lost or swapped.
        with torch.no_grad():
            for name, value in model.named_parameters():
                if value.dim() == 1:
                    value.add_(0.2 * torch.randn(value.shape))
                elif "bias" in name:
                    value.copy_(torch.randn(value.shape))
    assert tokenizer.token_to_id(END) == 0
    pretrained.save(model, tokenizer, folder, None)
    return folder


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
