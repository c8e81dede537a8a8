"""All metrics of one trained model on one split: by scenario, with noise, for new users, of lists, and of plug-ins.

A metric has a section and a name. Ranks are returned too, so that models can be compared user by user. With one target,
"Recall" is the HR of the literature.
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
from train.evaluation.feedback import feedback_metrics
from train.evaluation.scenarios import scenarios
from train.evaluation.splits import DerivedSplit
from train.full_model.model import Model
from train.metrics.histories import cut_histories, histories_of, insert_noise, select_targets
from train.metrics.interests import Interests
from train.metrics.lists import Vectors, list_metrics, model_lists
from train.metrics.ranker import Ranker, rank_split
from train.metrics.ranking import Ranked, metrics, summary
from train.plugins.plugin import EvaluationData

NOISE_SHARES = (0.1, 0.2, 0.3)
NEWCOMER_EVENTS = (1, 2, 3)
LIST_LENGTH = 10
# The same noise for all models.
_NOISE_SEED = 0

MetricsBySection = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True, eq=False)
class ModelMetrics:
    """The metrics and ranks of a model.

    Attributes:
        figures: section to name to value; a section without users has only ``n_users``.
        ranks: rank of each user's target by section, history excluded, int32; 0 is best.
        users: user numbers by section, int32; equal sections have users in equal order.
    """

    figures: MetricsBySection
    ranks: dict[str, NDArray[np.int32]]
    users: dict[str, NDArray[np.int32]]


def measure(model: Ranker, derived: DerivedSplit, vectors: Vectors, interests: Interests | None) -> ModelMetrics:
    """Compute all metrics that are defined for any ranking model.

    Args:
        model: the full model or a student.
        derived: the split that it was trained on.
        vectors: text space for the diversity of lists, unit vectors ``[n_items, W]``; the same for all models.
        interests: labels of the items, or None.
    """
    result = ModelMetrics({}, {}, {})
    split, n_items = derived.split, len(vectors)
    ranked = rank_split(model, split.test)
    whole = summary(ranked)
    for name, mask in scenarios(split, n_items, interests).items():
        _add_section(result, name, split.test.users[mask], ranked.among(mask))
    result.figures["all"] |= {"share_tied": whole["share_tied"], "standard_error": whole["ndcg@10_standard_error"]}
    result.figures["history included"] = metrics(ranked.included)
    if derived.new_items is not None:
        _add_new_items(result, model, split.test, ranked, derived.new_items)
    for n_events in NEWCOMER_EVENTS:
        cut = rank_split(model, cut_histories(split.test, n_events))
        _add_section(result, f"newcomer {n_events}", split.test.users, cut)
    for share in NOISE_SHARES:
        noisy = rank_split(model, insert_noise(split.test, share, n_items, seed=_NOISE_SEED))
        _add_section(result, f"noise {share:.0%}", split.test.users, noisy)
        _add_retention(result.figures[f"noise {share:.0%}"], result.figures["all"])
    lists, _ = model_lists(model, split.test, LIST_LENGTH)
    result.figures["lists"] = list_metrics(lists, n_items, vectors, interests)
    result.figures["feedback"] = feedback_metrics(model, split.test, vectors)
    return result


def plugin_metrics(model: Model, split: Split) -> MetricsBySection:
    """Return each plug-in's own metrics on the test users, by plug-in; values that are not finite are left out."""
    with torch.inference_mode():
        was_training = model.training
        model.eval()
        table = model.item_vectors()
        result: MetricsBySection = {}
        for position, plugin in enumerate(model.plugins):
            if plugin.metrics is not None:
                values = plugin.metrics(_evaluation_data(model, split, table, position))
                result[plugin.name] = {name: float(value) for name, value in values.items() if isfinite(value)}
        model.train(was_training)
    return result


def _evaluation_data(model: Model, split: Split, table: Tensor, position: int) -> EvaluationData:
    """Return the evaluation data of the plug-in with the index ``place``."""
    return EvaluationData(
        table=table,
        histories=histories_of(split.test),
        targets=split.test.rows,
        n_trained=split.train.lengths[split.test.users],
        backbone_states=_newest_stage(model, table, 0),
        input_states=_newest_stage(model, table, position),
        user_states=_newest_stage(model, table, -1),
        rebuild=lambda: _evaluation_data(model, split, model.item_vectors(), position),
    )


def _newest_stage(model: Model, table: Tensor, stage: int) -> Callable[[Tensor, Tensor], Tensor]:
    """Return a function that computes the newest input states of the plug-in ``stage``; -1 is the model's output."""

    def states(rows: Tensor, mask: Tensor) -> Tensor:
        rows, mask = rows[:, -model.max_length :], mask[:, -model.max_length :]
        return model.user_stages(rows, mask, table)[stage]

    return states


def _add_section(result: ModelMetrics, name: str, users: NDArray[np.int64], ranked: Ranked) -> None:
    result.figures[name] = {"n_users": float(len(users))} | (metrics(ranked.excluded) if len(users) else {})
    result.ranks[name] = ranked.excluded.astype(np.int32)
    result.users[name] = users.astype(np.int32)


def _add_new_items(
    result: ModelMetrics, model: Ranker, targets: Targets, ranked: Ranked, new_items: NDArray[np.bool_]
) -> None:
    selected = new_items[targets.rows]
    _add_section(result, NEW_ITEM, targets.users[selected], ranked.among(selected))
    _add_section(result, "old item", targets.users[~selected], ranked.among(~selected))
    if selected.any():
        among = rank_split(model, select_targets(targets, selected), new_items)
        _add_section(result, AMONG_NEW, targets.users[selected], among)


def _add_retention(noisy: dict[str, float], plain: Mapping[str, float]) -> None:
    for name in ("ndcg@10", "recall@10"):
        if plain[name] > 0:
            noisy[f"retention_{name}"] = noisy[name] / plain[name]
