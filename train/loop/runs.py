"""The folder of a run: configuration, checkpoint, best weights, metrics. All files are written atomically.

``run.json`` has the configuration; ``checkpoint.safetensors`` the weights, optimizer state, epoch and log, in one file
so that they are always consistent; ``best.safetensors`` the best weights; ``metrics.json`` the final metrics.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
from safetensors.torch import load_file, save_file
from torch import Tensor

from edge_runtime.bundle.folder import read_file
from edge_runtime.files import replacing, write_atomically
from train.errors import RunError
from train.loop.device import require_one_process
from train.loop.finite import name_not_finite

RUN_FILE = "run.json"
METRICS_FILE = "metrics.json"
_CHECKPOINT = "checkpoint.safetensors"
_BEST = "best.safetensors"
NO_OPTIONS: Mapping[str, str] = {}
_NOT_COMPARED = "data_name"
_LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one training run."""

    path: Path

    def claim(
        self,
        about: Mapping[str, Any],
        *,
        resume: bool,
        extends: str | None = None,
        options: Mapping[str, str] = NO_OPTIONS,
    ) -> bool:
        """Start or resume the run with the configuration ``about``; return whether it is already finished.

        Args:
            about: everything that determines the result. Names of data (``data_name``) are saved and not compared,
                because the digest decides.
            resume: continue a run of the same configuration.
            extends: the dotted name of a number, such as ``config.fit.max_epochs``, that a resumed run may raise. A
                run that had ended because of it continues from its last checkpoint.
            options: command-line option of each dotted name that has one, for error messages.

        Raises:
            RunError: the folder has another run, or the same one and ``resume`` is false; or this process is one of
                several, which would all write to the folder.
        """
        require_one_process()
        requested = json.loads(json.dumps(about))
        if not (self.path / RUN_FILE).exists():
            if self.path.exists() and any(self.path.iterdir()):
                raise RunError(f"{self.path}: the folder is not empty and has no run; choose another --out.")
            self.path.mkdir(parents=True, exist_ok=True)
            write_json(self.path / RUN_FILE, requested)
            return False
        existing = self.about()
        changed = _differences(existing, requested)
        raised = extends is not None and extends in changed and _is_raised(*changed[extends])
        others = [name for name in changed if not (raised and name == extends)]
        if others:
            listed = _in_words(others, existing, requested, options)
            only_raise = f" --resume may only raise {options.get(extends, extends)}." if extends in others else ""
            raise RunError(
                f"{self.path}: has a run with other settings ({listed}).{only_raise} Use the settings of that run, "
                "choose another --out, or delete the folder."
            )
        if not resume:
            state = "a finished" if self.finished else "an unfinished"
            raise RunError(
                f"{self.path}: has {state} run with the same settings; add --resume, or choose another --out."
            )
        if raised:
            self._extend(requested)
        return self.finished

    @property
    def finished(self) -> bool:
        """Whether the run is finished, and has metrics."""
        return (self.path / METRICS_FILE).is_file()

    def about(self) -> dict[str, Any]:
        """Return the configuration of the run.

        Raises:
            RunError: there is no run in the folder.
        """
        return self._json(RUN_FILE)

    def figures(self) -> dict[str, Any]:
        """Return the metrics of a finished run.

        Raises:
            RunError: the run is not finished.
        """
        return self._json(METRICS_FILE)

    def finish(self, figures: Mapping[str, Any], *, keep_checkpoint: bool = False) -> None:
        """Write the metrics, which marks the run as finished, and delete the checkpoint unless it may be extended."""
        write_json(self.path / METRICS_FILE, figures)
        if not keep_checkpoint:
            (self.path / _CHECKPOINT).unlink(missing_ok=True)

    def _extend(self, about: Mapping[str, Any]) -> None:
        """Mark the run as unfinished if it has a checkpoint; killed in between, it is an unfinished run as before."""
        if (self.path / _CHECKPOINT).exists():
            (self.path / METRICS_FILE).unlink(missing_ok=True)
        write_json(self.path / RUN_FILE, about)

    def save_checkpoint(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Save a checkpoint."""
        replace_tensors(self.path / _CHECKPOINT, tensors, {"state": json.dumps(state)})

    def load_checkpoint(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return tensors and state of the last checkpoint, or None.

        Raises:
            RunError: the checkpoint is damaged.
        """
        path = self.path / _CHECKPOINT
        if not path.exists():
            return None
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                state = json.loads(file.metadata()["state"])
            return load_file(path), state
        except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
            raise RunError(f"{path}: the checkpoint cannot be read ({error}); delete it to restart the run.") from error

    def save_best(self, tensors: Mapping[str, Tensor]) -> None:
        """Save the best weights."""
        replace_tensors(self.path / _BEST, tensors, {})

    def load_best(self) -> dict[str, Tensor]:
        """Return the best weights.

        Raises:
            RunError: there are none, or they are not finite.
        """
        try:
            weights: dict[str, Tensor] = load_file(self.path / _BEST)
        except (FileNotFoundError, safetensors.SafetensorError) as error:
            raise RunError(
                f"{self.path}: found no usable {_BEST} ({error}), expected a trained run. "
                f"Train it first with `pocketrec train`."
            ) from error
        name = name_not_finite(weights.items())
        if name is not None:
            raise RunError(
                f"{self.path / _BEST}: the weights '{name}' are not all finite: training diverged. Train again in a "
                "new folder, with a lower --learning-rate or another --seed."
            )
        return weights

    def _json(self, name: str) -> dict[str, Any]:
        path = self.path / name
        try:
            value: dict[str, Any] = json.loads(read_file(path))
        except FileNotFoundError as error:
            raise RunError(
                f"{self.path}: found no {name}, expected the folder of a run. Create one with `pocketrec train`."
            ) from error
        except ValueError as error:
            raise RunError(f"{path}: not JSON ({error}); the run is damaged, train it again.") from error
        return value


def write_json(path: Path, value: object) -> None:
    """Write indented JSON atomically.

    Raises:
        RunError: a number is NaN or infinite, which JSON does not support.
    """
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise RunError(
            f"{path}: not written, because {_not_finite(value) or error}; expected finite numbers. The training "
            "diverged: train again, with a lower learning rate or another seed."
        ) from error
    write_atomically(path, (text + "\n").encode())


def _not_finite(value: object, name: str = "") -> str | None:
    """Return the first number within ``value`` that is not finite, as ``name is value``."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{name.lstrip('.') or 'the value'} is {value}"
    inner: Iterable[tuple[object, object]] = ()
    if isinstance(value, Mapping):
        inner = value.items()
    elif isinstance(value, list | tuple):
        inner = enumerate(value)
    return next((name_and_value for key, part in inner if (name_and_value := _not_finite(part, f"{name}.{key}"))), None)


def replace_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file atomically."""
    with replacing(path) as fresh:
        save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, fresh, dict(metadata))


