"""Converts a Hugging Face tokenizer to GGUF fields: byte-level BPE, or SentencePiece's BPE with bytes as Gemma has it.

llama.cpp does not read the pre-tokenization rules of a file. It has built-in rules with names, and a wrong name splits
texts differently without an error. So the rules are compared with the built-in ones, and all others are refused.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from export.gguf_sentencepiece import UNKNOWN, is_sentencepiece, piece_type, scores, unlisted_pair
from train.errors import RunError

Json = dict[str, Any]

# gguf.TokenType
_NORMAL: Final = 1
_CONTROL: Final = 3
_USER_DEFINED: Final = 4
_UNUSED: Final = 5

_WORDS: Final = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_PUNCTUATION: Final = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

# Regular expression of the pre-tokenizer, and whether it takes words of the vocabulary as they are, without merges ->
# llama.cpp's name for it.
_PRE_TOKENIZERS: Final = {
    (_WORDS + r"\p{N}" + _PUNCTUATION, False): "qwen2",
    (_WORDS + r"\p{N}{1,3}" + _PUNCTUATION, True): "llama-bpe",
    (_WORDS + r"\p{N}{1,3}" + _PUNCTUATION, False): "dbrx",
}
_GPT_2: Final = "gpt-2"
_SINGLE_DIGITS: Final = "smollm"
_ADVICE: Final = "Use a model with the tokenizer of GPT-2, Llama 3, SmolLM2, Qwen2, Qwen3, Granite, LFM2 or Gemma 3."


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """GGUF fields of a tokenizer.

    Attributes:
        pre: llama.cpp's name of the pre-tokenizer; None for SentencePiece, which has none.
        tokens: token texts by id, one for each row of the embedding table.
        types: type of each token (``gguf.TokenType``).
        merges: merges as ``left right``, in order of priority.
        bos, eos, pad: token ids; None if the model has no such token.
        add_bos: whether every text starts with ``bos``.
        scores: of SentencePiece: pairs are merged to the token with the highest one first.
        unknown: id of its unknown token.
    """

    pre: str | None
    tokens: tuple[str, ...]
    types: tuple[int, ...]
    merges: tuple[str, ...]
    bos: int | None
    eos: int | None
    pad: int | None
    add_bos: bool
    scores: tuple[float, ...] = ()
    unknown: int | None = None


def read_vocabulary(folder: Path, n_rows: int, *, cut: bool = False) -> Vocabulary:
    """Return the tokenizer of a Hugging Face folder.

    Args:
        folder: folder with ``tokenizer.json`` and ``tokenizer_config.json``.
        n_rows: number of rows of the embedding table; rows without a token become unused tokens.
        cut: leave out the rows after the last token.

    Raises:
        RunError: llama.cpp would split texts differently, or the tokenizer does not fit the embedding table.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise RunError(f"{path}: not found. {_ADVICE} Save it with `tokenizer.save_pretrained`.")
    data: Json = json.loads(path.read_text(encoding="utf-8"))
    pieces = is_sentencepiece(data)
    pre = None if pieces else _pre_tokenizer_name(path, data)
    tokens, types = _tokens(path, data, n_rows, cut=cut)
    settings = _settings(folder)
    ids = {token: index for index, token in enumerate(tokens)}
    bos, eos, pad = (ids.get(_text(settings.get(f"{name}_token"))) for name in ("bos", "eos", "pad"))
    if eos is None:
        raise RunError(f"{folder}: the tokenizer has no eos_token, so generation would never stop. {_ADVICE}")
    pairs = [tuple(merge.split(" ", 1) if isinstance(merge, str) else merge) for merge in data["model"]["merges"]]
    add_bos = _adds_bos(path, bos)
    if not pieces:
        return Vocabulary(pre, tokens, types, tuple(map(" ".join, pairs)), bos, eos, pad, add_bos)
    whole = frozenset(token for token, kind in zip(tokens, types, strict=True) if kind == _USER_DEFINED)
    unlisted = unlisted_pair(tokens, pairs, whole)
    if unlisted is not None:
        raise RunError(f"{path}: no merge makes {unlisted!r} of two tokens, but llama.cpp would. {_ADVICE}")
    unknown = ids[data["model"]["unk_token"]]
    return Vocabulary(pre, tokens, types, (), bos, eos, pad, add_bos, scores(tokens, pairs), unknown)


