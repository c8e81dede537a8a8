"""Measures what learning on the device does for whom: ``python -m benchmarks.personal --bundle B --interactions FILE``.

Takes people whom the bundle's model has never seen, each with at least twenty events. The device's own code records all
but the newest fifth of a person's events and learns; then it recommends ten items before each of the newest fifth, with
what it has decided and without the adapter. Items that a person has already seen are not on lists, so their events are
left out. Prints the mean NDCG@10 over people with paired bootstrap intervals, by length of history and by popularity of
the item, how often the adapter was used, and what it would be if it were always used. Beside it: the knowledge of a
teacher (CoCo) with the device's switch, and the lists with the diversity that follows feedback (SAGE).

Example: python -m benchmarks.personal --bundle bundles/laptop-x86_64 --interactions devices/interactions.parquet
"""

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl

from edge_runtime import Recommender
from edge_runtime.bundle.folder import open_folder
from edge_runtime.bundle.manifest import LearningSettings
from edge_runtime.contents import Contents, open_contents
from edge_runtime.engines.candidates import EngineCandidates
from edge_runtime.learning.personal import STEPS_VARIABLE
from edge_runtime.state.history import History
from train.evaluation.significance import paired_bootstrap

MIN_EVENTS: Final = 20
NEWEST: Final = 5
"""One of so many events is kept for the test."""
TOP: Final = 10
HEAD: Final = 0.2
"""Share of the catalogue that is called popular."""
LENGTHS: Final = ((20, 49), (50, 99), (100, 199), (200, math.inf))

Gains = dict[str, list[tuple[float, bool]]]
"""NDCG@10 of each event, and whether its item is popular, by variant."""


@dataclass
class Person:
    """What was measured for one person."""

    n_events: int
    used: bool
    seconds: float
    gains: Gains = field(default_factory=dict)

    def mean(self, variant: str, popular: bool | None = None) -> float | None:
        """Return the mean NDCG of a variant; None without events."""
        values = [gain for gain, is_popular in self.gains[variant] if popular is None or is_popular == popular]
        return sum(values) / len(values) if values else None


def main() -> None:
    """Print the figures."""
    arguments = _arguments()
    contents, engines = opened(arguments.bundle, arguments.settings, arguments.a)
    people = measured(contents, engines, histories(arguments.interactions, contents, arguments))
    report = figures(people, has_knowledge=bool(contents.small.knowledge.any()))
    print(json.dumps(report, indent=1) if arguments.json else as_text(report))


def opened(bundle: Path, settings: Path | None, a: Path | None) -> tuple[Contents, EngineCandidates]:
    """Return a bundle with other settings of learning or another ``A`` in place of its own, which needs a zero ``B``.

    Raises:
        ValueError: the bundle has no settings of learning, and no others are given; or it has another ``B``.
    """
    folder = open_folder(bundle)
    learning = folder.manifest.learning
    if settings is not None:
        learning = msgspec.json.decode(settings.read_bytes(), type=LearningSettings)
    if learning is None:
        raise ValueError(f"{bundle}: the bundle has no settings of learning. Give some (--settings FILE.json).")
    folder = replace(folder, manifest=msgspec.structs.replace(folder.manifest, learning=learning))
    contents = open_contents(folder, language_model=False)
    first = None
    if a is not None:
        if contents.small.adapter_b.any():
            raise ValueError(f"{bundle}: the bundle has an adapter that is not zero, which belongs to its own A.")
        other = np.load(a)["A"].astype(np.float32)
        b = np.zeros((other.shape[1], other.shape[0]), dtype=np.float32)
        contents = replace(contents, small=replace(contents.small, adapter_a=other, adapter_b=b))
        first = None if len(b) == folder.manifest.encoder.adapter_rank else "reference"  # graphs have a fixed rank
    return contents, contents.engine_candidates(first=first)


def histories(file: Path, contents: Contents, arguments: argparse.Namespace) -> list[list[str]]:
    """Return the item ids of each person, oldest first; of more people than wanted, some that are drawn."""
    data = pl.read_parquet(file).sort(["user_id", "timestamp"], maintain_order=True)
    known = data.filter(pl.col("item_id").is_in(list(contents.table.row_of)))
    everyone = [group["item_id"].to_list() for _, group in known.group_by("user_id", maintain_order=True)]
    enough = [items for items in everyone if len(items) >= MIN_EVENTS]
    order = np.random.default_rng(arguments.seed).permutation(len(enough))[: arguments.users]
    return [enough[index] for index in sorted(order.tolist())]


