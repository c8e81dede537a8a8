"""Loads pretrained models from Hugging Face, and saves fine-tuned ones."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_runtime.files import replacing_folder
from train.errors import RunError
from train.reasons.model_card import stated_licences, write_card
from train.reasons.tokenizer import END

if TYPE_CHECKING:
    from tokenizers import Tokenizer

ARCHITECTURES: Final = ("llama", "qwen2", "qwen3", "granite", "granitemoehybrid", "gemma3_text", "lfm2")
"""Model types of transformers that the exporter converts (``export/shapes``)."""


def load(source: str) -> tuple[Any, "Tokenizer", int]:
    """Load a Hugging Face id or folder; return the model, the tokenizer and the id of the end-of-text token.

    Raises:
        RunError: the model cannot be loaded, or is of another type than :data:`ARCHITECTURES`.
    """
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    try:
        config = AutoConfig.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise RunError(
            f"--language-model {source}: cannot be loaded ({_first_line(error)}). Give a folder with "
            "config.json, tokenizer.json and *.safetensors, or a model id, if the Hugging Face Hub can be reached."
        ) from error
    if config.model_type not in ARCHITECTURES:
        raise RunError(
            f"--language-model {source}: found a model of type {config.model_type!r}, expected one of "
            f"{', '.join(ARCHITECTURES)}: the architectures that can be exported as GGUF."
        )
    try:
        model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32, use_safetensors=True)
        fast = AutoTokenizer.from_pretrained(source, use_fast=True)
    except (OSError, ValueError) as error:
        raise RunError(f"--language-model {source}: cannot be loaded ({_first_line(error)})") from error
    if not fast.is_fast or fast.eos_token_id is None:
        raise RunError(f"--language-model {source}: found no tokenizer.json with an eos_token; use another model")
    tokenizer: Tokenizer = fast.backend_tokenizer
    tokenizer.encode_special_tokens = True  # a special token in a title is ordinary text
    return model, tokenizer, int(fast.eos_token_id)


def save(model: Any, tokenizer: "Tokenizer", folder: Path, source: str | None) -> None:  # noqa: ANN401
    """Save a Hugging Face folder; an existing one is replaced once the new one is complete.

    Args:
        model: model of transformers.
        tokenizer: tokenizer of the model.
        folder: folder to write.
        source: pretrained model from which to copy the tokenizer; None to save ``tokenizer``.
    """
    from transformers import AutoTokenizer

    with replacing_folder(folder) as fresh:
        model.save_pretrained(fresh, safe_serialization=True)
        if source is None:
            tokenizer.save(str(fresh / "tokenizer.json"))
            settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END, "pad_token": END}
            (fresh / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
            write_card(fresh, (), None)
        else:
            AutoTokenizer.from_pretrained(source, use_fast=True).save_pretrained(fresh)
            # The name of a folder, not its path, which would tell how this machine is arranged.
            write_card(fresh, stated_licences(source), Path(source).name if Path(source).is_dir() else source)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
