"""Starts the training of a model from the weights of an earlier run, whose catalogue has grown since (ADR 0051)."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor

from train.data.dataset import Dataset
from train.data.kept_rows import check_rows, saved_items
from train.errors import RunError
from train.full_model.model import Model
from train.full_model.recipes import TrainConfig
from train.full_model.training import full_config
from train.loop.runs import NO_OPTIONS, RunFolder, other_settings

# What may differ from the earlier run: how long and how fast it is trained.
_MAY_DIFFER = ("fit", "learning_rate", "weight_decay", "average_epochs", "dropout", "id_dropout")
_ITEM = "item"


def warm_config(config: TrainConfig, run: RunFolder) -> TrainConfig:
    """Return the configuration of a model that starts from ``run``.

    Text features that are fitted to a catalogue stay fitted to the items of the first run, because weights belong to
    their axes. These items are the first rows, since rows never move.

    Raises:
        RunError: there is no run of a full model.
    """
    earlier = full_config(run).extractors
    n_fitted = earlier.fitted_items or run.about()["n_items"]
    return replace(config, extractors=replace(config.extractors, fitted_items=n_fitted))


def check_warm_start(
    run: RunFolder, dataset: Dataset, config: TrainConfig, options: Mapping[str, str] = NO_OPTIONS
) -> None:
    """Check that a model of this configuration may start from the weights of ``run``.

    Args:
        run: the earlier run.
        dataset: the data, with the rows of the run.
        config: the result of :func:`warm_config`.
        options: command-line options of settings, for messages.

    Raises:
        RunError: it is not a finished run of such a model, or its items have other rows here.
    """
    earlier = full_config(run)
    if not run.finished:
        raise RunError(f"{run.path}: its training is not finished; repeat its `pocketrec train` command with --resume.")
    expected = replace(earlier, extractors=replace(earlier.extractors, fitted_items=config.extractors.fitted_items))
    found = other_settings({"config": _of_model(expected)}, {"config": _of_model(config)}, options)
    if found:
        raise RunError(
            f"{run.path}: is a run with other settings ({found}). Weights fit the same model only: give the settings "
            "of that run, or leave --warm-from out and keep its rows with --rows-of."
        )
    items = saved_items(run.path)
    if items is not None:
        check_rows(dataset.catalogue.item_ids, items, str(run.path), "Give --warm-from to `pocketrec train`.")


def start_from(model: Model, run: RunFolder) -> None:
    """Set the weights of ``model`` to those of an earlier run, in place.

    Rows of new items start as stand-ins, means of the known items with the nearest texts. Parts that have another size,
    such as the vectors of all brands, start anew.

    Raises:
        RunError: the run has no weights, or has them for more items.
    """
    saved, fresh = run.load_best(), model.state_dict()
    n_known, n_items = len(saved[_ITEM]), len(fresh[_ITEM])
    if n_known > n_items:
        raise RunError(f"{run.path}: has {n_known:,} items, expected at most {n_items:,}. Rows never go away.")
    for name, value in fresh.items():
        known = saved.get(name)
        if known is not None and known.shape == value.shape:
            value.copy_(known)
        elif known is not None and known.shape == (n_known, *value.shape[1:]) and len(value) == n_items:
            value[:n_known] = known
    _start_new_items(model, n_known)
    for plugin in model.plugins:
        if plugin.warm_start is not None:
            plugin.warm_start()


@torch.no_grad()
def _start_new_items(model: Model, n_known: int) -> None:
    table = model.item
    new = torch.arange(n_known, len(table), device=table.device)
    if not len(new):
        return
    table[new] = table[:n_known].mean(0)
    if model.stand_ins is not None:
        # A new item's neighbours may be new as well, and have no vector yet.
        rows = model.stand_ins.rows[new]
        weights: Tensor = model.stand_ins.weights[new] * (rows < n_known)
        total = weights.sum(1)
        found = total > 0.0
        means = (weights[:, :, None] * table[rows]).sum(1) / total.clamp(min=1e-12)[:, None]
        table[new[found]] = means[found]


def _of_model(config: TrainConfig) -> dict[str, Any]:
    return {name: value for name, value in asdict(config).items() if name not in _MAY_DIFFER}
