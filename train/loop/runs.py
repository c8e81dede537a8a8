"""A run's folder: configuration, checkpoint, best weights, figures. Every file is replaced in one step.

``run.json`` says what was asked for, ``checkpoint.safetensors`` where training stands (weights, optimizer, epoch and
log in one file, so that no kill can fall between two), ``best.safetensors`` the weights to use, ``metrics.json`` how
it ended.
"""

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
from safetensors.torch import load_file, save_file
from torch import Tensor

from edge_runtime.bundle.folder import read_file
from train.errors import RunError
from train.loop.device import require_one_process
from train.loop.finite import name_not_finite

RUN_FILE = "run.json"
METRICS_FILE = "metrics.json"
_CHECKPOINT = "checkpoint.safetensors"
_BEST = "best.safetensors"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where one training keeps its files."""

    path: Path

    def claim(self, about: Mapping[str, Any], *, resume: bool) -> bool:
        """Take the folder for a run described by ``about``; say whether it is already finished.

        Raises:
            RunError: it holds another run, or an unfinished one that was not asked to be resumed; or this process is
                one of several, which would all write to it.
        """
        require_one_process()
        wanted = json.loads(json.dumps(about))
        if not (self.path / RUN_FILE).exists():
            if self.path.exists() and any(self.path.iterdir()):
                raise RunError(f"{self.path}: the folder is not empty and holds no run; choose another --out.")
            self.path.mkdir(parents=True, exist_ok=True)
            write_json(self.path / RUN_FILE, wanted)
            return False
        found = self.about()
        if found != wanted:
            changed = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
            raise RunError(
                f"{self.path}: holds a run with other settings ({', '.join(changed)} differ); choose another --out, "
                "or delete that folder."
            )
        if not resume:
            state = "a finished" if self.finished else "an unfinished"
            raise RunError(
                f"{self.path}: holds {state} run of the same settings; add --resume, or choose another --out."
            )
        return self.finished

    @property
    def finished(self) -> bool:
        """Return whether the figures of the end are there."""
        return (self.path / METRICS_FILE).is_file()

    def about(self) -> dict[str, Any]:
        """Return what was asked for.

        Raises:
            RunError: there is no run in the folder.
        """
        return self._json(RUN_FILE)

    def figures(self) -> dict[str, Any]:
        """Return the figures of a finished run.

        Raises:
            RunError: it is not finished.
        """
        return self._json(METRICS_FILE)

    def finish(self, figures: Mapping[str, Any]) -> None:
        """Write the figures, which marks the run as finished, and drop the checkpoint."""
        write_json(self.path / METRICS_FILE, figures)
        (self.path / _CHECKPOINT).unlink(missing_ok=True)

    def save_checkpoint(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Keep where training stands."""
        replace_tensors(self.path / _CHECKPOINT, tensors, {"state": json.dumps(state)})

    def load_checkpoint(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return tensors and state of the last checkpoint, or None."""
        path = self.path / _CHECKPOINT
        if not path.exists():
            return None
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                state = json.loads(file.metadata()["state"])
            return load_file(path), state
        except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
            raise RunError(
                f"{path}: the checkpoint cannot be read ({error}); delete it to start this run anew."
            ) from error

    def save_best(self, tensors: Mapping[str, Tensor]) -> None:
        """Keep the best weights so far."""
        replace_tensors(self.path / _BEST, tensors, {})

    def load_best(self) -> dict[str, Tensor]:
        """Return the best weights.

        Raises:
            RunError: there are none yet, or they are not finite.
        """
        try:
            weights: dict[str, Tensor] = load_file(self.path / _BEST)
        except (FileNotFoundError, safetensors.SafetensorError) as error:
            raise RunError(
                f"{self.path}: found no usable {_BEST} ({error}), expected a trained run. "
                f"Train it first: `pocketrec train --out {self.path}`."
            ) from error
        name = name_not_finite(weights.items())
        if name is not None:
            raise RunError(
                f"{self.path / _BEST}: the weights '{name}' are not all finite, as when a training diverged; train "
                "again in a new folder, with a lower --learning-rate or another --seed."
            )
        return weights

    def _json(self, name: str) -> dict[str, Any]:
        path = self.path / name
        try:
            found: dict[str, Any] = json.loads(read_file(path))
        except FileNotFoundError as error:
            raise RunError(
                f"{self.path}: found no {name}, expected a run's folder. "
                f"Make one with `pocketrec train --out {self.path}`."
            ) from error
        except ValueError as error:
            raise RunError(f"{path}: not JSON ({error}); the run is damaged, train it again.") from error
        return found


def write_json(path: Path, value: object) -> None:
    """Write indented JSON in one step: the old file or the new one, never half.

    Raises:
        RunError: a figure is NaN or infinite, which JSON cannot say and nobody should build upon.
    """
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise RunError(
            f"{path}: not written, because {_not_finite(value) or error}; expected finite numbers. The training or the "
            "model behind it diverged: train again, with a lower learning rate or another seed."
        ) from error
    _replace(path, (text + "\n").encode())


def _not_finite(value: object, name: str = "") -> str | None:
    """Return the first figure within ``value`` that is not finite, as ``name is value``."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{name.lstrip('.') or 'the value'} is {value}"
    inner: Iterable[tuple[object, object]] = ()
    if isinstance(value, Mapping):
        inner = value.items()
    elif isinstance(value, list | tuple):
        inner = enumerate(value)
    return next((found for key, part in inner if (found := _not_finite(part, f"{name}.{key}"))), None)


def replace_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file in one step."""
    fresh = path.with_name(path.name + ".new")
    save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, fresh, dict(metadata))
    with fresh.open("rb") as stream:
        os.fsync(stream.fileno())
    fresh.replace(path)


def _replace(path: Path, data: bytes) -> None:
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)
