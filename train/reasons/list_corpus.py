"""The training corpus of list texts, in the layout ``list-v1``: generated from a catalogue like that of the reasons.

Histories and lists are sampled from items that have facts in common; there is no user's history in it. Each text is
one that its case allows, and varies its words: a reason is preferred that begins unlike those before it.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.items import Items
from edge_runtime.list_text.case import ListCase
from edge_runtime.list_text.cases import list_case
from edge_runtime.list_text.prompt import prompt
from edge_runtime.reasons.claims import claims_of_list
from edge_runtime.reasons.evidence import without_engine
from edge_runtime.reasons.facts import FactFinder
from edge_runtime.reasons.names import short_names
from edge_runtime.reasons.phrasebook import ENGLISH, phrases_of
from edge_runtime.reasons.wordings import Speaker
from edge_runtime.reasons.words import TONES
from train.reasons.corpus import STYLES, index_values, sample_events, sample_history

_FEWEST_ITEMS: Final = 3
_MOST_ITEMS: Final = 6
"""Fewer than lists have on devices: most of a text is titles, which are certain there."""

_SHARE_RELATED: Final = 0.8
_SHARE_SILENT: Final = 0.5
"""Of the reasons that may be left out."""

_TRIES: Final = 4
_BEGINNING: Final = 2
"""Words by which two reasons begin alike."""


@dataclass(frozen=True, slots=True)
class ListExample:
    """An example of the corpus.

    Attributes:
        rows: rows of the list, best first.
        history: sampled rows, oldest first.
        prompt: prompt in the layout ``list-v1``.
        reason: the text.
        case: what it may say.
    """

    rows: tuple[int, ...]
    history: tuple[int, ...]
    prompt: str
    reason: str
    case: ListCase


def make_list_corpus(items: Items, popularity: NDArray[np.uint8], n_examples: int, seed: int) -> Iterator[ListExample]:
    """Yield examples; arguments are those of :func:`train.reasons.corpus.make_corpus`."""
    rng = random.Random(seed)  # noqa: S311 - a corpus, not a secret
    finder = FactFinder(items, popularity)
    rows_by_value = index_values(items)
    weights = (1.0 + popularity.astype(float)).tolist()
    for first in rng.choices(range(len(items.title)), weights, k=n_examples):
        history = sample_history(items, rows_by_value, first, rng)
        rows = _list(items, rows_by_value, (first, *history), rng)
        case = _case(finder, rows, history, rng)
        yield ListExample(rows, history, prompt(case), "".join(_lines(case, rng)), case)


def _case(finder: FactFinder, rows: Sequence[int], history: tuple[int, ...], rng: random.Random) -> ListCase:
    evidence = without_engine(history, rows)
    names = short_names(finder, evidence.pasts)
    claims = claims_of_list(finder, rows, evidence, frozenset(names))
    events = sample_events(history, rng)
    speaker = Speaker(phrases_of(ENGLISH), rng.choice(STYLES), rng.choice(TONES), names, events)
    return list_case(finder, rows, claims, speaker, history)


def _list(
    items: Items, rows_by_value: dict[str, list[list[int]]], related: Sequence[int], rng: random.Random
) -> tuple[int, ...]:
    """Sample a list, most items of which have a value in common with ``related``; none of the history is in it."""
    first, seen = related[0], set(related[1:])
    rows = [first]
    n_items = min(rng.randint(_FEWEST_ITEMS, _MOST_ITEMS), len(items.title) - len(seen))
    known = [(name, index) for row in related for name, field in items.fields.items() for index in field.rows[row]]
    for _ in range(_TRIES * n_items):
        if len(rows) >= n_items:
            break
        row = rng.randrange(len(items.title))
        if known and rng.random() < _SHARE_RELATED:
            name, index = rng.choice(known)
            row = rng.choice(rows_by_value[name][index])
        if row not in seen and row not in rows:
            rows.append(row)
    return tuple(rows)


def _lines(case: ListCase, rng: random.Random) -> Iterator[str]:
    """Yield the lines of a text."""
    opening, *of_items = case.lines()
    yield rng.choice(opening)
    begun: Counter[str] = Counter()
    for entry, lines in zip(case.entries, of_items, strict=True):
        with_reason = lines[: len(lines) - 1] if entry.is_optional else lines
        if entry.is_optional and rng.random() < _SHARE_SILENT:
            yield lines[-1]
            continue
        line = min(rng.sample(with_reason, len(with_reason)), key=lambda text: begun[_beginning(text)])
        begun[_beginning(line)] += 1
        yield line


def _beginning(line: str) -> str:
    """Return the first words of a line's reason."""
    return " ".join(line.rpartition(" \u2013 ")[2].split()[:_BEGINNING])
