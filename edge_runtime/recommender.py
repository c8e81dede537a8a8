"""What an app imports: one bundle, one person, offline.

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
from edge_runtime.contents import Contents, current_folder, open_contents
from edge_runtime.dislikes import Resemblance
from edge_runtime.engines.ladder import Ladder, Refusal, SelfTest
from edge_runtime.engines.protocol import Engine, Floats
from edge_runtime.errors import UnknownItemError
from edge_runtime.learning.knowledge_switch import KnowledgeSwitch
from edge_runtime.nearest import N_COMPARED, nearest_items
from edge_runtime.past import GivenPast, Past, RecordedPast
from edge_runtime.paths import AnyPath
from edge_runtime.ranking import best_rows, score_all
from edge_runtime.search.finder import Finder
from edge_runtime.state.history import Event, History
from edge_runtime.variety import AUTO_VARIETY, N_FEEDBACK, POOL, Variety, adapted_variety, checked_variety, varied_rows

if TYPE_CHECKING:
    from edge_runtime.reasons.explain import Explainer
    from edge_runtime.reasons.words import Style
    from edge_runtime.reasons.writer import Reason


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One entry of a list.

    Attributes:
        rank: 1 is the best.
        item_id: as in the catalogue.
        title: for people.
        score: comparable within one list, not between lists. It falls from rank to rank, unless variety was asked for.
        row: of the catalogue.
    """

    rank: int
    item_id: str
    title: str
    score: float
    row: int


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """Which engine works, and why the ones before it do not.

    Attributes:
        name: ``popularity`` when no engine is left.
        precision: of its weights.
        fallbacks: the engines that were refused or gave up, in that order.
        self_test: how it agrees with the golden vectors; None for popularity.
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

    def __init__(self, contents: Contents, ladder: Ladder, history: History, *, language_model: bool = True) -> None:
        self.manifest: Manifest = contents.folder.manifest
        self.items = contents.items
        self._contents = contents
        self._resemblance = Resemblance(contents.codes)
        self._ladder = ladder
        self._knowledge = self._new_knowledge()
        self._history = history
        self._language_model = language_model
        self._row_of = {item_id: row for row, item_id in enumerate(contents.items.item_id)}
        self._recorded = RecordedPast(
            history, contents.items.item_id, self._row_of, contents.folder.manifest.encoder.max_length
        )
        self._finder: Finder | None = None
        self._explainer: Explainer | None = None
        self._lock = threading.RLock()
        self._explaining = threading.Lock()  # of its own: a language model takes its time, and lists do not wait
        self._indexing = threading.Lock()  # of its own, for the same reason
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
        """Open a bundle; every file is checked against its digest before any is used.

        Args:
            bundle: the folder with ``manifest.json``, or the folder that ``pocketrec sync`` fills.
            state: where the history is kept; without it nothing outlives this object.
            engine: tried before the engines of the bundle; it must pass the self-test as they must.
            language_model: False leaves the language model alone: reasons come from the template.

        Raises:
            BundleError: the bundle is damaged, or newer than this runtime.
            StateError: the state file cannot be used.
        """
        started = time.perf_counter()
        folder = open_folder(current_folder(bundle))
        contents = open_contents(folder, language_model=language_model)
        read = time.perf_counter()
        ladder = contents.ladder(first=engine)
        tested_ms = _ms_since(read)
        recommender = cls(contents, ladder, History.open(state), language_model=language_model)
        recommender._timings |= {"self_test": tested_ms, "open": _ms_since(started)}
        return recommender

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the language model and give the state file back; nothing is pending, so nothing can be lost."""
        if self._explainer is not None:
            self._explainer.close()  # an explanation under way ends now, from the template
        with self._explaining, self._lock:
            self._language_model = False
            if self._explainer is not None:
                self._explainer.close()
            self._history.close()

    @property
    def engine(self) -> EngineStatus:
        """Which engine works now."""
        ladder = self._ladder
        working = ladder.engine or self._contents.popularity
        return EngineStatus(working.name, working.precision, tuple(ladder.refusals), ladder.self_test)

    @property
    def timings(self) -> Mapping[str, float]:
        """Milliseconds of ``open``, ``self_test``, and the last ``observe``, ``recommend``, ``explain``, ``search``."""
        return MappingProxyType(self._timings)

    def observe(self, item_id: str, event: str = "click") -> Event:
        """Record what the person did; it is on the disk when this returns.

        An id that the catalogue lacks is recorded too: this device may be a release behind the app.

        Args:
            item_id: the item.
            event: ``click``, ``like``, ``purchase`` or another interaction of ``[a-z_]{1,32}``; ``dislike`` hides it
                and lowers what resembles it (:mod:`edge_runtime.dislikes`).

        Raises:
            ValueError: the id or the event's name is not one.
            StateError: it could not be written; nothing was recorded.
        """
        with self._timed("observe"):
            return self._history.add(item_id, event)

    def recommend(
        self, k: int = 10, history: Sequence[str] | None = None, *, variety: Variety = 0.0
    ) -> list[Recommendation]:
        """Return the ``k`` best items that the person has not met, best first; ties go to the lower row.

        Args:
            k: how many; fewer come back when the catalogue runs out.
            history: item ids, oldest first, in place of the recorded history. Ids that the catalogue lacks are skipped.
            variety: the share of the precise list that gives way to different items among the best hundred: 0 leaves
                it as it is, 1 exchanges all that can be (:mod:`edge_runtime.variety`). ``auto`` is
                :meth:`auto_variety`.

        Raises:
            ValueError: ``k`` is not positive, or ``variety`` is not in [0, 1].
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        with self._timed("recommend"):
            wanted = self.auto_variety(history) if variety == "auto" else checked_variety(variety)
            past = self._past_of(history)
            scores = self._resemblance.lowered(self._scores(past.sequence), past.disliked)
            rows = past.best_unseen(scores, max(POOL, k) if wanted > 0 else k)
            if wanted > 0:
                rows = varied_rows(self._contents.codes, scores, rows, k, wanted)
            return [
                Recommendation(rank, self.items.item_id[row], self.items.title[row], float(scores[row]), row)
                for rank, row in enumerate(rows.tolist(), start=1)
            ]

    def auto_variety(self, history: Sequence[str] | None = None) -> float:
        """Return the variety that the newest feedback asks for: more after dislikes, less after likes.

        It is computed from the history each time; nothing else is kept.

        Args:
            history: as in :meth:`recommend`; each of it counts as opened, no more.
        """
        if history is not None:
            return adapted_variety(AUTO_VARIETY, ["click"] * len(history))
        return adapted_variety(AUTO_VARIETY, [event.event for event in self._history.newest(N_FEEDBACK)])

    def explain(self, item_id: str, *, history: Sequence[str] | None = None, style: "Style" = "short") -> "Reason":
        """Return why an item suits the person, made of true facts alone.

        The language model is started by the first call. Where it is absent, slow or fails, a template writes.

        Args:
            item_id: the item.
            history: as in :meth:`recommend`.
            style: ``short`` cites one fact, ``detailed`` two.

        Raises:
            UnknownItemError: the catalogue has no such item.
        """
        row = self.row(item_id)
        sequence = self._past_of(history).sequence
        with self._explaining, self._timed("explain"):
            if self._explainer is None:
                self._explainer = self._make_explainer()
            return self._explainer.explain(row, sequence.tolist(), style)

    def search(self, text: str, limit: int = 10) -> list[Recommendation]:
        """Return the items whose title or facts have these words, best match first; ``score`` is the popularity.

        The first call builds the index of words; other calls than searches do not wait for it.
        """
        with self._timed("search"):
            rows = self._search_index().find(text, limit)
        popular = self._contents.popularity.scores
        return [
            Recommendation(rank, self.items.item_id[row], self.items.title[row], float(popular[row]), row)
            for rank, row in enumerate(rows, start=1)
        ]

    def knows(self, item_id: str) -> bool:
        """Return whether the catalogue has the item."""
        return item_id in self._row_of

    def row(self, item_id: str) -> int:
        """Return the catalogue row of an item.

        Raises:
            UnknownItemError: there is none; the message names what was probably meant.
        """
        row = self._row_of.get(item_id)
        if row is None:
            raise UnknownItemError(
                f"{item_id!r} is not in the catalogue of {self.manifest.name!r}.{self.hint(item_id)}"
            )
        return row

    def hint(self, item_id: str) -> str:
        """Return a sentence that names the items whose id or title is nearest to ``item_id``, or nothing."""
        popular = best_rows(self._contents.popularity.scores, N_COMPARED)
        near = nearest_items(item_id, (self.items.item_id, self.items.title), self._row_of, popular.tolist())
        named = ", ".join(f"{self.items.item_id[row]!r} ({self.items.title[row]})" for row in near)
        return f" Did you mean {named}?" if near else ""

    def history(self, limit: int | None = None) -> list[Event]:
        """Return the recorded events, the newest first."""
        return self._history.newest(limit)

    def remove(self, event_id: int) -> bool:
        """Delete one event of the history; return whether it was there."""
        return self._history.remove(event_id)

    def forget(self) -> None:
        """Delete everything that this device knows of the person, completely.

        Raises:
            StateError: traces may remain, because another program is reading the file; the message says what to do.
        """
        with self._explaining, self._lock:
            if self._explainer is not None:
                self._explainer.close()  # its process holds prompts made of the history
                self._explainer = None
            self._knowledge = self._new_knowledge()
            self._history.forget()

    def _new_knowledge(self) -> KnowledgeSwitch:
        return KnowledgeSwitch(self._contents.codes, self._contents.small, self._ladder)

    def _scores(self, sequence: NDArray[np.int64]) -> Floats:
        """Return the score of every item; popularity where nothing is known, or no engine is left."""
        if len(sequence):
            with self._lock:
                state = self._knowledge.encode(sequence)
            if state is not None:
                return score_all(self._contents.codes, state)
        return self._contents.popularity.scores

    def _past_of(self, history: Sequence[str] | None) -> Past:
        """Return the given history as rows, or the recorded one."""
        if history is None:
            return self._recorded
        return GivenPast.of_ids(history, self._row_of, self.manifest.encoder.max_length)

    def _search_index(self) -> Finder:
        with self._indexing:
            if self._finder is None:
                self._finder = Finder(self.items, self._contents.popularity.levels)
            return self._finder

    def _make_explainer(self) -> "Explainer":
        from edge_runtime.reasons.explain import Explainer

        folder = self._contents.folder
        told = self.manifest.language_model if self._language_model else None
        model: Callable[[], Path] | None = None
        if told is not None:
            model = partial(folder.checked_path, self.manifest.file(told.file))
        return Explainer(self.items, self._contents.popularity.levels, model, self.manifest)

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._timings[name] = _ms_since(started)


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
