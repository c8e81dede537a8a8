"""Measures a bundle through the device runtime: self-test, ranking, agreement and latency of each engine."""

import importlib.util
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.golden import TOP
from edge_runtime.bundle.manifest import EngineVariant
from edge_runtime.contents import Contents
from edge_runtime.engines.candidates import MIN_TRANSITIONS_OVERLAP, OPENERS, EngineCandidates, SelfTest
from edge_runtime.engines.litert import MODULES as LITERT_MODULES
from edge_runtime.errors import EngineError, PocketRecError
from edge_runtime.ranking import best_rows
from edge_runtime.recommender import Recommender
from edge_runtime.state.history import History
from edge_runtime.transitions import TransitionScores, combined_scores
from export.lists import TopRows, overlap
from export.rankings import Ranking, rank_together
from export.users import TestUsers
from train.metrics.ranking import Score

LATENCY_USERS = 200
_WARM_UP = 10
MODULES_OF: Mapping[str, tuple[str, ...]] = {"onnxruntime": ("onnxruntime",), "litert": LITERT_MODULES, "reference": ()}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OpenEngine:
    """An engine of the bundle that passed the self-test, or the transitions of a bundle without engines.

    Attributes:
        name: engine and precision.
        min_overlap: its tolerance.
        candidates: engine candidates with this engine only.
        needs_state: False for transitions alone.
    """

    name: str
    min_overlap: float
    candidates: EngineCandidates
    needs_state: bool = True

    @property
    def self_test(self) -> SelfTest:
        """Result of the self-test on the golden vectors."""
        if self.candidates.self_test is None:
            raise EngineError(f"{self.name}: failed after it had passed the self-test")
        return self.candidates.self_test


def open_engine(contents: Contents, variant: EngineVariant) -> OpenEngine | str:
    """Return an engine that passed the self-test, or the reason why it did not.

    Raises:
        ModuleNotFoundError: the library of the engine is not installed.
    """
    if variant.engine not in OPENERS:
        raise ModuleNotFoundError(f"{variant.engine} is an engine of browsers", name=variant.engine)
    modules = MODULES_OF.get(variant.engine, ())
    if modules and not any(_is_installed(name) for name in modules):
        raise ModuleNotFoundError(f"{variant.engine} is not installed here", name=modules[0])
    single = msgspec.structs.replace(contents.folder.manifest, engines=(variant,))
    candidates = replace(contents, folder=replace(contents.folder, manifest=single)).engine_candidates()
    if candidates.engine is None:
        return candidates.refusals[-1].reason
    return OpenEngine(f"{variant.engine} {variant.precision}", variant.min_overlap, candidates)


def open_transitions(contents: Contents) -> OpenEngine | str:
    """Return the transitions of a bundle without engines, after their self-test, or the reason why they failed."""
    candidates = contents.engine_candidates()
    if candidates.transitions is None:
        return candidates.refusals[-1].reason
    name = f"{TransitionScores.name} {TransitionScores.precision}"
    return OpenEngine(name, MIN_TRANSITIONS_OVERLAP, candidates, needs_state=False)


def device_scores(
    contents: Contents, engine: OpenEngine, users: TestUsers, transitions: TransitionScores | None
) -> Score:
    """Return a function from user indices to the scores of all items as a device computes them.

    Args:
        contents: the bundle.
        engine: one of its engines.
        users: the users.
        transitions: those of the bundle.
    """
    n_items, max_length = contents.folder.manifest.catalogue.n_items, contents.folder.manifest.encoder.max_length

    def score(batch: NDArray[np.int64]) -> NDArray[np.float32]:
        scores = np.empty((len(batch), n_items), dtype=np.float32)
        for index, user in enumerate(batch):
            newest = users.histories[user][-max_length:]
            state = _encode(contents, engine, newest)
            scores[index] = _scores(contents, engine, state, newest, transitions)
        return scores

    return score