def _pre_tokenizer_name(path: Path, data: Json) -> str:
    """Return llama.cpp's name of the tokenizer's pre-tokenizer."""
    model = data["model"]
    if model.get("type") != "BPE" or model.get("byte_fallback") or model.get("unk_token"):
        raise RunError(
            f"{path}: found a {model.get('type')} tokenizer, with byte fallback or an unknown token. {_ADVICE}"
        )
    normalizer = (data.get("normalizer") or {}).get("type")
    if normalizer not in (None, "NFC"):
        raise RunError(f"{path}: found the normalizer {normalizer}, which llama.cpp does not apply. {_ADVICE}")
    name = _pre_tokenizer_of(data.get("pre_tokenizer") or {}, whole_words=bool(model.get("ignore_merges")))
    if name is None:
        raise RunError(f"{path}: found a pre_tokenizer that llama.cpp has no name for. {_ADVICE}")
    return name


def _pre_tokenizer_of(rule: Json, *, whole_words: bool) -> str | None:
    """Return llama.cpp's name of a rule; ``whole_words``: merges are ignored for words of the vocabulary."""
    if _is_gpt_2(rule):
        return None if whole_words else _GPT_2
    steps = rule.get("pretokenizers") or []
    if len(steps) != 2 or steps[1].get("type") != "ByteLevel":
        return None
    first, byte_level = steps
    if first.get("type") == "Digits" and first.get("individual_digits") and _is_gpt_2(byte_level):
        return None if whole_words else _SINGLE_DIGITS
    if first.get("type") != "Split" or first.get("invert"):
        return None
    if byte_level.get("use_regex", True) or byte_level.get("add_prefix_space"):
        return None
    return _PRE_TOKENIZERS.get((first.get("pattern", {}).get("Regex", ""), whole_words))


def _is_gpt_2(rule: Json) -> bool:
    return bool(rule.get("type") == "ByteLevel" and rule.get("use_regex", True) and not rule.get("add_prefix_space"))


def _tokens(path: Path, data: Json, n_rows: int, *, cut: bool) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return token texts and types by id."""
    model = data["model"]
    unknown = model["unk_token"] if is_sentencepiece(data) else None
    tokens = [f"[PAD{index}]" for index in range(n_rows)]
    types = [_UNUSED] * n_rows
    entries = [
        (text, index, _NORMAL if unknown is None else piece_type(text, unknown, _NORMAL))
        for text, index in model["vocab"].items()
    ]
    for added in data.get("added_tokens", []):
        kind = _CONTROL if added["special"] else _USER_DEFINED
        entries.append((added["content"], added["id"], UNKNOWN if added["content"] == unknown else kind))
    for text, index, kind in entries:
        if index >= n_rows:
            raise RunError(
                f"{path}: token {text!r} has the id {index}, but the model's embedding table has {n_rows} rows. "
                "Resize the model's embeddings to its tokenizer."
            )
        tokens[index], types[index] = text, kind
    n_tokens = max(index for _, index, _ in entries) + 1 if cut else n_rows
    return tuple(tokens[:n_tokens]), tuple(types[:n_tokens])


def _settings(folder: Path) -> Json:
    path = folder / "tokenizer_config.json"
    settings: Json = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return settings


def _text(token: object) -> str:
    """Return the text of a special token, which is stored as a string or as an object."""
    return str(token.get("content", "")) if isinstance(token, dict) else str(token or "")


def _adds_bos(path: Path, bos: int | None) -> bool:
    """Return whether the tokenizer starts texts with ``bos``, by encoding an example."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    plain, full = (tokenizer.encode("a", add_special_tokens=special).ids for special in (False, True))
    if full not in (plain, [bos, *plain]):
        raise RunError(f"{path}: the tokenizer turns {plain} into {full}, expected at most its bos_token in front")
    return bool(full != plain)
