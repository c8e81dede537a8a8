"""Converts a SentencePiece tokenizer, as ``tokenizer.json`` has it, to the scores by which llama.cpp merges pieces.

Hugging Face merges pairs in the order of a list; llama.cpp merges the pair whose piece has the highest score, and knows
no list. Both are the same if every pair of pieces that makes a piece is in the list, which is checked here.
"""

from typing import Any, Final

Json = dict[str, Any]

SPACE: Final = "\u2581"
_BYTES: Final = frozenset(f"<0x{value:02X}>" for value in range(256))
_TAB: Final = "<0x09>"
"""The byte that transformers stores as the character itself in Gemma's vocabulary."""

_REPLACES_SPACES: Final = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
# The spaces are replaced before, so that this one never splits.
_NO_SPLIT: Final = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}

# gguf.TokenType
UNKNOWN: Final = 2
BYTE: Final = 6


def is_sentencepiece(data: Json) -> bool:
    """Return whether a ``tokenizer.json`` is a BPE model of SentencePiece with bytes, without a space before a text."""
    model = data["model"]
    return bool(
        model.get("type") == "BPE"
        and model.get("byte_fallback")
        and model.get("unk_token")
        and not model.get("ignore_merges")
        and _BYTES.issubset({*model["vocab"], *({_TAB} if "\t" in model["vocab"] else ())})
        and data.get("normalizer") == _REPLACES_SPACES
        and data.get("pre_tokenizer") in (None, _NO_SPLIT)
    )


def piece_type(text: str, unknown: str, normal: int) -> int:
    """Return the type of a token of the vocabulary; ``normal`` for all but bytes and the unknown token."""
    if text in _BYTES:
        return BYTE
    return UNKNOWN if text == unknown else normal


def scores(tokens: tuple[str, ...], merges: list[tuple[str, str]]) -> tuple[float, ...]:
    """Return the score of each token: the earlier it is made by a merge, the higher."""
    first: dict[str, int] = {}
    for rank, (left, right) in enumerate(merges):
        first.setdefault(left + right, rank)
    last = len(merges)
    return tuple(-float(first.get(token, last)) for token in tokens)


def unlisted_pair(tokens: tuple[str, ...], merges: list[tuple[str, str]], whole: frozenset[str]) -> str | None:
    """Return a token that llama.cpp would make of two others although no merge does; None if there is none.

    Args:
        tokens: the vocabulary.
        merges: pairs in order of priority.
        whole: tokens that are found in a text before any merge, in both.
    """
    known, listed = frozenset(tokens), frozenset(merges)
    for token in known - whole:
        for cut in range(1, len(token)):
            pair = token[:cut], token[cut:]
            if pair[0] in known and pair[1] in known and pair not in listed:
                return token
    return None
