"""Prompts and true reasons, made from a catalogue: what the writer learns from.

No person's history goes in, because the model is published: the histories are made up from items that have something
in common. Each reason is one of the sentences that the true facts of its case allow.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.items import Items
from edge_runtime.reasons.facts import FactFinder
from edge_runtime.reasons.prompt import prompt
from edge_runtime.reasons.sentences import sentences
from edge_runtime.reasons.words import Style

_STYLES: Final[tuple[Style, ...]] = ("short", "short", "detailed")
_SHARE_OF_BEST: Final = 0.75
_SHARE_WITHOUT_HISTORY: Final = 0.1
_LONGEST_HISTORY: Final = 5


@dataclass(frozen=True, slots=True)
class Example:
    """One case of the corpus.

    Attributes:
        row: the item.
        history: rows, oldest first, made up.
        style: of the reason.
        prompt: in the layout ``facts-v2``.
        reason: a true one.
        allowed: all that are true.
    """

    row: int
    history: tuple[int, ...]
    style: Style
    prompt: str
    reason: str
    allowed: frozenset[str]


def make_corpus(items: Items, popularity: NDArray[np.uint8], n_examples: int, seed: int) -> Iterator[Example]:
    """Yield cases; equal arguments give equal cases.

    Args:
        items: names and facts.
        popularity: uint8 ``[n_items]``; popular items come more often, as they do in lists.
        n_examples: how many.
        seed: of everything that is drawn.
    """
    rng = random.Random(seed)  # noqa: S311 - a corpus, not a secret
    finder = FactFinder(items, popularity)
    having = _rows_by_value(items)
    weights = (1.0 + popularity.astype(float)).tolist()
    for row in rng.choices(range(len(items.title)), weights, k=n_examples):
        history = _history(items, having, row, rng)
        style = rng.choice(_STYLES)
        facts = finder.facts(row, history)
        allowed = sentences(items, row, facts, style)
        # The sentences come best facts first: mostly those of the best facts, else any.
        first = next(groupby(allowed, key=lambda text: allowed[text]))[1]
        pool = list(first) if rng.random() < _SHARE_OF_BEST else list(allowed)
        yield Example(row, history, style, prompt(items, row, facts, style), rng.choice(pool), frozenset(allowed))


def _rows_by_value(items: Items) -> dict[str, list[list[int]]]:
    """Return, for each field and value, the items that have it."""
    having: dict[str, list[list[int]]] = {}
    for name, field in items.fields.items():
        having[name] = [[] for _ in field.values]
        for row, indices in enumerate(field.rows):
            for index in indices:
                having[name][index].append(row)
    return having


def _history(items: Items, having: dict[str, list[list[int]]], row: int, rng: random.Random) -> tuple[int, ...]:
    """Return up to a few items, most of which have a value in common with ``row``."""
    if rng.random() < _SHARE_WITHOUT_HISTORY:
        return ()
    known = [(name, index) for name, field in items.fields.items() for index in field.rows[row]]
    history = []
    for _ in range(rng.randint(1, _LONGEST_HISTORY)):
        if known and rng.random() < 0.8:
            name, index = rng.choice(known)
            history.append(rng.choice(having[name][index]))
        else:
            history.append(rng.randrange(len(items.title)))
    return tuple(past for past in history if past != row)
