"""What one sentence of truthful feedback is worth (`python -m benchmarks.conversation feedback`).

The last item of a user is the one that is wanted. The user sees ten items and says one thing that is true of the wanted
item: a value that it has and not all of the ten have, a value that some of the ten have and it has not, that it is
cheaper or dearer than most, which of the ten it shares most facts with or least, or that it is like an item that is
looked at, outside the list and the history, which most of the same people had. It is never named. The sentences are
written here, the device has to understand them.
"""

import math
import random
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_runtime import Recommender
from edge_runtime.conversation.query import Query
from edge_runtime.conversation.talk import Conversation
from edge_runtime.opened import OpenRelease
from edge_runtime.recommendation import Recommendation
from train.data.folder import read_folder
from train.data.sequences import Sequences
from train.data.split import leave_one_out

K = 10
N_RESAMPLES = 2000
_HAS = ("something with {v}", "I want {v}", "{v} please", "rather {v}", "show me {v}", "I'm looking for {v}")
_HAS_NOT = ("no {v}", "not {v}", "anything but {v}", "without {v}", "I don't want {v}")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")

Facts = Mapping[str, Sequence[str]]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Round:
    """One user before and after one sentence.

    Attributes:
        kind: of what was said.
        before: discounted gain of the wanted item.
        after: the same after the sentence.
        asked: whether the device asked back.
        lost: whether the sentence excluded the wanted item.
        new: number of items of the list that were not in it before.
    """

    kind: str
    before: float
    after: float
    new: int
    asked: bool
    lost: bool


def measure_feedback(bundle: Path, data: Path, n_users: int, seed: int) -> dict[str, object]:
    """Return NDCG at 10 before and after one sentence, in all and by what was said."""
    dataset = read_folder(data)
    chance = random.Random(seed)  # noqa: S311 - a sample
    with Recommender.open(bundle, language_model=False) as recommender:
        release = recommender._in_use()
        split = leave_one_out(dataset.sequences)
        ids, targets = dataset.catalogue.item_ids, split.test
        together = Together(split.train, [release.row_of.get(item_id) for item_id in ids], len(release.items.title))
        chosen = chance.sample(range(len(targets)), min(n_users, len(targets)))
        rounds = []
        for index in chosen:
            history = [ids[row] for row in targets.history(index)]
            wanted = release.row_of.get(ids[targets.rows[index]])
            if wanted is not None and ids[targets.rows[index]] not in history:
                rounds += _round(release, history, wanted, together, chance)
    by_kind = {kind: [one for one in rounds if one.kind == kind] for kind in sorted({one.kind for one in rounds})}
    return {"all": _figures(rounds, seed), **{kind: _figures(those, seed) for kind, those in by_kind.items()}}


class Together:
    """Which items the same people had.

    Args:
        sequences: events for training.
        rows: the row in the bundle of each row of the data, None where it lacks the item.
        n_items: of the bundle.
    """

    def __init__(self, sequences: Sequences, rows: Sequence[int | None], n_items: int) -> None:
        of_event = np.array([-1 if row is None else row for row in rows], dtype=np.int64)[sequences.rows]
        pairs = np.unique(np.stack([of_event, sequences.users()])[:, of_event >= 0], axis=1)
        self._rows, self._users = pairs
        self._n_users = len(sequences)
        self._popularity = np.bincount(self._rows, minlength=n_items)

    def most(self, wanted: int, left_out: Sequence[int]) -> int | None:
        """Return the row with the largest cosine of the people that had it with those of an item; None without any."""
        had = np.zeros(self._n_users, dtype=np.bool_)
        had[self._users[self._rows == wanted]] = True
        both = np.bincount(self._rows[had[self._users]], minlength=len(self._popularity))
        alike = both / np.sqrt(np.maximum(1, self._popularity))
        alike[[wanted, *left_out]] = 0
        return int(alike.argmax()) if alike.any() else None


