"""Cells of a comparison: one training of a configuration on a split, with its metrics, in a folder.

``run.json``, checkpoint and weights are those of any training (:mod:`train.loop.runs`). ``ranks.safetensors`` has the
rank of every user's target, and ``result.json``, written last, marks the cell as finished. Finished cells are loaded
and not run again; interrupted ones are resumed.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
import numpy as np
import safetensors
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file

from edge_runtime.bundle.folder import read_file
from train.data.dataset import Dataset
from train.errors import RunError
from train.evaluation.context import evaluation_context
from train.evaluation.measure import MetricsBySection, ModelMetrics, measure, plugin_metrics
from train.evaluation.split_config import SplitConfig, make_split
from train.full_model.recipes import TrainConfig
from train.full_model.training import describe_run, load_model, train_model
from train.loop.device import device_name
from train.loop.runs import RunFolder, replace_tensors, write_json
from train.suites.origin import Origin

RESULT_FILE = "result.json"
RANKS_FILE = "ranks.safetensors"
_MAX_RESULT_BYTES = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A configuration to train and the split to train it on.

    Attributes:
        name: unique name of the cell, and its relative folder, with ``/``.
        config: configuration of model and training.
        plan: configuration of the split.
    """

    name: str
    config: TrainConfig
    plan: SplitConfig

    @property
    def seed(self) -> int:
        """Random seed of the training."""
        return self.config.fit.seed


class CellResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a finished cell.

    Attributes:
        name: name of the cell.
        command: the command that finished it.
        commit: commit of the code, if known.
        device: the device of the training, which ``seconds`` refers to.
        data_name: name of the dataset.
        data_digest: SHA-256 of the dataset.
        seed: random seed of the training.
        epochs: number of epochs trained.
        best_epoch: epoch of the saved weights, by validation.
        valid_ndcg10: validation NDCG@10 of the saved weights.
        seconds: duration of the training, over all interruptions.
        evaluation_seconds: duration of the evaluation.
        plan: configuration of the split.
        config: configuration of the training.
        figures: section to name to value.
    """

    name: str
    command: str
    commit: str | None
    device: str
    data_name: str
    data_digest: str
    seed: int
    epochs: int
    best_epoch: int
    valid_ndcg10: float
    seconds: float
    evaluation_seconds: float
    plan: dict[str, Any]
    config: dict[str, Any]
    figures: MetricsBySection


@dataclass(frozen=True, slots=True, eq=False)
class SectionRanks:
    """Ranks of one section of a finished cell.

    Attributes:
        users: int32 ``[n]``.
        ranks: history excluded, 0 the best, int32 ``[n]``.
    """

    users: NDArray[np.int32]
    ranks: NDArray[np.int32]


def run_cell(cell: Cell, dataset: Dataset, folder: Path, origin: Origin) -> CellResult:
    """Train and evaluate a cell in ``folder``, resume it, or load its result.

    Raises:
        RunError: the folder has another run.
        DataError: the data does not have what the split needs.
    """
    arranged, derived = make_split(dataset, cell.plan)
    run = RunFolder(folder)
    trained = run.claim(_about(cell, arranged), resume=True)
    if (done := read_result(folder)) is not None:
        return done
    if not trained:
        train_model(arranged, cell.config, run, derived.split)
    start = perf_counter()
    model = load_model(run, arranged, derived.split)
    context = evaluation_context(arranged)
    measured = measure(model, derived, context.vectors, context.interests)
    measured.figures.update(plugin_metrics(model, derived.split))
    _save_ranks(folder, measured)
    training = run.figures()
    result = CellResult(
        name=cell.name,
        command=origin.command,
        commit=origin.commit,
        device=device_name(),
        data_name=dataset.name,
        data_digest=dataset.digest,
        seed=cell.seed,
        epochs=len(training["log"]),
        best_epoch=training["best_epoch"],
        valid_ndcg10=training["valid_ndcg@10"],
        seconds=training["seconds"],
        evaluation_seconds=round(perf_counter() - start, 1),
        plan=asdict(cell.plan),
        config=asdict(cell.config),
        figures=measured.figures,
    )
    write_json(folder / RESULT_FILE, msgspec.to_builtins(result))
    return result


def read_cell(cell: Cell, dataset: Dataset, folder: Path) -> CellResult | None:
    """Return the result of a cell, or None if it is not finished; trains nothing.

    Raises:
        RunError: the folder has another run, or the result cannot be read.
    """
    if not (folder / RESULT_FILE).exists():
        return None
    RunFolder(folder).claim(_about(cell, dataset), resume=True)
    return read_result(folder)


def read_result(folder: Path) -> CellResult | None:
    """Return the result in ``folder``, or None if there is none.

    Raises:
        RunError: it cannot be read.
    """
    path = folder / RESULT_FILE
    if not path.exists():
        return None
    if path.stat().st_size > _MAX_RESULT_BYTES:
        raise RunError(
            f"{path}: {path.stat().st_size:,} bytes, too large for a result. Delete it to evaluate the cell again."
        )
    try:
        return msgspec.json.decode(read_file(path), type=CellResult)
    except msgspec.DecodeError as error:
        raise RunError(f"{path}: cannot be read ({error}). Delete it, and the cell is evaluated again.") from error


def read_ranks(folder: Path) -> dict[str, SectionRanks]:
    """Return the ranks of a finished cell by section.

    Raises:
        RunError: they cannot be read.
    """
    path = folder / RANKS_FILE
    try:
        arrays: dict[str, NDArray[np.int32]] = load_file(path)
        sections = [name.removeprefix("ranks/") for name in arrays if name.startswith("ranks/")]
        return {name: SectionRanks(arrays[f"users/{name}"], arrays[f"ranks/{name}"]) for name in sections}
    except (OSError, KeyError, safetensors.SafetensorError) as error:
        raise RunError(
            f"{path}: cannot be read ({error}). Delete {RESULT_FILE} beside it, and the cell is evaluated again."
        ) from error


def _about(cell: Cell, dataset: Dataset) -> dict[str, Any]:
    return describe_run(dataset, cell.config) | {"split": asdict(cell.plan)}


def _save_ranks(folder: Path, measured: ModelMetrics) -> None:
    ranks = {f"ranks/{name}": torch.from_numpy(values) for name, values in measured.ranks.items()}
    users = {f"users/{name}": torch.from_numpy(values) for name, values in measured.users.items()}
    replace_tensors(folder / RANKS_FILE, ranks | users, {})
