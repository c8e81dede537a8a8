"""Engine selection: the fastest candidate of the manifest that is installed and passes the self-test.

An engine must reproduce the golden vectors (SPEC section 8) before it is used, at opening and after every fallback.
Where their times can be kept, the fastest engine on this device is used (:mod:`edge_runtime.engines.timing`), else the
first one of the manifest. If it fails later, the next candidate takes over. After the last one, callers fall back to
the transitions of the bundle, and to the popularity order if it has none.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.codes import ProductCodes
from edge_runtime.bundle.folder import BundleFolder
from edge_runtime.bundle.golden import TOP, Golden
from edge_runtime.bundle.manifest import Encoder, EngineVariant
from edge_runtime.engines.libraries import LIBRARIES, Library
from edge_runtime.engines.protocol import Engine, Floats, SmallMatrices
from edge_runtime.engines.timing import (
    LONG,
    EngineTime,
    Settings,
    fastest,
    keep_times,
    read_times,
    time_engines,
    times_key,
)
from edge_runtime.errors import BundleError, BundleIntegrityError, EngineError, PocketRecError, SlowTestError
from edge_runtime.ranking import Rows, best_rows
from edge_runtime.transitions import TransitionScores, combined_scores

Cause = Literal["release", "absent", "circumstances"]
"""Why an engine is not used: it does not do what the bundle says, its library is not installed, or anything else."""

MAX_STATE: Final = 1e20
"""With the limit on scales (SPEC section 4), no score of a state below this overflows."""

MAX_TEST_S: Final = 30.0
"""Time limit of a self-test (SPEC section 8); it also guards against a bundle that is slow on purpose."""

MIN_TRANSITIONS_OVERLAP: Final = 0.98
"""Least overlap of transitions with the golden top ten, in a bundle without engines."""

Opener = Callable[[bytes, Encoder, str], Engine]
Candidate = EngineVariant | Engine


@dataclass(frozen=True, slots=True)
class SelfTest:
    """Agreement of an engine, or of transitions without an engine, with the golden vectors.

    Attributes:
        state_error: the largest absolute difference from the exporter's states.
        overlap: mean share of the golden top 10 in the engine's top 10, in 0..1.
        n_sequences: number of golden sequences.
    """

    state_error: float
    overlap: float
    n_sequences: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """An engine that is not used.

    Attributes:
        engine: name of the engine.
        precision: precision of its weights.
        reason: why it is not used, to be read by people.
        cause: whether that says something about the release; too little memory or a broken library does not.
    """

    engine: str
    precision: str
    reason: str
    cause: Cause = "circumstances"


class EngineCandidates:
    """Encodes with the first usable engine, and records why the preceding ones were not.

    Args:
        folder: the bundle; an engine's file is read and checked when the engine is tried.
        codes: the item codes.
        small: prompts and adapter.
        golden: the golden vectors.
        transitions: part of every score, if the bundle has them; tested alone if it has no engine.
        first: tried before the others, and used without comparing times: a custom engine, or the name of one of the
            manifest, such as ``reference`` or ``onnxruntime int8``.
        settings: where times are kept; None uses the engines in the order of the manifest.
        openers: engine name to the function that opens it [default: all engines of this runtime].
        clock: monotonic clock, in seconds.
    """

    def __init__(
        self,
        folder: BundleFolder,
        codes: ProductCodes,
        small: SmallMatrices,
        golden: Golden,
        transitions: TransitionScores | None = None,
        *,
        first: Engine | str | None = None,
        settings: Settings | None = None,
        openers: Mapping[str, Opener] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._codes = codes
        self._small = small
        self._golden = golden
        self._clock = clock
        self._openers = OPENERS if openers is None else openers
        self._untried: list[Candidate] = _ordered(folder.manifest.engines, first)
        self._opened: dict[EngineVariant, tuple[Engine, SelfTest]] = {}
        self.times: tuple[EngineTime, ...] = ()
        self.transitions = transitions
        self.engine: Engine | None = None
        self.self_test: SelfTest | None = None
        self.refusals: list[Refusal] = []
        if settings is not None and first is None and len(folder.manifest.engines) > 1:
            self._put_fastest_first(settings)
        self.next_engine()
        self._opened.clear()
        if not folder.manifest.engines:
            self._test_transitions()

    def encode(self, embeddings: Floats, small: SmallMatrices | None = None) -> Floats | None:
        """Return the state ``[d]`` after the events ``[l, d]``; None if no engine is usable.

        An engine that raises, or returns a state that is not finite, is not used again.

        Args:
            embeddings: item vectors of the events, oldest first.
            small: used instead of the matrices of the bundle.
        """
        while self.engine is not None:
            try:
                return self._checked(self.engine, embeddings, small or self._small)
            except Exception as error:  # noqa: BLE001 - a library may raise anything; the reason is recorded
                self._refuse(self.engine, f"failed during encoding: {_one_line(error)}")
                self.next_engine()
        return None

    def next_engine(self) -> bool:
        """Switch to the next engine that opens and passes the self-test; return False if there is none."""
        self.engine = self.self_test = None
        while self._untried and self.engine is None:
            candidate = self._untried.pop(0)
            try:
                engine, self.self_test = self._tested(candidate)
            except Exception as error:  # noqa: BLE001 - as above
                self._refuse(candidate, _reason(error), _cause(error))
            else:
                self.engine = engine
        return self.engine is not None

    def time_engines(self) -> tuple[EngineTime, ...]:
        """Time all engines that are not refused; none if one of them fails now. Return them in the manifest's order."""
        refused = {(refusal.engine, refusal.precision) for refusal in self.refusals}
        left = [each for each in self._folder.manifest.engines if (each.engine, each.precision) not in refused]
        passed = [variant for variant in left if self._passes(variant)]
        length = min(LONG, self._folder.manifest.encoder.max_length)
        rows = np.resize(max(self._golden.sequences, key=len), length)
        engines = [self._opened[variant][0] for variant in passed]
        self.times = ()
        if engines:
            with suppress(Exception):  # a library may raise anything; the engine is refused when it fails in use
                self.times = time_engines(engines, self._codes.decode(rows), self._small)
        return self.times

    def _put_fastest_first(self, settings: Settings) -> None:
        """Reorder the candidates by the kept times, or by times that are measured now and kept."""
        key = times_key(self._folder.manifest)
        times = read_times(settings, key)
        if times is None:
            times = self.time_engines()
            self._untried = [variant for variant in self._untried if variant in self._opened]
            if times:
                keep_times(settings, key, times)
        if times:
            self.times = times
            best = fastest(times)
            self._untried = _ordered(self._untried, f"{best.engine} {best.precision}")

    def _passes(self, variant: EngineVariant) -> bool:
        """Open and test an engine, and keep it for :meth:`_tested`; refuse it if it fails."""
        try:
            self._opened[variant] = self._tested(variant)
        except Exception as error:  # noqa: BLE001 - as above
            self._refuse(variant, _reason(error), _cause(error))
            return False
        return True

    def _tested(self, candidate: Candidate) -> tuple[Engine, SelfTest]:
        """Return an engine and its self-test.

        Raises:
            Exception: anything that a library raises, or the reason why the engine must not be used.
        """
        if isinstance(candidate, EngineVariant):
            if candidate in self._opened:
                return self._opened.pop(candidate)
            engine = self._open(candidate)
        else:
            engine = candidate
        return engine, self._test(engine, self._tolerance(candidate))

    def _open(self, variant: EngineVariant) -> Engine:
        opener = self._openers.get(variant.engine)
        if opener is None:
            raise EngineError("this runtime does not have this engine")
        data = self._folder.read(self._folder.manifest.file(variant.file))
        return opener(data, self._folder.manifest.encoder, variant.precision)

    def _test(self, engine: Engine, tolerance: EngineVariant) -> SelfTest:
        """Run the self-test of an engine.

        Raises:
            EngineError: the agreement with the golden vectors is outside the tolerance.
        """
        result = self._agreement(lambda rows: self._checked(engine, self._codes.decode(rows), self._small))
        if result.state_error > tolerance.max_state_error or result.overlap < tolerance.min_overlap:
            raise EngineError(
                f"failed the self-test: state error {result.state_error:.2g} (at most "
                f"{tolerance.max_state_error:.2g}), top-{TOP} overlap {result.overlap:.3f} (at least "
                f"{tolerance.min_overlap:.3f})"
            )
        return result

    def _test_transitions(self) -> None:
        """Run the self-test of the transitions of a bundle without engines, and refuse them if they fail."""
        transitions = self.transitions
        if transitions is None:
            return
        try:
            result = self._agreement(lambda _: None)
            if result.overlap < MIN_TRANSITIONS_OVERLAP:
                raise EngineError(
                    f"failed the self-test: top-{TOP} overlap {result.overlap:.3f} (at least "
                    f"{MIN_TRANSITIONS_OVERLAP:.3f})"
                )
        except EngineError as error:
            self.transitions = None
            self.refusals.append(Refusal(transitions.name, transitions.precision, _one_line(error), _cause(error)))
        else:
            self.self_test = result

    def _agreement(self, encode: Callable[[Rows], Floats | None]) -> SelfTest:
        """Compare with the golden vectors; ``encode`` returns the state after some rows, or None without an engine.

        Raises:
            SlowTestError: it takes too long.
        """
        errors, overlaps = [], []
        end = self._clock() + MAX_TEST_S
        for rows, state, top in zip(self._golden.sequences, self._golden.states, self._golden.top_rows, strict=True):
            output = encode(rows)
            if self._clock() > end:
                raise SlowTestError(f"the self-test took more than {MAX_TEST_S:g} s")
            scores = combined_scores(self._codes, output, self.transitions, rows)
            errors.append(0.0 if output is None else float(np.abs(output - state).max()))
            overlaps.append(0.0 if scores is None else _overlap(top, best_rows(scores, TOP, rows)))
        return SelfTest(max(errors), sum(overlaps) / len(overlaps), len(errors))

    def _checked(self, engine: Engine, embeddings: Floats, small: SmallMatrices) -> Floats:
        """Return the engine's state, after checking its shape and values."""
        with np.errstate(all="ignore"):  # overflow is handled below; do not print warnings
            state = engine.encode(embeddings, small)
        dim = self._folder.manifest.encoder.dim
        if state.shape != (dim,):
            raise EngineError(f"returned a state of shape {list(state.shape)}, expected [{dim}]")
        state = state.astype(np.float32, copy=False)
        if not (np.abs(state) < MAX_STATE).all():
            raise EngineError("returned a state with NaN, infinity or values so large that scores overflow")
        return state

    def _tolerance(self, candidate: Candidate) -> EngineVariant:
        """Return the variant with the tolerance to use; for a custom engine, that of the first variant.

        Raises:
            EngineError: the bundle has no engines, so there is nothing that a custom engine could agree with.
        """
        if isinstance(candidate, EngineVariant):
            return candidate
        if not self._folder.manifest.engines:
            raise EngineError("the bundle has no encoder")
        return self._folder.manifest.engines[0]

    def _refuse(self, candidate: Candidate, reason: str, cause: Cause = "circumstances") -> None:
        self.refusals.append(Refusal(_engine_of(candidate), candidate.precision, reason, cause))


