"""The training corpus of the reason writer: prompts and true reasons, generated from a catalogue.

The model is published, so the corpus contains no user's history: histories are sampled from items that have facts in
common. Each reason is one of the sentences that agree with the facts.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.items import Items
from edge_runtime.events import CLICK, LIKE, PURCHASE
from edge_runtime.reasons.claims import claims_of_list
from edge_runtime.reasons.evidence import without_engine
from edge_runtime.reasons.facts import FactFinder
from edge_runtime.reasons.names import short_names
from edge_runtime.reasons.phrasebook import ENGLISH, phrases_of
from edge_runtime.reasons.prompt import prompt
from edge_runtime.reasons.wordings import Speaker
from edge_runtime.reasons.words import TONES, Style

STYLES: Final[tuple[Style, ...]] = ("short", "short", "detailed")
_SHARE_OF_BEST: Final = 0.75
_SHARE_WITHOUT_HISTORY: Final = 0.1
_MAX_HISTORY: Final = 5
_MOST_TRIES: Final = 20


@dataclass(frozen=True, slots=True)
class Example:
    """An example of the corpus.

    Attributes:
        row: row of the recommended item.
        history: sampled rows, oldest first.
        style: style of the reason.
        prompt: prompt in the format ``facts-v3``.
        reason: a true reason.
        allowed: all true reasons.
    """

    row: int
    history: tuple[int, ...]
    style: Style
    prompt: str
    reason: str
    allowed: frozenset[str]


def make_corpus(items: Items, popularity: NDArray[np.uint8], n_examples: int, seed: int) -> Iterator[Example]:
    """Yield examples; equal arguments give equal examples.

    Args:
        items: titles and facts.
        popularity: uint8 ``[n_items]``; popular items are sampled more often.
        n_examples: number of examples.
        seed: random seed.
    """
    rng = random.Random(seed)  # noqa: S311 - a corpus, not a secret
    finder = FactFinder(items, popularity)
    rows_by_value = index_values(items)
    weights = (1.0 + popularity.astype(float)).tolist()
    rows = iter(lambda: rng.choices(range(len(items.title)), weights)[0], None)
    examples = (_example(finder, row, sample_history(items, rows_by_value, row, rng), rng) for row in rows)
    yield from islice((example for example in islice(examples, _MOST_TRIES * n_examples) if example), n_examples)


def _example(finder: FactFinder, row: int, history: tuple[int, ...], rng: random.Random) -> Example | None:
    """Return an example; None if nothing can be said of the item."""
    style, tone = rng.choice(STYLES), rng.choice(TONES)
    evidence = without_engine(history, [row])
    names = short_names(finder, evidence.pasts)
    claims = claims_of_list(finder, [row], evidence, frozenset(names))[0]
    if not claims:
        return None
    claim = claims[0] if rng.random() < _SHARE_OF_BEST else rng.choice(claims)
    speaker = Speaker(phrases_of(ENGLISH), style, tone, names, sample_events(history, rng))
    allowed = speaker.wordings(claim)
    text = prompt(finder.items, row, allowed[0].facts, speaker)
    texts = frozenset(wording.text for wording in allowed)
    return Example(row, history, style, text, rng.choice(allowed).text, texts)


def sample_events(history: tuple[int, ...], rng: random.Random) -> dict[int, str]:
    """Sample the name of the newest event of each item of a history; empty where it is not known."""
    return {row: rng.choice((CLICK, LIKE, PURCHASE, "")) for row in history}


def index_values(items: Items) -> dict[str, list[list[int]]]:
    """Return the items with each value of each field."""
    rows_by_value: dict[str, list[list[int]]] = {}
    for name, field in items.fields.items():
        rows_by_value[name] = [[] for _ in field.values]
        for row, indices in enumerate(field.rows):
            for index in indices:
                rows_by_value[name][index].append(row)
    return rows_by_value


def sample_history(
    items: Items, rows_by_value: dict[str, list[list[int]]], row: int, rng: random.Random
) -> tuple[int, ...]:
    """Sample a short history, in which most items have a value in common with ``row``."""
    if rng.random() < _SHARE_WITHOUT_HISTORY:
        return ()
    known = [(name, index) for name, field in items.fields.items() for index in field.rows[row]]
    history = []
    for _ in range(rng.randint(1, _MAX_HISTORY)):
        if known and rng.random() < 0.8:
            name, index = rng.choice(known)
            history.append(rng.choice(rows_by_value[name][index]))
        else:
            history.append(rng.randrange(len(items.title)))
    return tuple(past for past in history if past != row)
