"""Loads and saves Hugging Face folders: a model from elsewhere in, the tuned one out."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from train.errors import RunError
from train.reasons.tokenizer import END

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SHAPES: Final = ("llama", "qwen2", "qwen3")


def load(source: str) -> tuple[Any, "Tokenizer", int]:
    """Return model, tokenizer and end of text of a Hugging Face id or folder.

    Raises:
        RunError: it is not there, or neither Llama, Qwen2 nor Qwen3.
    """
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    try:
        config = AutoConfig.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise RunError(
            f"--language-model {source}: cannot be loaded ({_first_line(error)}). Give a folder that holds "
            "config.json, tokenizer.json and *.safetensors, or the id of a model on a hub that this machine can reach."
        ) from error
    if config.model_type not in SHAPES:
        raise RunError(
            f"--language-model {source}: found a model of type {config.model_type!r}, expected one of "
            f"{', '.join(SHAPES)}: these are what the exporter can turn into GGUF."
        )
    try:
        model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32, use_safetensors=True)
        fast = AutoTokenizer.from_pretrained(source, use_fast=True)
    except (OSError, ValueError) as error:
        raise RunError(f"--language-model {source}: cannot be loaded ({_first_line(error)})") from error
    if not fast.is_fast or fast.eos_token_id is None:
        raise RunError(f"--language-model {source}: needs a tokenizer.json with an eos_token")
    tokenizer: Tokenizer = fast.backend_tokenizer
    tokenizer.encode_special_tokens = True  # a title that contains the words of a control token is still a title
    return model, tokenizer, int(fast.eos_token_id)


def save(model: Any, tokenizer: "Tokenizer", folder: Path, source: str | None) -> None:  # noqa: ANN401
    """Write a Hugging Face folder, replacing an older one when the new one is complete.

    Args:
        model: of transformers.
        tokenizer: that it was trained with.
        folder: where.
        source: what the tokenizer's settings come from; None for one of our own.
    """
    from transformers import AutoTokenizer

    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    model.save_pretrained(fresh, safe_serialization=True)
    if source is None:
        tokenizer.save(str(fresh / "tokenizer.json"))
        settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END, "pad_token": END}
        (fresh / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    else:
        AutoTokenizer.from_pretrained(source, use_fast=True).save_pretrained(fresh)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