def _overlap(golden: NDArray[np.int32], rows: Rows) -> float:
    """Return the share of the golden rows, without the padding -1, that are in ``rows``."""
    expected = set(golden[golden >= 0].tolist())
    return len(expected.intersection(rows.tolist())) / len(expected) if expected else 1.0


def _ordered(candidates: Sequence[Candidate], first: Engine | str | None) -> list[Candidate]:
    """Return the candidates with ``first`` in front: an engine, or the name of some of them.

    Raises:
        EngineError: no candidate has this name.
    """
    if first is None:
        return list(candidates)
    if not isinstance(first, str):
        return [first, *candidates]
    named = [each for each in candidates if first in (_engine_of(each), f"{_engine_of(each)} {each.precision}")]
    if not named and candidates:
        names = ", ".join(f"{_engine_of(each)} {each.precision}" for each in candidates)
        raise EngineError(f"the bundle has no engine {first!r}; it has {names}")
    return [*named, *(each for each in candidates if each not in named)]


def _engine_of(candidate: Candidate) -> str:
    return candidate.engine if isinstance(candidate, EngineVariant) else candidate.name


def _reason(error: Exception) -> str:
    """Return why an engine is not used."""
    if isinstance(error, ModuleNotFoundError):
        return f"not installed (no module {error.name!r}){_advice(error.name)}"
    return _one_line(error)


