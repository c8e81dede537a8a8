"""The public API for apps: recommendations for one user from one bundle, offline.

with Recommender.open(bundle, state) as recommender:
    recommender.observe("item-7")
    for item in recommender.recommend(10):
        print(item.title, recommender.explain(item.item_id).text)
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.folder import open_folder
from edge_runtime.bundle.manifest import Manifest
from edge_runtime.contents import Contents, open_contents
from edge_runtime.device_folder import current_bundle
from edge_runtime.dislikes import DislikePenalty
from edge_runtime.diversity import (
    AUTO_DIVERSITY,
    N_FEEDBACK,
    POOL,
    Diversity,
    adapted_diversity,
    checked_diversity,
    diversified_rows,
)
from edge_runtime.engines.candidates import EngineCandidates, Refusal, SelfTest
from edge_runtime.engines.protocol import Engine, Floats
from edge_runtime.errors import UnknownItemError
from edge_runtime.events import CLICK
from edge_runtime.history_rows import GivenHistory, HistoryRows, RecordedHistory
from edge_runtime.learning.knowledge_switch import KnowledgeSwitch
from edge_runtime.nearest import N_COMPARED, nearest_items
from edge_runtime.paths import AnyPath
from edge_runtime.ranking import best_rows
from edge_runtime.search.finder import Finder
from edge_runtime.state.history import Event, History, check_string
from edge_runtime.transitions import combined_scores

if TYPE_CHECKING:
    from edge_runtime.explainer import Explainer, Reason
    from edge_runtime.reasons.words import Style

_MAX_SHOWN = 256  # characters of an id in a message


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One entry of a list.

    Attributes:
        rank: 1 is the best.
        item_id: as in the catalogue.
        title: display title.
        score: comparable within one list only. Descending by rank, unless ``diversity`` is above 0.
        row: catalogue row.
    """

    rank: int
    item_id: str
    title: str
    score: float
    row: int


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """The engine in use, and why the preceding ones are not.

    Attributes:
        name: without a usable engine ``transitions`` if the bundle has them, else ``popularity``.
        precision: precision of the weights.
        fallbacks: the engines that failed, in that order, with the reason.
        self_test: agreement with the golden vectors; None if only a fallback is left.
    """

    name: str
    precision: str
    fallbacks: tuple[Refusal, ...]
    self_test: SelfTest | None


