"""Measures the reasons of a bundle on the data that it was made from; prints JSON.

Each person's list after their history without its last event is explained, with the device's own engine:

- ``claims_true``: share of claims that are true, checked anew: values in the catalogue; that an item often follows
  another in the data (at least two people took it within ten events after the other); that its score falls if the
  event is really removed; popularity in the catalogue.
- ``coverage``: share of the slots with a reason that cites an event, for people with at least three.
- ``necessity``: how often the score falls more without the cited event than without a random other; ties count half.
- ``sufficiency``: share of slots whose item is in the top 50 of the cited event alone.
- ``still_cited``: reasons that cite an event after it was removed.
- ``distinct``: different wordings in a list, without the names and values in them.
- ``feature_coverage`` and ``unique_sentences`` (FCR, USR): share of the values of the catalogue that some reason names,
  and share of the sentences that differ.
- ``list_ms``: milliseconds for the reasons of a list, the evidence included.

Intervals are bootstrapped by person (95 %). ``baseline`` is what a reason cites without evidence: the rarest value that
the item has in common with an event, and the newest such event.

python -m benchmarks.reasons --bundle build/bundles/laptop-x86_64 --data ../shared/data/beauty
"""

import argparse
import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np

from edge_runtime import Recommender
from edge_runtime.explainer import Explainer, Listed, Manner, Reason
from edge_runtime.history_rows import HistoryRows
from edge_runtime.opened import OpenRelease
from edge_runtime.reasons.evidence import without_engine
from edge_runtime.reasons.facts import Fact, is_true
from train.data.folder import read_folder

K: Final = 10
LEAST_EVENTS: Final = 3
WINDOW: Final = 10
TOP: Final = 50
RESAMPLES: Final = 1000

Figures = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Person:
    """The list of a person with its reasons; figures by name, a number for each slot or list."""

    history: list[str]
    figures: Figures = field(default_factory=lambda: defaultdict(list))
    sentences: list[str] = field(default_factory=list)
    values: set[tuple[str, str]] = field(default_factory=set)

    def add(self, name: str, value: float) -> None:
        """Note a number."""
        self.figures[name].append(float(value))


class Following:
    """How many people took an item within some events after another."""

    def __init__(self, sequences: Sequence[Sequence[str]]) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        for sequence in sequences:
            self._counts.update(
                {(first, after) for at, first in enumerate(sequence) for after in sequence[at + 1 : at + 1 + WINDOW]}
            )

    def people(self, first: str, after: str) -> int:
        """Return how many people took ``after`` soon after ``first``."""
        return self._counts[first, after]