def _cause(error: Exception) -> Cause:
    """Return whether an error says something about the release: only what this project has judged itself does."""
    if isinstance(error, ModuleNotFoundError):
        library = _library_of(error.name)
        return "absent" if library is not None and library.version() is None else "circumstances"
    if isinstance(error, SlowTestError | BundleIntegrityError):
        return "circumstances"
    return "release" if isinstance(error, EngineError | BundleError) else "circumstances"


def _library_of(module: str | None) -> Library | None:
    """Return the library of an engine that a module belongs to; None if it is another's."""
    return next((one for one in LIBRARIES.values() if module in one.modules), None)


def _advice(module: str | None) -> str:
    """Return how to install the library that a module belongs to, if it is an engine's."""
    library = _library_of(module)
    return "" if library is None else f"; to use it: {library.install}"


def _one_line(error: Exception) -> str:
    """Return an error as one line; foreign errors with their class, because the text alone may be unclear."""
    text = " ".join(str(error).split())[:300]
    return text if isinstance(error, PocketRecError) else f"{type(error).__name__}: {text}"


def _onnxruntime(data: bytes, sizes: Encoder, precision: str) -> Engine:
    from edge_runtime.engines.onnxruntime import OnnxRuntimeEngine

    return OnnxRuntimeEngine.open(data, sizes, precision=precision)


def _litert(data: bytes, sizes: Encoder, precision: str) -> Engine:
    from edge_runtime.engines.litert import LiteRTEngine

    return LiteRTEngine.open(data, sizes, precision=precision)


def _reference(data: bytes, sizes: Encoder, precision: str) -> Engine:
    from edge_runtime.engines.reference import ReferenceEngine

    return ReferenceEngine.open(data, sizes, precision=precision)


OPENERS: Final[Mapping[str, Opener]] = {"onnxruntime": _onnxruntime, "litert": _litert, "reference": _reference}
"""All engines of this runtime; an engine's library is imported when the engine is opened."""
