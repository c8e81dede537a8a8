"""A Hugging Face byte-level BPE tokenizer as GGUF fields.

llama.cpp does not read a tokenizer's rules, it has them built in under a name: the wrong name cuts texts differently
and says nothing. So the rules are compared with those that the name stands for, and anything else is refused.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from train.errors import RunError

Json = dict[str, Any]

# gguf.TokenType
_NORMAL: Final = 1
_CONTROL: Final = 3
_USER_DEFINED: Final = 4
_UNUSED: Final = 5

_WORDS: Final = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_SIGNS: Final = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

# The expression by which texts are cut before merging -> llama.cpp's name for it.
_NAME_OF_EXPRESSION: Final = {
    _WORDS + r"\p{N}" + _SIGNS: "qwen2",
    _WORDS + r"\p{N}{1,3}" + _SIGNS: "llama-bpe",
}
_GPT_2: Final = "gpt-2"
_ADVICE: Final = "A language model needs a byte-level BPE tokenizer cut as GPT-2, Llama 3, Qwen2 or Qwen3 cut it."


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What GGUF says of a tokenizer.

    Attributes:
        pre: llama.cpp's name of the rule that cuts a text before merging.
        tokens: by id, as long as the embedding table.
        types: of each token (``gguf.TokenType``).
        merges: ``left right``, first the one that is applied first.
        bos, eos, pad: ids, None where the model has none.
        add_bos: whether each text starts with ``bos``.
    """

    pre: str
    tokens: tuple[str, ...]
    types: tuple[int, ...]
    merges: tuple[str, ...]
    bos: int | None
    eos: int | None
    pad: int | None
    add_bos: bool


def read_vocabulary(folder: Path, n_rows: int) -> Vocabulary:
    """Return the tokenizer of a Hugging Face folder.

    Args:
        folder: holds ``tokenizer.json`` and ``tokenizer_config.json``.
        n_rows: of the embedding table; rows beyond the tokenizer's become unused tokens.

    Raises:
        RunError: llama.cpp would cut texts differently, or the tokenizer and the table do not fit.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise RunError(f"{path}: not found. {_ADVICE} Save it with `tokenizer.save_pretrained`.")
    data: Json = json.loads(path.read_text(encoding="utf-8"))
    pre = _pre_tokenizer_name(path, data)
    tokens, types = _tokens(path, data, n_rows)
    settings = _settings(folder)
    ids = {token: index for index, token in enumerate(tokens)}
    bos, eos, pad = (ids.get(_text(settings.get(f"{name}_token"))) for name in ("bos", "eos", "pad"))
    if eos is None:
        raise RunError(f"{folder}: the tokenizer has no eos_token, so that no reason would ever end. {_ADVICE}")
    merges = tuple(merge if isinstance(merge, str) else " ".join(merge) for merge in data["model"]["merges"])
    return Vocabulary(pre, tokens, types, merges, bos, eos, pad, _adds_bos(path, bos))


def _pre_tokenizer_name(path: Path, data: Json) -> str:
    """Return llama.cpp's name of the tokenizer's rules."""
    model = data["model"]
    if model.get("type") != "BPE" or model.get("byte_fallback") or model.get("unk_token"):
        raise RunError(f"{path}: found a {model.get('type')} tokenizer with byte fallback or unknown token. {_ADVICE}")
    normalizer = (data.get("normalizer") or {}).get("type")
    if normalizer not in (None, "NFC"):
        raise RunError(f"{path}: found the normalizer {normalizer}, which llama.cpp would skip. {_ADVICE}")
    name = _cut(data.get("pre_tokenizer") or {})
    if name is None:
        raise RunError(f"{path}: found a pre_tokenizer that llama.cpp has no name for. {_ADVICE}")
    return name


def _cut(rule: Json) -> str | None:
    if rule.get("type") == "ByteLevel" and rule.get("use_regex", True) and not rule.get("add_prefix_space"):
        return _GPT_2
    steps = rule.get("pretokenizers") or []
    if [step.get("type") for step in steps] != ["Split", "ByteLevel"]:
        return None
    split, byte_level = steps
    if byte_level.get("use_regex", True) or byte_level.get("add_prefix_space") or split.get("invert"):
        return None
    return _NAME_OF_EXPRESSION.get(split.get("pattern", {}).get("Regex", ""))


def _tokens(path: Path, data: Json, n_rows: int) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return texts and types by id."""
    tokens = [f"[PAD{index}]" for index in range(n_rows)]
    types = [_UNUSED] * n_rows
    entries = [(text, index, _NORMAL) for text, index in data["model"]["vocab"].items()]
    for added in data.get("added_tokens", []):
        entries.append((added["content"], added["id"], _CONTROL if added["special"] else _USER_DEFINED))
    for text, index, kind in entries:
        if index >= n_rows:
            raise RunError(
                f"{path}: token {text!r} has the id {index}, but the model's embedding table has {n_rows} rows. "
                "Resize the model's embeddings to its tokenizer."
            )
        tokens[index], types[index] = text, kind
    return tuple(tokens), tuple(types)


def _settings(folder: Path) -> Json:
    path = folder / "tokenizer_config.json"
    settings: Json = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return settings


def _text(token: object) -> str:
    """Return the text of a special token: written as a string, or as an object that holds it."""
    return str(token.get("content", "")) if isinstance(token, dict) else str(token or "")


def _adds_bos(path: Path, bos: int | None) -> bool:
    """Ask the tokenizer itself whether it starts texts with ``bos``."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    bare, full = (tokenizer.encode("a", add_special_tokens=special).ids for special in (False, True))
    if full not in (bare, [bos, *bare]):
        raise RunError(f"{path}: the tokenizer adds {full} around {bare}, expected at most its bos_token in front")
    return bool(full != bare)