class Bench:
    """Explains the lists of people and measures the reasons."""

    def __init__(self, recommender: Recommender, following: Following, seed: int) -> None:
        self._recommender = recommender
        self._release: OpenRelease = recommender._in_use()  # the scores of a shortened history are not in the API
        self._explainer: Explainer = self._release.create_explainer(language_model=False)
        self._following = following
        self._rng = np.random.default_rng(seed)

    def person(self, history: list[str], manner: Manner) -> Person:
        """Explain the list of a person and measure it."""
        person = Person(history)
        items = self._recommender.recommend(K, history)
        reasons = self._recommender.explain_list(items, history=history, style=manner.style, tone=manner.tone)
        person.add("list_ms", self._recommender.timings["explain_list"])
        rows = [item.row for item in items]
        past = self._release.past_of(history)
        for row, reason in zip(rows, reasons, strict=True):
            cited = None if reason is None else reason.facts[0].history_row
            person.add("coverage", cited is not None)
            if reason is not None:
                person.sentences.append(reason.text)
                self._measure(person, row, reason, past)
        person.add("distinct", self._distinct(rows, past, reasons, manner))
        self._baseline(person, rows, past)
        return person

    def _measure(self, person: Person, row: int, reason: Reason, past: HistoryRows) -> None:
        for fact in reason.facts:
            person.add("claims_true", self._is_true(fact, row, past))
            if fact.kind == "shared":
                person.values.add((fact.field, fact.value))
        cited = reason.facts[0].history_row
        if cited is None:
            return
        person.add("necessity", self._necessity(row, cited, past))
        alone = self._scores([cited])
        person.add("sufficiency", int((alone > alone[row]).sum()) < TOP)
        left = [item_id for item_id in person.history if self._release.row_of[item_id] != cited]
        if left:
            again = self._recommender.explain_list(self._recommender.recommend(K, left), history=left)
            facts = chain.from_iterable(one.facts for one in again if one is not None)
            person.add("still_cited", sum(fact.history_row == cited for fact in facts))

    def _is_true(self, fact: Fact, row: int, past: HistoryRows) -> bool:
        contents, ids = self._release.contents, self._release.items.item_id
        transitions = None if contents.transitions is None else contents.transitions.table
        sequence = past.sequence.tolist()
        if not is_true(fact, contents.items, contents.popularity.levels, row, sequence, transitions):
            return False
        if fact.kind == "follows":
            return self._following.people(ids[fact.history_row or 0], ids[row]) >= 2
        return fact.kind != "because" or self._drop(row, fact.history_row or 0, past) > 0

    def _necessity(self, row: int, cited: int, past: HistoryRows) -> float:
        others = sorted(set(past.sequence.tolist()) - {cited})
        other = int(self._rng.choice(others))
        mine, its = self._drop(row, cited, past), self._drop(row, other, past)
        return float(mine > its) + float(mine == its) / 2

    def _drop(self, row: int, left_out: int, past: HistoryRows) -> float:
        sequence = past.sequence
        return float(self._scores(sequence.tolist())[row] - self._scores(sequence[sequence != left_out].tolist())[row])

    def _scores(self, sequence: Sequence[int]) -> np.ndarray:
        ids = self._release.items.item_id
        return self._release.scores(self._release.past_of([ids[row] for row in sequence]))

    def _distinct(self, rows: list[int], past: HistoryRows, reasons: list[Reason | None], manner: Manner) -> int:
        """Return the number of different wordings; an item without a reason sounds like no other."""
        listed = Listed(rows, self._release.evidence(past, rows))
        speaker = self._explainer.speaker(listed, manner)
        skeletons = set()
        for claims, reason in zip(self._explainer.claims(listed), reasons, strict=True):
            wordings = chain.from_iterable(speaker.wordings(claim) for claim in claims)
            skeletons |= {
                wording.skeleton for wording in wordings if reason is not None and wording.text == reason.text
            }
        return len(skeletons) + sum(reason is None for reason in reasons)

    def _baseline(self, person: Person, rows: list[int], past: HistoryRows) -> None:
        listed = Listed(rows, without_engine(past.sequence.tolist(), rows))
        said = []
        for row, claims in zip(rows, self._explainer.claims(listed), strict=True):
            shared = [claim.fact for claim in claims if claim.fact.kind == "shared"]
            person.add("baseline coverage", bool(shared))
            if shared and shared[0].history_row is not None:
                person.add("baseline necessity", self._necessity(row, shared[0].history_row, past))
                said.append(row % 5)  # there were five wordings, chosen by the row
        person.add("baseline distinct", len(set(said)) + len(rows) - len(said))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="Data folder that the bundle was made from.")
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--style", choices=("short", "detailed"), default="short")
    parser.add_argument("--tone", choices=("casual", "formal"), default="casual")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    dataset = read_folder(options.data)
    ids = dataset.catalogue.item_ids
    sequences = [[ids[row] for row in rows] for rows in dataset.sequences]
    with Recommender.open(options.bundle, language_model=False) as recommender:
        bench = Bench(recommender, Following(sequences), options.seed)
        manner = Manner(options.style, options.tone)
        histories = list(_histories(recommender, sequences, options.people, options.seed))
        bench.person(histories[0], manner)  # warms up
        people = [bench.person(history, manner) for history in histories]
        n_values = sum(len(column.values) for column in recommender.items.fields.values())
    print(
        json.dumps({"data": dataset.name, "people": len(people), **figures(people, n_values, options.seed)}, indent=1)
    )


def _histories(recommender: Recommender, sequences: list[list[str]], n_people: int, seed: int) -> Iterator[list[str]]:
    """Yield the histories of random people with at least three known items, without their last event."""
    length, n_found = recommender.manifest.encoder.max_length, 0
    for index in np.random.default_rng(seed).permutation(len(sequences)):
        history = [item_id for item_id in sequences[index][:-1] if recommender.knows(item_id)][-length:]
        if len(set(history)) >= LEAST_EVENTS:
            yield history
            n_found += 1
        if n_found == n_people:
            return


def figures(people: Sequence[Person], n_values: int, seed: int) -> dict[str, object]:
    """Return each figure with its interval over people."""
    names = dict.fromkeys(name for person in people for name in person.figures)
    found: dict[str, object] = {}
    for name in names:
        by_person = [person.figures[name] for person in people if person.figures.get(name)]
        if name == "list_ms":
            found[name] = round(statistics.median(chain.from_iterable(by_person)), 2)
            continue
        low, high = _interval(by_person, seed)
        found[name] = {"mean": _mean(by_person), "low": low, "high": high}
    sentences = [text for person in people for text in person.sentences]
    values = set().union(*(person.values for person in people))
    found["feature_coverage"] = round(len(values) / max(1, n_values), 4)
    found["unique_sentences"] = round(len(set(sentences)) / max(1, len(sentences)), 4)
    found["lists_with_nine_distinct"] = _mean([[float(person.figures["distinct"][0] >= 9)] for person in people])
    return found


def _interval(by_person: list[list[float]], seed: int) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    sums = np.array([[sum(values), len(values)] for values in by_person])
    drawn = sums[rng.integers(0, len(sums), (RESAMPLES, len(sums)))].sum(axis=1)
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], [2.5, 97.5])
    return round(float(low), 4), round(float(high), 4)


def _mean(by_person: list[list[float]]) -> float:
    return round(statistics.fmean(chain.from_iterable(by_person)), 4)


if __name__ == "__main__":
    main()
