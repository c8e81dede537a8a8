"""Builds a GBNF grammar that accepts exactly a list of sentences, so that a model can only write one of them.

Common prefixes are merged: the grammar then has one state at each point of the text, which makes checking a token
fast. Format: https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby


def grammar(sentences: Iterable[str]) -> str:
    """Return the grammar that accepts these sentences and no other text.

    Raises:
        ValueError: there is no sentence, or one is empty.
    """
    distinct = sorted(set(sentences))
    if not distinct or not distinct[0]:
        raise ValueError(f"expected non-empty sentences, got {distinct[:1]}")
    return f"root ::= {_tree(distinct)}\n"


def grammar_of_lines(lines: Iterable[Iterable[str]]) -> str:
    """Return the grammar of a text: one of some alternatives after the other; errors as for :func:`grammar`."""
    return (
        "root ::= "
        + " ".join(grammar(alternatives).removeprefix("root ::= ").rstrip() for alternatives in lines)
        + "\n"
    )


def certain(rest: Sequence[bytes]) -> bytes:
    """Return what all of these distinct, non-empty texts begin with, up to the end of a word; a single text in whole.

    A word that ends within it could be another token with the letters that follow.
    """
    if len(rest) == 1:
        return rest[0]
    texts = sorted(each.decode() for each in rest)
    head = texts[0][: common_length(texts[0], texts[-1])]
    if not all(text[len(head) : len(head) + 1] in (" ", "\n") for text in texts):
        head = head[: max(0, head.rfind(" "))]
    return head.encode()


def common_length(one: Sequence[object], other: Sequence[object]) -> int:
    """Return the length of the common prefix."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _tree(sentences: Sequence[str]) -> str:
    """Return the expression for sorted, distinct, non-empty sentences."""
    head = sentences[0][
        : common_length(sentences[0], sentences[-1])
    ]  # sorted, so all have the common prefix of these two
    if not head:
        branches = (list(group) for _, group in groupby(sentences, key=lambda text: text[0]))
        return "(" + " | ".join(_tree(branch) for branch in branches) + ")"
    rest = [text[len(head) :] for text in sentences if len(text) > len(head)]
    if not rest:
        return _literal(head)
    may_end = "?" if len(rest) < len(sentences) else ""
    tree = _tree(rest)
    grouped = tree if tree.startswith("(") else f"({tree})"
    return f"{_literal(head)} {grouped}{may_end}"


def _literal(text: str) -> str:
    r"""Return a quoted literal, with everything but plain ASCII escaped as ``\U`` and eight digits."""
    plain = (char if " " <= char <= "~" and char not in '"\\' else f"\\U{ord(char):08X}" for char in text)
    return '"' + "".join(plain) + '"'
