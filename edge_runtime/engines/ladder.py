"""Chooses the engine: down the manifest's list to the first one that is installed and passes the self-test.

An engine is used only after it has reproduced the golden vectors (SPEC section 8), at opening and after every fall. One
that fails later, in the middle of its work, is left for the next. Below the last engine there is the popularity order.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.codes import ProductCodes
from edge_runtime.bundle.folder import BundleFolder
from edge_runtime.bundle.golden import TOP, Golden
from edge_runtime.bundle.manifest import Encoder, EngineVariant
from edge_runtime.engines.protocol import Engine, Floats, SmallMatrices
from edge_runtime.errors import EngineError, PocketRecError
from edge_runtime.ranking import Rows, best_rows, score_all

LARGEST_STATE: Final = 1e20
"""With the limit on scales (SPEC section 4) no score of a state below it overflows."""

MAX_TEST_S: Final = 30.0
"""Seconds of a self-test (SPEC section 8): a slower engine is of no use, and a bundle may have been made to be slow."""

Opener = Callable[[bytes, Encoder, str], Engine]


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What an engine made of the golden sequences.

    Attributes:
        state_error: the largest absolute difference from the exporter's states.
        overlap: mean share of the golden top 10 found, in 0..1.
        n_sequences: how many sequences there were.
    """

    state_error: float
    overlap: float
    n_sequences: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an engine is not used, in words for people."""

    engine: str
    precision: str
    reason: str


class Ladder:
    """Encodes with the best engine that works, and remembers why the better ones did not.

    Args:
        folder: where the engines' files are; each is read, its digest checked, when its turn comes.
        codes: the catalogue.
        small: prompts and adapter.
        golden: what an engine must reproduce.
        first: an engine of the caller's, tried before those of the manifest.
        openers: engine name to the function that opens it; the default is all that this runtime has.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        folder: BundleFolder,
        codes: ProductCodes,
        small: SmallMatrices,
        golden: Golden,
        *,
        first: Engine | None = None,
        openers: Mapping[str, Opener] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._codes = codes
        self._small = small
        self._golden = golden
        self._clock = clock
        self._openers = OPENERS if openers is None else openers
        self._waiting: list[EngineVariant | Engine] = [*([first] if first else []), *folder.manifest.engines]
        self.engine: Engine | None = None
        self.self_test: SelfTest | None = None
        self.refusals: list[Refusal] = []
        self.next_engine()

    def encode(self, embeddings: Floats, small: SmallMatrices | None = None) -> Floats | None:
        """Return the state ``[d]`` after the events ``[l, d]``; None when no engine is left.

        ``small`` takes the place of the bundle's own matrices where given. An engine that raises, or gives something
        that is not a finite state, is given up for good.
        """
        while self.engine is not None:
            try:
                return self._checked(self.engine, embeddings, small or self._small)
            except Exception as error:  # noqa: BLE001 - a library may raise anything; the reason is kept
                self._refuse(self.engine, f"failed while it was working: {_in_words(error)}")
                self.next_engine()
        return None

    def next_engine(self) -> bool:
        """Give up the current engine for the next one that opens and passes the self-test; False when none is left."""
        self.engine = self.self_test = None
        while self._waiting and self.engine is None:
            candidate = self._waiting.pop(0)
            try:
                engine = self._open(candidate) if isinstance(candidate, EngineVariant) else candidate
                self.self_test = self._test(engine, self._tolerance(candidate))
            except ModuleNotFoundError as error:
                self._refuse(candidate, f"not installed (no module {error.name!r})")
            except Exception as error:  # noqa: BLE001 - as above
                self._refuse(candidate, _in_words(error))
            else:
                self.engine = engine
        return self.engine is not None

    def _open(self, variant: EngineVariant) -> Engine:
        opener = self._openers.get(variant.engine)
        if opener is None:
            raise EngineError("this runtime does not know this engine")
        data = self._folder.read(self._folder.manifest.file(variant.file))
        return opener(data, self._folder.manifest.encoder, variant.precision)

    def _test(self, engine: Engine, tolerance: EngineVariant) -> SelfTest:
        """Return the measured agreement with the golden vectors.

        Raises:
            EngineError: it is outside the tolerance.
        """
        errors, overlaps = [], []
        end = self._clock() + MAX_TEST_S
        for rows, state, top in zip(self._golden.sequences, self._golden.states, self._golden.top_rows, strict=True):
            found = self._checked(engine, self._codes.decode(rows), self._small)
            if self._clock() > end:
                raise EngineError(f"took more than {MAX_TEST_S:g} s for its self-test")
            errors.append(float(np.abs(found - state).max()))
            overlaps.append(_share(top, best_rows(score_all(self._codes, found), TOP, rows)))
        result = SelfTest(max(errors), sum(overlaps) / len(overlaps), len(errors))
        if result.state_error > tolerance.max_state_error or result.overlap < tolerance.min_overlap:
            raise EngineError(
                f"failed the self-test: state error {result.state_error:.2g} (at most "
                f"{tolerance.max_state_error:.2g}), top-{TOP} overlap {result.overlap:.3f} (at least "
                f"{tolerance.min_overlap:.3f})"
            )
        return result

    def _checked(self, engine: Engine, embeddings: Floats, small: SmallMatrices) -> Floats:
        """Return what the engine answers, if it is a finite state."""
        with np.errstate(all="ignore"):  # what overflows is caught below, and must not talk on stderr
            state = engine.encode(embeddings, small)
        dim = self._folder.manifest.encoder.dim
        if state.shape != (dim,):
            raise EngineError(f"gave a state of shape {list(state.shape)}, expected [{dim}]")
        state = state.astype(np.float32, copy=False)
        if not (np.abs(state) < LARGEST_STATE).all():
            raise EngineError("gave a state with NaN, infinity or a number so large that scores overflow")
        return state

    def _tolerance(self, candidate: EngineVariant | Engine) -> EngineVariant:
        """Return the variant whose tolerance applies; a caller's own engine is held to that of the first one."""
        return candidate if isinstance(candidate, EngineVariant) else self._folder.manifest.engines[0]

    def _refuse(self, candidate: EngineVariant | Engine, reason: str) -> None:
        name = candidate.engine if isinstance(candidate, EngineVariant) else candidate.name
        self.refusals.append(Refusal(name, candidate.precision, reason))


def _share(golden: NDArray[np.int32], found: Rows) -> float:
    """Return which share of the golden rows, -1 left out, was found."""
    wanted = set(golden[golden >= 0].tolist())
    return len(wanted.intersection(found.tolist())) / len(wanted) if wanted else 1.0


def _in_words(error: Exception) -> str:
    """Return an error as one line; a library's own errors with their class, because their text alone says little."""
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
"""Every engine that this runtime has; its library is imported when it is opened."""
