"""Times engines on this device, once for each encoder and set of libraries (ADR 0034).

Which engine is the fastest differs between devices, libraries and lengths of histories. Every engine encodes a short
and a long history a few times, in turns, so that other load affects all of them. The result is kept with the state,
under a digest of what it depends on.
"""

import hashlib
import platform
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from edge_runtime.bundle.manifest import Manifest
from edge_runtime.engines.libraries import LIBRARIES
from edge_runtime.engines.protocol import Engine, Floats, SmallMatrices
from edge_runtime.errors import StateError
from edge_runtime.machine import machine_name
from edge_runtime.version import __version__

SHORT: Final = 3
"""Events of the short history."""
LONG: Final = 50
"""Events of the long history, or the encoder's maximum length if that is less."""
SETTING: Final = "engine_times"

_ROUNDS: Final = 7
_MIN_ROUNDS: Final = 2
_MAX_S: Final = 0.05
_MARGIN: Final = 0.9


class EngineTime(Struct, frozen=True):
    """Milliseconds that an engine takes to encode, the smallest of some calls.

    Attributes:
        engine: name of the engine.
        precision: precision of its weights.
        short_ms: a history of three events.
        long_ms: a history of fifty events, or of the encoder's maximum length.
    """

    engine: str
    precision: str
    short_ms: float
    long_ms: float

    @property
    def total_ms(self) -> float:
        """The figure that engines are compared by."""
        return self.short_ms + self.long_ms


class KeptTimes(Struct, frozen=True):
    """Times as they are kept with the state; ``key`` is a digest of what they depend on."""

    key: str
    times: tuple[EngineTime, ...]


class Settings(Protocol):
    """Where the times are kept, such as :class:`edge_runtime.state.history.History`."""

    def setting(self, name: str) -> str | None:
        """Return a setting, or None."""
        ...

    def set(self, name: str, value: str) -> None:
        """Save a setting."""
        ...


def time_engines(
    engines: Sequence[Engine],
    embeddings: Floats,
    small: SmallMatrices,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[EngineTime, ...]:
    """Return the times of engines that passed the self-test, in their order.

    Args:
        engines: at least one.
        embeddings: item vectors of the long history, ``[l, d]``; the short one has the first three.
        small: prompts and adapter.
        clock: monotonic clock, in seconds.
    """
    best = [[float("inf"), float("inf")] for _ in engines]
    end = clock() + _MAX_S
    for turn in range(_ROUNDS):
        if turn >= _MIN_ROUNDS and clock() > end:
            break
        for times, engine in zip(best, engines, strict=True):
            for index, history in enumerate((embeddings[:SHORT], embeddings)):
                started = clock()
                engine.encode(history, small)
                times[index] = min(times[index], clock() - started)
    return tuple(
        EngineTime(engine.name, engine.precision, round(1000 * short, 4), round(1000 * long, 4))
        for engine, (short, long) in zip(engines, best, strict=True)
    )


def fastest(times: Sequence[EngineTime]) -> EngineTime:
    """Return the first engine, unless another one is at least a tenth faster: small differences are noise."""
    best = times[0]
    for one in times[1:]:
        if one.total_ms < _MARGIN * best.total_ms:
            best = one
    return best


def times_key(manifest: Manifest) -> str:
    """Return a digest of the encoder's files, of the libraries as they are installed, and of the processor."""
    parts = [machine_name(), platform.python_version(), __version__]
    for variant in manifest.engines:
        installed = [_installed(name) for name in _modules(variant.engine)]
        parts += [variant.engine, variant.precision, manifest.file(variant.file).sha256, *installed]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def read_times(settings: Settings, key: str) -> tuple[EngineTime, ...] | None:
    """Return the kept times; None if there are none, or they are of another encoder or other libraries."""
    try:
        kept = msgspec.json.decode(settings.setting(SETTING) or "null", type=KeptTimes | None)
    except msgspec.DecodeError:
        return None
    return kept.times if kept is not None and kept.key == key and kept.times else None


def keep_times(settings: Settings, key: str, times: tuple[EngineTime, ...]) -> None:
    """Keep the times with the state. On a full disk they are measured again at the next start."""
    with suppress(StateError):
        settings.set(SETTING, msgspec.json.encode(KeptTimes(key, times)).decode())


def _modules(engine: str) -> tuple[str, ...]:
    library = LIBRARIES.get(engine)
    return () if library is None else library.modules


def _installed(module: str) -> str:
    """Return what changes when a library is installed or updated; reading its version would import much more."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return ""
    status = Path(spec.origin).stat()
    return f"{spec.origin} {status.st_mtime_ns} {status.st_size}"