def other_settings(existing: Mapping[str, Any], requested: Mapping[str, Any], options: Mapping[str, str]) -> str:
    """Return what differs between two configurations, in words; empty if nothing does. See :meth:`RunFolder.claim`."""
    first, second = (json.loads(json.dumps(each)) for each in (existing, requested))
    return _in_words(list(_differences(first, second)), first, second, options)


def _in_words(
    names: Sequence[str], existing: Mapping[str, Any], requested: Mapping[str, Any], options: Mapping[str, str]
) -> str:
    return "; ".join(dict.fromkeys(_difference(name, existing, requested, options) for name in names))


def _differences(existing: Mapping[str, Any], requested: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the values that differ, by dotted name, except names of data; None stands for a value that is absent.

    A setting that a run of an older version lacks does not differ if it is off (0, false or empty).
    """
    changed: dict[str, tuple[Any, Any]] = {}
    for name in sorted({*existing, *requested} - {_NOT_COMPARED}):
        old, new = existing.get(name), requested.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            changed |= {f"{name}.{inner}": pair for inner, pair in _differences(old, new).items()}
        elif old != new and (name in existing or new):
            changed[name] = (old, new)
    return changed


def _difference(
    name: str, existing: Mapping[str, Any], requested: Mapping[str, Any], options: Mapping[str, str]
) -> str:
    """Return both values of a setting as words; the option that sets it, or a part of which it is, stands for it."""
    setting = next((one for one in options if f"{name}.".startswith(f"{one}.")), name)
    label = f"`{options[setting]}`" if setting in options else setting
    old, new = (_shown(_value(about, setting)) for about in (existing, requested))
    if max(len(old), len(new)) > _LONGEST_VALUE:
        return f"{label} is another one there"
    return f"{label} is {old} there, {new} given"


def _value(about: Mapping[str, Any], name: str) -> object:
    value: Any = about
    for key in name.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _is_raised(old: object, new: object) -> bool:
    return isinstance(old, int) and isinstance(new, int) and new > old
