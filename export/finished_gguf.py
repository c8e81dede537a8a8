"""Checks a finished GGUF file from others: first its header in bounds, then a sentence written in a worker process.

Nothing of the file reaches llama.cpp in this process, where a crash would end the export.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_runtime.language_model.client import LlamaWriter
from edge_runtime.language_model.writer import WriterError
from export.gguf_header import Array, Header, Scalar, read_header
from train.errors import RunError

SUFFIX: Final = ".gguf"
MAX_BLOCKS: Final = 512
MAX_WIDTH: Final = 1 << 16
MAX_CONTEXT: Final = 1 << 24
LEAST_CONTEXT: Final = 256
"""Tokens: a prompt with its facts and a reason."""

_ARCHITECTURE: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_ADVICE: Final = "Use the GGUF file of a model that writes text, with its tokenizer, as llama.cpp's converter makes it."
_TRIAL: Final = ("Say one of two words.\n", ("yes", "no"))
_TRIAL_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Described:
    """What the header of a model's file says.

    Attributes:
        architecture: llama.cpp's name.
        licences: as stated.
        context: tokens that the model was trained for.
        n_tokens: size of the vocabulary.
        base: name of the model.
    """

    architecture: str
    licences: tuple[str, ...]
    context: int
    n_tokens: int
    base: str


def describe_finished(path: Path) -> Described:
    """Return what the header of a GGUF file says, after checking all of it that llama.cpp relies on.

    Raises:
        RunError: the file is not a whole model with a tokenizer.
    """
    header = read_header(path)
    metadata = header.metadata
    kind = metadata.get("general.type", "model")
    if kind != "model":
        raise RunError(f"{path}: found a GGUF file of the type {kind!r}, expected a model. {_ADVICE}")
    if metadata.get("split.count", 1) not in (0, 1):
        raise RunError(
            f"{path}: is one of {metadata['split.count']} pieces. Join them with `llama-gguf-split --merge`."
        )
    architecture = str(metadata.get("general.architecture", ""))
    if not _ARCHITECTURE.fullmatch(architecture):
        raise RunError(f"{path}: found the general.architecture {architecture!r}, expected a name. {_ADVICE}")
    n_tokens = _tokens(path, metadata)
    width = _size(path, metadata, f"{architecture}.embedding_length", 1, MAX_WIDTH)
    _size(path, metadata, f"{architecture}.block_count", 1, MAX_BLOCKS)
    _check_table(path, header, width, n_tokens)
    context = _size(path, metadata, f"{architecture}.context_length", LEAST_CONTEXT, MAX_CONTEXT)
    base = str(metadata.get("general.name") or path.stem)[:100]
    return Described(architecture, _licences(metadata), context, n_tokens, base)


def check_runs(path: Path, context: int) -> None:
    """Let llama.cpp write a word with the model, in a process of its own.

    Raises:
        RunError: llama.cpp is not installed, cannot load the file, crashes, or does not answer.
    """
    writer = LlamaWriter(path, context=context, timeout_s=_TRIAL_S, start_timeout_s=_TRIAL_S)
    try:
        writer.write(*_TRIAL, 0)
    except WriterError as error:
        raise RunError(f"{path}: {error}. {_ADVICE}") from error
    finally:
        writer.close()


def _licences(metadata: dict[str, Scalar | Array]) -> tuple[str, ...]:
    stated = metadata.get("general.license")
    if stated == "other":
        stated = metadata.get("general.license.name") or stated
    return (stated.strip(),) if isinstance(stated, str) and stated.strip() else ()


def _tokens(path: Path, metadata: dict[str, Scalar | Array]) -> int:
    """Return the size of the vocabulary; its other lists must be as long, and special tokens must be in it."""
    tokens = metadata.get("tokenizer.ggml.tokens")
    if (
        "tokenizer.ggml.model" not in metadata
        or not isinstance(tokens, Array)
        or not tokens.is_text
        or not tokens.length
    ):
        raise RunError(f"{path}: found no tokenizer (tokenizer.ggml.model and tokenizer.ggml.tokens). {_ADVICE}")
    for name in ("scores", "token_type"):
        beside = metadata.get(f"tokenizer.ggml.{name}")
        if beside is not None and (not isinstance(beside, Array) or beside.length != tokens.length or beside.is_text):
            raise RunError(f"{path}: tokenizer.ggml.{name} is not a list of {tokens.length:,} numbers, one a token")
    for key, value in metadata.items():
        is_id = key.startswith("tokenizer.ggml.") and key.endswith("_token_id")
        if is_id and not (isinstance(value, int) and 0 <= value < tokens.length):
            raise RunError(f"{path}: found {key} {value}, expected a token below {tokens.length:,}")
    if "tokenizer.ggml.eos_token_id" not in metadata:
        raise RunError(f"{path}: found no tokenizer.ggml.eos_token_id, so generation would never stop. {_ADVICE}")
    return tokens.length


def _check_table(path: Path, header: Header, width: int, n_tokens: int) -> None:
    table = header.tensors.get("token_embd.weight")
    if table is None or table.shape != (width, n_tokens):
        found = "none" if table is None else str(table.shape)
        raise RunError(f"{path}: found the table of tokens {found}, expected {(width, n_tokens)}. {_ADVICE}")


def _size(path: Path, metadata: dict[str, Scalar | Array], key: str, least: int, most: int) -> int:
    value = metadata.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise RunError(f"{path}: found {key} {value}, expected {least} to {most:,}. {_ADVICE}")
    return value
