"""Training the full model of a run's folder, and loading it."""

from dataclasses import asdict
from typing import Any

import torch

from edge_runtime.errors import DataError, RunError
from train.data.dataset import Dataset
from train.data.split import LEAST_TO_LEARN, Split, leave_one_out
from train.full_model.model import Model
from train.full_model.recipes import TrainConfig, compose, read_config
from train.loop.batches import TrainingSequences
from train.loop.device import best_device
from train.loop.fit import fit
from train.loop.runs import RunFolder
from train.metrics.ranker import validation_score

_ADVICE = (
    "Train in another --out with a lower --learning-rate, larger batches (--batch-users) or another --seed; where the "
    "term is a plug-in's, leave that plug-in out to see whether it is the cause."
)


def train_model(dataset: Dataset, config: TrainConfig, run: RunFolder, split: Split | None = None) -> dict[str, Any]:
    """Train the full model, or finish a training that was cut off; return its figures, which are also in ``run``.

    Args:
        dataset: its items, and its events where ``split`` is None.
        config: what is trained, and how.
        run: takes checkpoints, weights and figures.
        split: what is learnt from and what validates; leave-one-out of the dataset where None.

    Raises:
        RunError: the numbers of the training are no longer finite; ``run`` stays unfinished.
    """
    split = split or leave_one_out(dataset.sequences)
    torch.manual_seed(config.fit.seed)
    model = compose(dataset, split.train, config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    fitted = fit(
        model,
        optimizer,
        TrainingSequences(list(split.train), config.encoder.max_length),
        lambda: validation_score(model, split),
        run,
        config.fit,
        title="teacher",
        advice=_ADVICE,
        average_epochs=config.average_epochs,
        before_epoch=model.before_epoch,
    )
    best = fitted.best
    # A kill from here on costs nothing: an unfinished run is loaded at its last epoch and settled again, to the same.
    if model.settle():
        run.save_best(model.state_dict())
        best = validation_score(model, split)
    figures = {"best_epoch": fitted.best_epoch, "valid_ndcg@10": best, "seconds": round(fitted.seconds, 1)}
    run.finish(figures | {"log": fitted.log})
    return figures


def describe_run(dataset: Dataset, config: TrainConfig) -> dict[str, Any]:
    """Return what ``run.json`` says: everything that decides the outcome.

    Raises:
        DataError: nobody has events enough to learn from.
    """
    longest = int(dataset.sequences.lengths.max(initial=0))
    if longest < LEAST_TO_LEARN:
        raise DataError(
            f"{dataset.path}: nobody has more than {longest} events; expected at least one user with {LEAST_TO_LEARN}: "
            "two to learn from, one to validate, one to test. Give a longer log."
        )
    return {
        "kind": "teacher",
        "data_digest": dataset.digest,
        "data_name": dataset.name,
        "n_items": len(dataset.catalogue),
        "config": asdict(config),
    }


def full_config(run: RunFolder) -> TrainConfig:
    """Return the configuration of a full model's run.

    Raises:
        RunError: there is no run, or it is a student's.
    """
    about = run.about()
    if about.get("kind") != "teacher":
        raise RunError(
            f"{run.path}: holds a run of the kind '{about.get('kind')}', expected a full model's. "
            "Give the folder that `pocketrec train` wrote."
        )
    return read_config(about["config"])


def load_model(run: RunFolder, dataset: Dataset, split: Split | None = None) -> Model:
    """Return the trained model of a run, in evaluation mode, on the accelerator where there is one.

    Args:
        run: a finished one, or one with an epoch at least.
        dataset: what it was trained on.
        split: as given to :func:`train_model`.

    Raises:
        RunError: there is none, it is a student's, or its weights are not those of today's model.
    """
    split = split or leave_one_out(dataset.sequences)
    model = compose(dataset, split.train, full_config(run))
    try:
        model.load_state_dict(run.load_best())
    except RuntimeError as error:
        raise RunError(
            f"{run.path}: its weights do not fit the model that they are for, as when another version wrote them; "
            f"train again in a new folder. PyTorch says: {' '.join(str(error).split())}"
        ) from error
    return model.to(best_device()).eval()