def _round(
    release: OpenRelease, history: Sequence[str], wanted: int, together: Together, chance: random.Random
) -> list[Round]:
    """Return the round of one user; an empty list if nothing true can be said."""
    past = release.past_of(history)

    def listed(query: Query, hidden: Sequence[str]) -> list[Recommendation]:
        return release.by_query(past, K, query, hidden)

    shown = [item.row for item in listed(Query(), ())]
    others = {number: release.facts(row) for number, row in enumerate(shown) if row != wanted}
    said = _sentences(release.facts(wanted), others, chance)
    named = together.most(wanted, [*shown, *(release.row_of[one] for one in history if one in release.row_of)])
    if named is not None:
        said["like another"] = "more like this one"
    if not said:
        return []
    kind = chance.choice(sorted(said))
    talk = Conversation()
    about = release.items.item_id[named] if kind == "like another" and named is not None else None
    answer = talk.say(said[kind], "en", release.hearing(), listed, lambda _: "", about=about)
    after = [item.row for item in answer.items]
    is_lost = not bool(release.hearing().application.allowed(talk.query)[wanted])
    gains, n_new = (_gain(shown, wanted), _gain(after, wanted)), len(set(after) - set(shown))
    return [Round(kind, *gains, n_new, answer.question is not None, is_lost)]


def _gain(rows: Sequence[int], wanted: int) -> float:
    return 1 / math.log2(rows.index(wanted) + 2) if wanted in rows else 0.0


def _sentences(wanted: Facts, others: Mapping[int, Facts], chance: random.Random) -> dict[str, str]:
    """Return one true sentence of each kind that there is, about the items of the list by number but the wanted one."""
    shown = list(others.values())
    fields = [field for field in sorted(wanted) if field not in ("price", "year", "cast")]
    has = [
        value
        for field in fields
        for value in wanted[field]
        if sum(value in facts.get(field, ()) for facts in shown) < len(shown)
    ]
    counts = Counter(
        value for field in fields for facts in shown for value in facts.get(field, ()) if value not in wanted[field]
    )
    sentences = {}
    if has:
        sentences["has"] = chance.choice(_HAS).format(v=chance.choice(has))
    if counts:
        sentences["has not"] = chance.choice(_HAS_NOT).format(v=chance.choice(sorted(counts)))
    shared = {
        number: sum(value in facts.get(field, ()) for field in fields for value in wanted[field])
        for number, facts in others.items()
    }
    nearest = max(shared, key=lambda number: shared[number], default=0)
    if shared.get(nearest, 0) > 1:
        sentences["like"] = f"more like the {_ORDINALS[nearest]}"
    farthest = min(shared, key=lambda number: shared[number], default=0)
    if shared and shared[farthest] < max(shared.values()):
        sentences["unlike"] = f"nothing like the {_ORDINALS[farthest]}"
    prices = [float(facts["price"][0]) for facts in shown if facts.get("price")]
    if prices and wanted.get("price"):
        price, middle = float(wanted["price"][0]), statistics.median(prices)
        if price < middle:
            sentences["cheaper"] = "cheaper please"
        elif price > middle:
            sentences["dearer"] = "something more expensive"
    return sentences


def _figures(rounds: Sequence[Round], seed: int) -> dict[str, object]:
    before, after = np.array([one.before for one in rounds]), np.array([one.after for one in rounds])
    return {
        "n": len(rounds),
        "ndcg_before": round(float(before.mean()), 4),
        "ndcg_after": round(float(after.mean()), 4),
        "change": round(float(after.mean() / before.mean() - 1), 4) if before.any() else None,
        "interval_95": _interval(before, after, seed),
        "new": round(statistics.mean(one.new for one in rounds), 2),
        "asked": round(statistics.mean(one.asked for one in rounds), 4),
        "lost": round(statistics.mean(one.lost for one in rounds), 4),
    }


def _interval(before: Floats, after: Floats, seed: int) -> list[float]:
    """Return the interval of the relative change, by resampling people."""
    generator = np.random.default_rng(seed)
    rows = generator.integers(0, len(before), (N_RESAMPLES, len(before)))
    totals = before[rows].sum(axis=1)
    changes = after[rows].sum(axis=1)[totals > 0] / totals[totals > 0] - 1
    return [round(float(value), 4) for value in np.percentile(changes, [2.5, 97.5])] if len(changes) else []
