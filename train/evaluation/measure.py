"""Every figure of one trained model on one split: by scenario, under noise, for newcomers, of its lists, its plug-ins.

A figure has a section and a name. Ranks are returned beside the figures, so that two models can be compared user by
user. "Recall" at one target is what the literature calls HR.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.data.split import Split, Targets
from train.evaluation.baselines import AMONG_NEW, NEW_ITEM
from train.evaluation.feedback import feedback_figures
from train.evaluation.scenarios import scenarios
from train.evaluation.splits import Derived
from train.full_model.model import Model
from train.metrics.histories import cut_histories, histories_of, insert_noise, only
from train.metrics.interests import Interests
from train.metrics.lists import Vectors, list_figures, model_lists
from train.metrics.ranker import Ranker, rank_split
from train.metrics.ranking import Ranked, metrics, summary
from train.plugins.plugin import Probe

NOISE_SHARES = (0.1, 0.2, 0.3)
NEWCOMER_EVENTS = (1, 2, 3)
LIST_LENGTH = 10
# Every model meets the same clicks.
_NOISE_SEED = 0

Figures = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What was found.

    Attributes:
        figures: section to name to value; a section of nobody is left out, but for its ``n_users`` of 0.
        ranks: section to the rank of each of its users' targets, history excluded, int32; 0 the best.
        users: section to those users' numbers, int32; users of equal sections are in equal order.
    """

    figures: Figures
    ranks: dict[str, NDArray[np.int32]]
    users: dict[str, NDArray[np.int32]]


def measure(model: Ranker, derived: Derived, vectors: Vectors, interests: Interests | None) -> Measured:
    """Measure everything that can be told of any model that ranks.

    Args:
        model: the full one or a student.
        derived: the split that it was trained on.
        vectors: text space for the variety of lists, unit vectors ``[n_items, W]``; the same for every model.
        interests: what items are about, where that is known.
    """
    found = Measured({}, {}, {})
    split, n_items = derived.split, len(vectors)
    ranked = rank_split(model, split.test)
    whole = summary(ranked)
    for name, mask in scenarios(split, n_items, interests).items():
        _note(found, name, split.test.users[mask], ranked.among(mask))
    found.figures["all"] |= {"share_tied": whole["share_tied"], "standard_error": whole["ndcg@10_standard_error"]}
    found.figures["history included"] = metrics(ranked.included)
    if derived.new_items is not None:
        _note_new_items(found, model, split.test, ranked, derived.new_items)
    for n_events in NEWCOMER_EVENTS:
        cut = rank_split(model, cut_histories(split.test, n_events))
        _note(found, f"newcomer {n_events}", split.test.users, cut)
    for share in NOISE_SHARES:
        noisy = rank_split(model, insert_noise(split.test, share, n_items, seed=_NOISE_SEED))
        _note(found, f"noise {share:.0%}", split.test.users, noisy)
        _note_retention(found.figures[f"noise {share:.0%}"], found.figures["all"])
    lists, _ = model_lists(model, split.test, LIST_LENGTH)
    found.figures["lists"] = list_figures(lists, n_items, vectors, interests)
    found.figures["feedback"] = feedback_figures(model, split.test, vectors)
    return found


def plugin_figures(model: Model, split: Split) -> Figures:
    """Return what each plug-in measures of itself on the test users, by its name; what is no number is left out."""
    with torch.inference_mode():
        was_training = model.training
        model.eval()
        table = model.item_vectors()
        found: Figures = {}
        for place, plugin in enumerate(model.plugins):
            if plugin.figures is not None:
                values = plugin.figures(_probe(model, split, table, place))
                found[plugin.name] = {name: float(value) for name, value in values.items() if isfinite(value)}
        model.train(was_training)
    return found


def _probe(model: Model, split: Split, table: Tensor, place: int) -> Probe:
    """Return what the plug-in ``place`` is shown."""
    return Probe(
        table=table,
        histories=histories_of(split.test),
        targets=split.test.rows,
        n_trained=split.train.lengths[split.test.users],
        plain_states=_newest_stage(model, table, 0),
        before=_newest_stage(model, table, place),
        user_states=_newest_stage(model, table, -1),
        remade=lambda: _probe(model, split, model.item_vectors(), place),
    )


def _newest_stage(model: Model, table: Tensor, stage: int) -> Callable[[Tensor, Tensor], Tensor]:
    """Return what gives the newest states as they come to the plug-in ``stage``; -1 is after all of them."""

    def states(rows: Tensor, mask: Tensor) -> Tensor:
        rows, mask = rows[:, -model.max_length :], mask[:, -model.max_length :]
        return model.user_stages(rows, mask, table)[stage]

    return states


def _note(found: Measured, name: str, users: NDArray[np.int64], ranked: Ranked) -> None:
    found.figures[name] = {"n_users": float(len(users))} | (metrics(ranked.excluded) if len(users) else {})
    found.ranks[name] = ranked.excluded.astype(np.int32)
    found.users[name] = users.astype(np.int32)


def _note_new_items(
    found: Measured, model: Ranker, targets: Targets, ranked: Ranked, new_items: NDArray[np.bool_]
) -> None:
    asked = new_items[targets.rows]
    _note(found, NEW_ITEM, targets.users[asked], ranked.among(asked))
    _note(found, "old item", targets.users[~asked], ranked.among(~asked))
    if asked.any():
        among = rank_split(model, only(targets, asked), new_items)
        _note(found, AMONG_NEW, targets.users[asked], among)


def _note_retention(noisy: dict[str, float], plain: Mapping[str, float]) -> None:
    for name in ("ndcg@10", "recall@10"):
        if plain[name] > 0:
            noisy[f"retention_{name}"] = noisy[name] / plain[name]