class Recommender:
    """Recommends, explains and remembers; threads may share it.

    Attributes:
        manifest: of the bundle.
        items: names and facts; row ``i`` is catalogue row ``i``.
    """

    def __init__(
        self, contents: Contents, engines: EngineCandidates, history: History, *, language_model: bool = True
    ) -> None:
        self.manifest: Manifest = contents.folder.manifest
        self.items = contents.items
        self._contents = contents
        self._dislike_penalty = DislikePenalty(contents.codes)
        self._engines = engines
        self._knowledge = self._new_knowledge()
        self._history = history
        self._language_model = language_model
        self._row_of = {item_id: row for row, item_id in enumerate(contents.items.item_id)}
        self._recorded = RecordedHistory(
            history, contents.items.item_id, self._row_of, contents.folder.manifest.encoder.max_length
        )
        self._finder: Finder | None = None
        self._explainer: Explainer | None = None
        self._lock = threading.RLock()
        self._explaining = threading.Lock()  # separate: lists must not wait for the language model
        self._indexing = threading.Lock()  # separate for the same reason
        self._timings: dict[str, float] = {}

    @classmethod
    def open(
        cls,
        bundle: AnyPath,
        state: AnyPath | None = None,
        *,
        engine: Engine | None = None,
        language_model: bool = True,
    ) -> Self:
        """Open a bundle; all files are checked against their digests first.

        Args:
            bundle: the folder with ``manifest.json``, or the folder that ``pocketrec sync`` fills.
            state: path of the history file; None keeps the history in memory.
            engine: custom engine, tried before those of the bundle; it must pass the same self-test.
            language_model: False disables the language model; reasons come from the template.

        Raises:
            BundleError: the bundle is damaged, or needs a newer runtime.
            StateError: the state file cannot be used.
        """
        started = time.perf_counter()
        folder = open_folder(current_bundle(bundle))
        contents = open_contents(folder, language_model=language_model)
        read = time.perf_counter()
        engines = contents.engine_candidates(first=engine)
        tested_ms = _ms_since(read)
        recommender = cls(contents, engines, History.open(state), language_model=language_model)
        recommender._timings |= {"self_test": tested_ms, "open": _ms_since(started)}
        return recommender

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the language model and close the state file; events are already on disk."""
        if self._explainer is not None:
            self._explainer.close()  # a running explanation falls back to the template
        with self._explaining, self._lock:
            self._language_model = False
            if self._explainer is not None:
                self._explainer.close()
            self._history.close()

    @property
    def engine(self) -> EngineStatus:
        """The engine in use."""
        engines = self._engines
        current = engines.engine or engines.transitions or self._contents.popularity
        return EngineStatus(current.name, current.precision, tuple(engines.refusals), engines.self_test)

    @property
    def timings(self) -> Mapping[str, float]:
        """Milliseconds of ``open``, ``self_test``, and the last ``observe``, ``recommend``, ``explain``, ``search``."""
        return MappingProxyType(self._timings)

    def observe(self, item_id: str, event: str = CLICK) -> Event:
        """Record an event of the user. The event is durable when this returns.

        Unknown item ids are recorded too, because the bundle may be older than the app's catalogue.

        Args:
            item_id: the item.
            event: ``click``, ``like``, ``purchase`` or another name matching ``[a-z_]{1,32}``; ``dislike`` hides the
                item and lowers the scores of similar ones (:mod:`edge_runtime.dislikes`).

        Raises:
            TypeError: the item id or the event name is not a string.
            ValueError: the item id or the event name is invalid.
            StateError: the state file could not be written; nothing was recorded.
        """
        with self._timed("observe"):
            return self._history.add(item_id, event)

    def recommend(
        self, k: int = 10, history: Sequence[str] | None = None, *, diversity: Diversity = 0.0
    ) -> list[Recommendation]:
        """Return the ``k`` best unseen items, best first; ties are broken by the lower catalogue row.

        Args:
            k: number of items; fewer are returned when the catalogue is exhausted.
            history: item ids, oldest first, used instead of the recorded history. Unknown ids are skipped.
            diversity: share of the list to replace with more diverse items among the best hundred: 0 keeps the list, 1
                replaces as many as possible (:mod:`edge_runtime.diversity`). ``auto`` uses :meth:`auto_diversity`.

        Raises:
            ValueError: ``k`` is not positive, or ``diversity`` is not in [0, 1].
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        with self._timed("recommend"):
            share = self.auto_diversity(history) if diversity == "auto" else checked_diversity(diversity)
            past = self._past_of(history)
            scores = self._dislike_penalty.apply(self._scores(past.sequence), past.disliked)
            rows = past.best_unseen(scores, max(POOL, k) if share > 0 else k)
            if share > 0:
                rows = diversified_rows(self._contents.codes, scores, rows, k, share)
            return [
                Recommendation(rank, self.items.item_id[row], self.items.title[row], float(scores[row]), row)
                for rank, row in enumerate(rows.tolist(), start=1)
            ]

    def auto_diversity(self, history: Sequence[str] | None = None) -> float:
        """Return the diversity adapted to the latest feedback: higher after dislikes, lower after likes.

        Args:
            history: as in :meth:`recommend`; each item counts as a click.
        """
        if history is not None:
            return adapted_diversity(AUTO_DIVERSITY, [CLICK] * len(history))
        return adapted_diversity(AUTO_DIVERSITY, [event.event for event in self._history.newest(N_FEEDBACK)])

    def explain(self, item_id: str, *, history: Sequence[str] | None = None, style: "Style" = "short") -> "Reason":
        """Explain why an item is recommended, using facts of the bundle and the history only.

        The first call starts the language model. If it is missing, slow or fails, a template is used.

        Args:
            item_id: the item.
            history: as in :meth:`recommend`.
            style: ``short`` cites one fact, ``detailed`` two.

        Raises:
            UnknownItemError: the item id is not in the catalogue.
        """
        row = self.row(item_id)
        sequence = self._past_of(history).sequence
        with self._explaining, self._timed("explain"):
            if self._explainer is None:
                self._explainer = self._create_explainer()
            return self._explainer.explain(row, sequence.tolist(), style)

    def search(self, text: str, limit: int = 10) -> list[Recommendation]:
        """Return the items with these words in title or facts, best match first; ``score`` is the popularity.

        Only the first 200 characters of the text, and their first 16 words, are used. The first call builds the word
        index; only searches wait for it.
        """
        with self._timed("search"):
            rows = self._search_index().find(text, limit)
        popularity = self._contents.popularity.scores
        return [
            Recommendation(rank, self.items.item_id[row], self.items.title[row], float(popularity[row]), row)
            for rank, row in enumerate(rows, start=1)
        ]

    def knows(self, item_id: str) -> bool:
        """Return whether the item is in the catalogue."""
        return item_id in self._row_of

    def row(self, item_id: str) -> int:
        """Return the catalogue row of an item.

        Raises:
            TypeError: the item id is not a string.
            UnknownItemError: the item id is not in the catalogue; the message suggests similar ones.
        """
        check_string("an item id", item_id, "the id that the catalogue has, such as 'item-7'")
        row = self._row_of.get(item_id)
        if row is None:
            raise UnknownItemError(
                f"{_shortened(item_id)!r} is not in the catalogue of {self.manifest.name!r}.{self.hint(item_id)}"
            )
        return row

    def hint(self, item_id: str) -> str:
        """Return a sentence that suggests the items with an id or title similar to ``item_id``, or an empty string."""
        popular = best_rows(self._contents.popularity.scores, N_COMPARED)
        near = nearest_items(item_id, (self.items.item_id, self.items.title), self._row_of, popular.tolist())
        named = ", ".join(f"{self.items.item_id[row]!r} ({self.items.title[row]})" for row in near)
        return f" Did you mean {named}?" if near else ""

    def history(self, limit: int | None = None) -> list[Event]:
        """Return the recorded events, newest first."""
        return self._history.newest(limit)

    def count_events(self) -> int:
        """Return the number of recorded events."""
        return self._history.count()

    def latest_events(self, item_ids: Sequence[str]) -> dict[str, str]:
        """Return the name of the newest recorded event of each of these items; items without events are left out."""
        return self._history.latest_events(item_ids)

    def has_interactions(self) -> bool:
        """Return whether an item of the catalogue was recorded other than as a dislike."""
        return len(self._recorded.sequence) > 0

    def remove(self, event_id: int) -> bool:
        """Delete one event of the history; return whether it existed."""
        return self._history.remove(event_id)

    def forget(self) -> None:
        """Erase the history and everything derived from it.

        Raises:
            StateError: traces may remain, because another process is reading the file; the message says what to do.
        """
        with self._explaining, self._lock:
            if self._explainer is not None:
                self._explainer.close()  # its process holds prompts built from the history
                self._explainer = None
            self._knowledge = self._new_knowledge()
            self._history.forget()

    def _new_knowledge(self) -> KnowledgeSwitch:
        return KnowledgeSwitch(self._contents.codes, self._contents.small, self._engines)

    def _scores(self, sequence: NDArray[np.int64]) -> Floats:
        """Return the score of every item by engine and transitions; without these, or a history, the popularity."""
        scores: Floats | None = None
        if len(sequence):
            with self._lock:
                state = self._knowledge.encode(sequence)
            scores = combined_scores(self._contents.codes, state, self._engines.transitions, sequence)
        return self._contents.popularity.scores if scores is None else scores

    def _past_of(self, history: Sequence[str] | None) -> HistoryRows:
        """Return the given history as catalogue rows, or the recorded one."""
        if history is None:
            return self._recorded
        return GivenHistory.of_ids(history, self._row_of, self.manifest.encoder.max_length)

    def _search_index(self) -> Finder:
        with self._indexing:
            if self._finder is None:
                self._finder = Finder(self.items, self._contents.popularity.levels)
            return self._finder

    def _create_explainer(self) -> "Explainer":
        from edge_runtime.explainer import Explainer

        folder = self._contents.folder
        model_entry = self.manifest.language_model if self._language_model else None
        model: Callable[[], Path] | None = None
        if model_entry is not None:
            model = partial(folder.checked_path, self.manifest.file(model_entry.file))
        return Explainer(self.items, self._contents.popularity.levels, model, self.manifest)

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._timings[name] = _ms_since(started)


def _shortened(item_id: str) -> str:
    return item_id if len(item_id) <= _MAX_SHOWN else item_id[:_MAX_SHOWN] + "…"


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
