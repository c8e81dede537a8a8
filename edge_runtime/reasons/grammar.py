"""A GBNF grammar whose language is exactly a list of sentences, so that whatever a model writes is one of them.

Sentences that begin alike share that beginning: at each point of the text the grammar then has one state, which keeps
the check of a token quick. Format: https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby


def grammar(sentences: Iterable[str]) -> str:
    """Return the grammar that admits these sentences and no other text.

    Raises:
        ValueError: there is no sentence, or an empty one.
    """
    every = sorted(set(sentences))
    if not every or not every[0]:
        raise ValueError(f"a grammar needs sentences that are not empty, got {every[:1]}")
    return f"root ::= {_tree(every)}\n"


def common_length(one: Sequence[object], other: Sequence[object]) -> int:
    """Return how many elements both begin with."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _tree(sentences: Sequence[str]) -> str:
    """Return the expression for sentences that are sorted, distinct and not empty."""
    head = sentences[0][: common_length(sentences[0], sentences[-1])]  # sorted: all have what these two share
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
    r"""Return a literal in quotes, all but plain ASCII as ``\U`` and eight digits, so that nothing can leave it."""
    plain = (char if " " <= char <= "~" and char not in '"\\' else f"\\U{ord(char):08X}" for char in text)
    return '"' + "".join(plain) + '"'
