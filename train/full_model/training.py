"""Training and loading of full models."""

from collections.abc import Callable
from dataclasses import asdict
from time import perf_counter
from typing import Any

import torch

from train.data.dataset import Dataset
from train.data.split import MIN_EVENTS_TO_TRAIN, Split, leave_one_out
from train.errors import DataError, RunError
from train.full_model.choices import NO_BACKBONE
from train.full_model.model import Model
from train.full_model.recipes import TrainConfig, compose, read_config
from train.loop.batches import TrainingSequences
from train.loop.device import best_device
from train.loop.fit import FitResult, fit
from train.loop.runs import RunFolder
from train.metrics.ranker import validation_score

NOT_TRAINED = FitResult(0.0, 0, [])
_ADVICE = (
    "Train into another --out with a lower --learning-rate, larger batches (--batch-users) or another --seed; if the "
    "term belongs to a plug-in, train without that plug-in to see whether it is the cause."
)


def train_model(
    dataset: Dataset,
    config: TrainConfig,
    run: RunFolder,
    split: Split | None = None,
    *,
    start: Callable[[Model], None] = lambda _: None,
) -> dict[str, Any]:
    """Train the full model, or resume an interrupted training; return its metrics, which are also saved in ``run``.

    Args:
        dataset: provides the items, and the events if ``split`` is None.
        config: configuration of model and training.
        run: stores checkpoints, weights and metrics.
        split: training and validation events; leave-one-out of the dataset if None.
        start: sets the weights that training starts from.

    Raises:
        RunError: the loss or the weights are no longer finite; ``run`` stays unfinished.
    """
    split = split or leave_one_out(dataset.sequences)
    torch.manual_seed(config.fit.seed)
    model = compose(dataset, split.train, config)
    start(model)
    fitted = NOT_TRAINED if config.backbone == NO_BACKBONE else _fit(model, split, config, run)
    started = perf_counter()
    # An interruption from here on loses nothing: the run is resumed after its last epoch and finalized again.
    changed = model.finalize()
    calibrated = model.calibrate(split)
    best = fitted.best
    if changed or calibrated or fitted is NOT_TRAINED:
        run.save_best(model.state_dict())
        # The search has measured the expert alone on its sample of users.
        measured = None if fitted is not NOT_TRAINED else calibrated.get("transitions", {}).get("search_ndcg@10")
        best = validation_score(model, split) if measured is None else measured
    figures: dict[str, Any] = {"best_epoch": fitted.best_epoch, "valid_ndcg@10": best}
    figures |= {"seconds": round(fitted.seconds + perf_counter() - started, 1)}
    figures |= {"plugins": calibrated} if calibrated else {}
    # A run that ended at the limit may be resumed with a higher one.
    run.finish(figures | {"log": fitted.log}, keep_checkpoint=len(fitted.log) >= config.fit.max_epochs)
    return figures


def _fit(model: Model, split: Split, config: TrainConfig, run: RunFolder) -> FitResult:
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    return fit(
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


def describe_run(dataset: Dataset, config: TrainConfig) -> dict[str, Any]:
    """Return the content of ``run.json``: everything that determines the result.

    Raises:
        DataError: no user has enough events.
    """
    longest = int(dataset.sequences.lengths.max(initial=0))
    if longest < MIN_EVENTS_TO_TRAIN:
        raise DataError(
            f"{dataset.path}: the longest history has {longest} events; expected at least one user with "
            f"{MIN_EVENTS_TO_TRAIN}: two for training, one for validation, one for testing. Provide a longer log."
        )
    return {
        "kind": "teacher",
        "data_digest": dataset.digest,
        "data_name": dataset.name,
        "n_items": len(dataset.catalogue),
        "config": asdict(config),
    }


def full_config(run: RunFolder) -> TrainConfig:
    """Return the configuration of a run of a full model.

    Raises:
        RunError: there is no run, or it is that of a student.
    """
    about = run.about()
    if about.get("kind") != "teacher":
        raise RunError(
            f"{run.path}: has a run of the kind '{about.get('kind')}', expected one of a full model. "
            "Give a folder written by `pocketrec train`."
        )
    return read_config(about["config"])


def load_model(run: RunFolder, dataset: Dataset, split: Split | None = None) -> Model:
    """Load the trained model of a run, in evaluation mode, on the accelerator if there is one.

    Args:
        run: a finished run, or one with at least one epoch.
        dataset: the dataset it was trained on.
        split: as for :func:`train_model`.

    Raises:
        RunError: there is none, it is that of a student, or its weights do not fit the model.
    """
    split = split or leave_one_out(dataset.sequences)
    model = compose(dataset, split.train, full_config(run))
    try:
        model.load_state_dict(run.load_best())
    except RuntimeError as error:
        raise RunError(
            f"{run.path}: the weights do not fit the model, probably because another version wrote them; "
            f"train again in a new folder. PyTorch reports: {' '.join(str(error).split())}"
        ) from error
    return model.to(best_device()).eval()