def measured(contents: Contents, engines: EngineCandidates, people: Sequence[list[str]]) -> list[Person]:
    """Measure people one after another, with progress on standard error."""
    found, started = [], time.monotonic()
    for number, items in enumerate(people, start=1):
        found.append(measure(contents, engines, items))
        if number % 20 == 0 or number == len(people):
            print(f"{number} of {len(people)} people, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return found


def measure(contents: Contents, engines: EngineCandidates, items: list[str]) -> Person:
    """Let a device learn from all but the newest fifth of a history, and recommend before each of the others."""
    n_learned = len(items) - max(1, len(items) // NEWEST)
    with Recommender(contents, engines, History.open(None), language_model=False) as recommender:
        for item_id in items[:n_learned]:
            recommender.observe(item_id)
        started = time.perf_counter()
        status = recommender.learn(3600.0).status
        person = Person(len(items), status.used, time.perf_counter() - started)
        _always_use(recommender)
        recommend: dict[str, Callable[[list[str]], Sequence[Any]]] = {
            "without": lambda past: recommender.recommend(TOP, past),
            "always": lambda _: recommender.recommend(TOP),
            "diverse": lambda past: recommender.recommend(TOP, past, diversity="auto"),
        }
        if contents.small.knowledge.any():
            plain = _without_knowledge(contents, engines)
            recommend["no knowledge"] = lambda past: plain.recommend(TOP, past)
        _try(recommender, contents, items, n_learned, recommend, person)
    person.gains["with"] = person.gains["always" if person.used else "without"]
    return person


def _try(
    recommender: Recommender,
    contents: Contents,
    items: list[str],
    n_learned: int,
    recommend: Mapping[str, Callable[[list[str]], Sequence[Any]]],
    person: Person,
) -> None:
    """Recommend before each event from ``n_learned`` on, and record the event."""
    levels = contents.popularity.levels
    least = np.sort(levels)[::-1][max(0, int(HEAD * len(levels)) - 1)]
    for variant in recommend:
        person.gains[variant] = []
    for index in range(n_learned, len(items)):
        past, target = items[:index], items[index]
        if target not in past:
            popular = bool(levels[contents.table.row_of[target]] >= least)
            for variant, listed in recommend.items():
                person.gains[variant].append((_ndcg(listed(past), target), popular))
        recommender.observe(target)


def _always_use(recommender: Recommender) -> None:
    """Use the adapter that was trained, whatever the device has decided."""
    release = recommender._in_use()
    tried = release.learner._tried()
    release.learner.adapter = lambda: None if tried is None else tried[0]  # type: ignore[method-assign]
    release.adapt()


def _without_knowledge(contents: Contents, engines: EngineCandidates) -> Recommender:
    small = replace(contents.small, knowledge=np.zeros_like(contents.small.knowledge))
    return Recommender(replace(contents, small=small), engines, History.open(None), language_model=False)


def _ndcg(listed: Sequence[Any], target: str) -> float:
    return next((1 / math.log2(item.rank + 1) for item in listed if item.item_id == target), 0.0)


def figures(people: Sequence[Person], *, has_knowledge: bool) -> dict[str, Any]:
    """Return all figures."""
    used = [person for person in people if person.used]
    return {
        "people": len(people),
        "used": len(used) / len(people),
        "seconds_of_learning": {
            name: float(np.quantile([person.seconds for person in people], share))
            for name, share in (("median", 0.5), ("p95", 0.95))
        },
        "decided": compared(people, "with", "without"),
        "always": compared(people, "always", "without"),
        "decided, of those who use it": compared(used, "with", "without"),
        "worse": _shares(people),
        "by_length": {
            f"{low}-{high:.0f}" if high < math.inf else f"{low}+": compared(
                [person for person in people if low <= person.n_events <= high], "with", "without"
            )
            for low, high in LENGTHS
        },
        "by_item": {
            "popular": compared(people, "with", "without", popular=True),
            "others": compared(people, "with", "without", popular=False),
        },
        "knowledge (CoCo, by the switch)": compared(people, "without", "no knowledge")
        if has_knowledge
        else "not in this bundle",
        "diversity that follows feedback (SAGE)": compared(people, "diverse", "without"),
    }


def compared(people: Sequence[Person], ours: str, theirs: str, *, popular: bool | None = None) -> dict[str, Any] | str:
    """Return the comparison of two variants over people."""
    pairs = [(person.mean(ours, popular), person.mean(theirs, popular)) for person in people]
    both = np.array([pair for pair in pairs if None not in pair], dtype=np.float64)
    if not len(both):
        return "nobody"
    found = paired_bootstrap(both[None, :, 0], both[None, :, 1])
    return {
        "people": found.n_users,
        "ndcg": float(both[:, 0].mean()),
        "of": float(both[:, 1].mean()),
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "p": found.p_value,
    }


def _shares(people: Sequence[Person]) -> dict[str, float]:
    """Return for how many the lists got worse and better, of all."""
    changes = [(person.mean("with") or 0.0) - (person.mean("without") or 0.0) for person in people]
    return {
        "worse": sum(change < 0 for change in changes) / len(changes),
        "better": sum(change > 0 for change in changes) / len(changes),
    }


def as_text(report: Mapping[str, Any], indent: str = "") -> str:
    """Return the figures as lines."""
    lines = []
    for name, value in report.items():
        if isinstance(value, Mapping) and "difference" in value:
            lines.append(
                f"{indent}{name}: {value['of']:.4f} -> {value['ndcg']:.4f}, {value['difference']:+.4f} "
                f"[{value['low']:+.4f}, {value['high']:+.4f}], p {value['p']:.4f}, {value['people']} people"
            )
        elif isinstance(value, Mapping):
            lines += [f"{indent}{name}:", as_text(value, indent + "  ")]
        else:
            lines.append(f"{indent}{name}: {value if isinstance(value, str | int) else f'{value:.3f}'}")
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--interactions", type=Path, required=True, help="Parquet with user_id, item_id, timestamp.")
    parser.add_argument("--settings", type=Path, help="JSON with settings of learning, in place of the bundle's.")
    parser.add_argument("--a", type=Path, help="npz with A, [d, r], in place of the bundle's.")
    parser.add_argument("--users", type=int, help="Number of people, drawn at random. [default: all]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    os.environ[STEPS_VARIABLE] = str(10**9)
    main()