def rank_users(contents: Contents, engine: OpenEngine, users: TestUsers) -> Ranking:
    """Rank the true next item of every user among the whole catalogue, with the scores of the device runtime.

    Raises:
        PocketRecError: the engine failed.
    """
    score = device_scores(contents, engine, users, engine.candidates.transitions)
    ranking = rank_together({engine.name: score}, users, contents.folder.manifest.catalogue.n_items)[engine.name]
    if isinstance(ranking, PocketRecError):
        raise ranking
    return ranking


def agreement(first: TopRows, second: TopRows) -> float:
    """Return the mean share of the first lists' rows that the second lists contain too."""
    return float(np.mean(overlap(first, second)))


def latencies(
    contents: Contents, engines: Sequence[OpenEngine], users: TestUsers, *, seed: int = 0
) -> dict[str, dict[str, dict[str, float]]]:
    """Return milliseconds by engine and step: ``encode``, ``score`` (including the top ten), and ``recommend``.

    ``recommend`` is the call that an app makes, with the history as item ids. Engines alternate in random order, so
    that other load on the machine affects all of them.
    """
    rng = np.random.default_rng(seed)
    sample = rng.permutation(len(users))[:LATENCY_USERS]
    timers = [_Timer(contents, engine) for engine in engines]
    warm_up = sample[:_WARM_UP]
    for turn, user in enumerate([*warm_up, *sample]):
        for index in rng.permutation(len(timers)):
            timers[int(index)].measure(users.histories[user], keep=turn >= len(warm_up))
    return {timer.engine.name: {step: _percentiles(values) for step, values in timer.times.items()} for timer in timers}


class _Timer:
    """Times one engine, one user at a time."""

    def __init__(self, contents: Contents, engine: OpenEngine) -> None:
        self.engine = engine
        self.times: dict[str, list[float]] = {"encode": [], "score": [], "recommend": []}
        self._contents = contents
        self._recommender = Recommender(contents, engine.candidates, History.open(None), language_model=False)

    def measure(self, history: NDArray[np.int32], *, keep: bool) -> None:
        """Recommend for one history; record the times if ``keep`` is True."""
        contents = self._contents
        newest = history[-contents.folder.manifest.encoder.max_length :]
        item_ids = [contents.items.item_id[row] for row in history]
        state, encode_ms = _timed(lambda: _encode(contents, self.engine, newest))
        transitions = self.engine.candidates.transitions
        _, score_ms = _timed(
            lambda: best_rows(_scores(contents, self.engine, state, newest, transitions), TOP, history)
        )
        _, recommend_ms = _timed(lambda: self._recommender.recommend(TOP, history=item_ids))
        if keep:
            for step, value in (("encode", encode_ms), ("score", score_ms), ("recommend", recommend_ms)):
                self.times[step].append(value)


def _percentiles(values: list[float]) -> dict[str, float]:
    return {"p50_ms": round(float(np.median(values)), 4), "p90_ms": round(float(np.quantile(values, 0.9)), 4)}


def _encode(contents: Contents, engine: OpenEngine, history: NDArray[np.int32]) -> NDArray[np.float32] | None:
    """Return the state after a history; None in a bundle without engines."""
    state = engine.candidates.encode(contents.codes.decode(history))
    if state is None and engine.needs_state:
        raise EngineError(f"{engine.name}: {engine.candidates.refusals[-1].reason}")
    return state


def _scores(
    contents: Contents,
    engine: OpenEngine,
    state: NDArray[np.float32] | None,
    history: NDArray[np.int32],
    transitions: TransitionScores | None,
) -> NDArray[np.float32]:
    """Return the score of every item as the device computes it."""
    scores = combined_scores(contents.codes, state, transitions, history.astype(np.int64))
    if scores is None:
        raise EngineError(f"{engine.name}: there is nothing to score with")
    return scores


def _timed(function: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    value = function()
    return value, (time.perf_counter() - started) * 1000


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
