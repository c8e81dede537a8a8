"""The public API for apps: recommendations for one user from one bundle, offline.

with Recommender.open(bundle, state) as recommender:
    recommender.observe("item-7")
    for item in recommender.recommend(10):
        print(item.title, recommender.explain(item.item_id).text)
"""

import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Final, Self

from edge_runtime.bundle.folder import open_folder
from edge_runtime.bundle.items import Items
from edge_runtime.bundle.manifest import Manifest
from edge_runtime.contents import Contents, open_contents
from edge_runtime.device_folder import current_bundle
from edge_runtime.diversity import AUTO_DIVERSITY, N_FEEDBACK, Diversity, adapted_diversity, checked_diversity
from edge_runtime.engines.candidates import EngineCandidates, Refusal, SelfTest
from edge_runtime.engines.protocol import Engine
from edge_runtime.engines.timing import EngineTime
from edge_runtime.errors import ClosedError, EngineError
from edge_runtime.events import CLICK
from edge_runtime.filters.conditions import Where
from edge_runtime.filters.live import LiveFacts, LiveValue
from edge_runtime.item_ids import checked_ids
from edge_runtime.opened import OpenRelease
from edge_runtime.paths import AnyPath
from edge_runtime.recommendation import Recommendation
from edge_runtime.state.history import Event, History

if TYPE_CHECKING:
    from edge_runtime.explainer import Explainer, Reason
    from edge_runtime.reasons.words import Style


ENGINE_VARIABLE: Final = "POCKETREC_ENGINE"
"""Environment variable with the name of the engine to try first."""


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """The engine in use, and why the preceding ones are not.

    Attributes:
        name: without a usable engine ``transitions`` if the bundle has them, else ``popularity``.
        precision: precision of the weights.
        fallbacks: the engines that failed, in that order, with the reason.
        self_test: agreement with the golden vectors; None if only a fallback is left.
        times: of the engines on this device, by which the one in use was chosen; empty if they were not compared.
    """

    name: str
    precision: str
    fallbacks: tuple[Refusal, ...]
    self_test: SelfTest | None
    times: tuple[EngineTime, ...] = ()


class Recommender:
    """Recommends, explains and remembers; threads may share it. After :meth:`close` every call raises ClosedError."""

    def __init__(
        self, contents: Contents, engines: EngineCandidates, history: History, *, language_model: bool = True
    ) -> None:
        self._live = LiveFacts()
        self._release = OpenRelease(contents, engines, history, self._live)
        self._history = history
        self._is_closed = False
        self._language_model = language_model
        self._place: AnyPath = contents.folder.path
        self._first_engine: Engine | str | None = None
        self._explainer: Explainer | None = None
        self._explaining = threading.Lock()  # separate from other locks: lists must not wait for the language model
        self._timings: dict[str, float] = {}

    @classmethod
    def open(
        cls,
        bundle: AnyPath,
        state: AnyPath | None = None,
        *,
        engine: Engine | str | None = None,
        language_model: bool = True,
    ) -> Self:
        """Open a bundle; all files are checked against their digests first.

        Args:
            bundle: the folder with ``manifest.json``, or the folder that ``pocketrec sync`` fills.
            state: path of the history file; None keeps the history in memory.
            engine: tried before the others; it must pass the same self-test. A custom engine, or the name of one of
                the bundle, such as ``reference``. [default: the environment's ``POCKETREC_ENGINE``; else, with a state
                file, the one that is fastest on this device, measured at the first start; else the bundle's first]
            language_model: False disables the language model; reasons come from the template.

        Raises:
            BundleError: the bundle is damaged, or needs a newer runtime.
            EngineError: the bundle has no engine of this name.
            StateError: the state file cannot be used.
        """
        engine = engine or os.environ.get(ENGINE_VARIABLE) or None
        started = time.perf_counter()
        folder = open_folder(current_bundle(bundle))
        contents = open_contents(folder, language_model=language_model)
        history = History.open(state)
        read = time.perf_counter()
        try:
            engines = contents.engine_candidates(first=engine, settings=None if state is None else history)
        except EngineError:
            history.close()
            raise
        tested_ms = _ms_since(read)
        recommender = cls(contents, engines, history, language_model=language_model)
        recommender._place, recommender._first_engine = bundle, engine
        recommender._timings |= {"self_test": tested_ms, "open": _ms_since(started)}
        return recommender

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the language model and close the state file; events are already on disk. May be called again."""
        self._is_closed = True
        if self._explainer is not None:
            self._explainer.close()  # a running explanation falls back to the template
        with self._explaining:
            if self._explainer is not None:
                self._explainer.close()
            self._history.close()

    def refresh(self) -> bool:
        """Go over to the release that a sync has installed since this one was opened; return whether there was one.

        The history, the live facts and running calls are not interrupted. The new release is read, checked and tested
        first: if that fails, this one stays in use.

        Raises:
            BundleError: the new release is damaged, or needs a newer runtime.
        """
        self._in_use()
        with self._timed("refresh"):
            folder = open_folder(current_bundle(self._place))
            if folder.manifest == self.manifest:
                return False
            contents = open_contents(folder, language_model=self._language_model)
            settings = self._history if self._release.engines.times else None
            engines = contents.engine_candidates(first=self._first_engine, settings=settings)
            fresh = OpenRelease(contents, engines, self._history, self._live)
        with self._explaining:
            self._in_use()
            self._release = fresh
            self._drop_explainer()
        return True

    @property
    def manifest(self) -> Manifest:
        """The manifest of the bundle in use."""
        return self._release.manifest

    @property
    def items(self) -> Items:
        """Names and facts of the items; row ``i`` is catalogue row ``i``."""
        return self._release.items

    @property
    def engine(self) -> EngineStatus:
        """The engine in use."""
        engines = self._release.engines
        current = engines.engine or engines.transitions or self._release.contents.popularity
        return EngineStatus(current.name, current.precision, tuple(engines.refusals), engines.self_test, engines.times)

    @property
    def timings(self) -> Mapping[str, float]:
        """Milliseconds of ``open``, ``self_test``, and of the last call of ``recommend``, ``observe`` and others."""
        return MappingProxyType(self._timings)

    def observe(self, item_id: str, event: str = CLICK, *, time: int | None = None) -> Event:
        """Record an event of the user. The event is durable when this returns.

        Unknown item ids are recorded too, because the bundle may be older than the app's catalogue.

        Args:
            item_id: the item.
            event: ``click``, ``like``, ``purchase`` or another name matching ``[a-z_]{1,32}``; ``dislike`` hides the
                item and lowers the scores of similar ones (:mod:`edge_runtime.dislikes`).
            time: when it happened, in milliseconds since 1970; None for now. Events count in the order of the calls.

        Raises:
            TypeError: the item id or the event name is not a string, or the time no whole number.
            ValueError: the item id, the event name or the time is invalid.
            StateError: the state file could not be written; nothing was recorded.
        """
        self._in_use()
        with self._timed("observe"):
            return self._history.add(item_id, event, time)

    def recommend(
        self,
        k: int = 10,
        history: Sequence[str] | None = None,
        *,
        candidates: Iterable[str] | None = None,
        exclude: Iterable[str] = (),
        where: Where | None = None,
        include_seen: bool = False,
        diversity: Diversity = 0.0,
    ) -> list[Recommendation]:
        """Return the ``k`` best items, best first; ties are broken by the lower catalogue row.

        Seen, disliked and retired items are left out.

        Args:
            k: number of items; fewer are returned if there are no more.
            history: item ids, oldest first, used instead of the recorded history. Unknown ids are skipped.
            candidates: ids of the items to choose from; None for the whole catalogue. Unknown ids are skipped.
            exclude: ids of items to leave out, such as those in the basket.
            where: fact to condition, all of which must hold: a value, a set of which any may hold, :func:`below`,
                :func:`at_most`, :func:`above`, :func:`at_least`, :func:`between` or :func:`none_of`. Live facts count
                (:meth:`set_facts`).
            include_seen: True keeps items that the user has interacted with; disliked ones are still left out.
            diversity: share of the list to replace with more diverse items among the best hundred: 0 keeps the list, 1
                replaces as many as possible (:mod:`edge_runtime.diversity`). ``auto`` uses :meth:`auto_diversity`.

        Raises:
            TypeError: an argument is of another type, such as one string in place of a list of ids.
            ValueError: ``k`` is not positive, ``diversity`` is not in [0, 1], or a condition has no values.
            FilterError: ``where`` names a fact that no item has, or compares it with a value of another kind.
        """
        release = self._in_use()
        with self._timed("recommend"):
            _check_k(k)
            share = self._share(diversity, history)
            among = release.among(candidates, exclude, where)
            return release.ranked(release.past_of(history), k, among, include_seen=include_seen, diversity=share)

    def recommend_many(
        self,
        histories: Iterable[Sequence[str]],
        k: int = 10,
        *,
        candidates: Iterable[str] | None = None,
        exclude: Iterable[str] = (),
        where: Where | None = None,
        include_seen: bool = False,
        diversity: Diversity = 0.0,
    ) -> list[list[Recommendation]]:
        """Return one list for each of several histories, such as those of the members of a household.

        The arguments, and what is raised, are those of :meth:`recommend`; the filter is evaluated once.
        """
        release = self._in_use()
        with self._timed("recommend_many"):
            _check_k(k)
            if isinstance(histories, str):
                raise TypeError("histories must be a list of lists of item ids, got one string. Pass [['item-7']].")
            among = release.among(candidates, exclude, where)
            given = [checked_ids("each of histories", history) for history in histories]
            return [
                release.ranked(
                    release.past_of(history),
                    k,
                    among,
                    include_seen=include_seen,
                    diversity=self._share(diversity, history),
                )
                for history in given
            ]

    def rerank(
        self, candidates: Iterable[str], history: Sequence[str] | None = None, *, diversity: Diversity = 0.0
    ) -> list[Recommendation]:
        """Return the items of a feed in the order of this user, best first.

        A server can give the same feed to everyone, and learns nothing about anyone. Items that the user has seen stay
        in it; disliked and retired items and unknown ids are left out. Without a history the feed keeps its order, and
        all scores are 0; otherwise its order breaks ties.

        Args:
            candidates: item ids in the order of the feed.
            history: as in :meth:`recommend`.
            diversity: as in :meth:`recommend`, for the first hundred.

        Raises:
            TypeError: an argument is of another type.
            ValueError: ``diversity`` is not in [0, 1].
        """
        release = self._in_use()
        with self._timed("rerank"):
            return release.reranked(release.past_of(history), candidates, self._share(diversity, history))

    def similar(
        self,
        item_id: str,
        k: int = 10,
        *,
        candidates: Iterable[str] | None = None,
        exclude: Iterable[str] = (),
        where: Where | None = None,
    ) -> list[Recommendation]:
        """Return the ``k`` items most similar to an item, best first, whoever the user is; ``score`` is the cosine.

        The item itself and retired items are left out.

        Args:
            item_id: the item, which may be retired.
            k: number of items; fewer are returned if there are no more.
            candidates: as in :meth:`recommend`.
            exclude: as in :meth:`recommend`.
            where: as in :meth:`recommend`.

        Raises:
            UnknownItemError: the item id is not in the catalogue.
            TypeError, ValueError, FilterError: as in :meth:`recommend`.
        """
        release = self._in_use()
        with self._timed("similar"):
            _check_k(k)
            return release.similar(release.row(item_id), k, release.among(candidates, exclude, where))

    def set_facts(self, facts: Mapping[str, Mapping[str, LiveValue]]) -> None:
        """Set live facts of some items, such as price and stock, in place of the bundle's; other items keep theirs.

        They count in ``where`` and are shown in :attr:`Recommendation.facts`. They are kept in memory until
        :meth:`clear_facts` or :meth:`close`, also over a :meth:`refresh`. Reasons cite the bundle's facts only.

        Args:
            facts: item id to fact to value: a text, a number, True, False or a list of texts; None goes back to the
                bundle's value. Ids that the catalogue lacks have no effect.

        Raises:
            TypeError: an argument is of another type.
            ValueError: a number is not finite, or 10^12 or more. Nothing was set.
        """
        self._in_use()
        self._live.set(facts)

    def clear_facts(self) -> None:
        """Go back to the facts of the bundle."""
        self._in_use()
        self._live.clear()

    def auto_diversity(self, history: Sequence[str] | None = None) -> float:
        """Return the diversity adapted to the latest feedback: higher after dislikes, lower after likes.

        Args:
            history: as in :meth:`recommend`; each item counts as a click.
        """
        self._in_use()
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
        with self._explaining, self._timed("explain"):
            release = self._in_use()
            row = release.row(item_id)
            sequence = release.past_of(history).sequence
            if self._explainer is None:
                self._explainer = release.create_explainer(language_model=self._language_model)
            return self._explainer.explain(row, sequence.tolist(), style)

    def search(self, text: str, limit: int = 10) -> list[Recommendation]:
        """Return the items with these words in title or facts, best match first; ``score`` is the popularity.

        Only the first 200 characters of the text, and their first 16 words, are used. The first call builds the word
        index; only searches wait for it. Retired items are found too, so that a past purchase can be recorded.
        """
        release = self._in_use()
        with self._timed("search"):
            return release.found(text, limit)

    def knows(self, item_id: str) -> bool:
        """Return whether the item is in the catalogue."""
        return item_id in self._in_use().row_of

    def row(self, item_id: str) -> int:
        """Return the catalogue row of an item.

        Raises:
            TypeError: the item id is not a string.
            UnknownItemError: the item id is not in the catalogue; the message suggests similar ones.
        """
        return self._in_use().row(item_id)

    def hint(self, item_id: str) -> str:
        """Return a sentence that suggests the items with an id or title similar to ``item_id``, or an empty string."""
        return self._in_use().hint(item_id)

    def history(self, limit: int | None = None) -> list[Event]:
        """Return the recorded events, newest first."""
        self._in_use()
        return self._history.newest(limit)

    def export_history(self, passphrase: str | None = None) -> bytes:
        """Return the history as a file for another device of the user (:mod:`edge_runtime.state.history_file`).

        Args:
            passphrase: encrypts the file, for which `pocketrec[encryption]` must be installed; None leaves it readable.

        Raises:
            ValueError: the passphrase has fewer than eight characters.
        """
        from edge_runtime.state.history_file import dump_history

        return dump_history(self.history()[::-1], passphrase)

    def import_history(self, data: bytes, passphrase: str | None = None) -> int:
        """Add the events of a file that :meth:`export_history` wrote, by their times; return how many were new.

        Events that the history has already are not added again. Events get new ids.

        Raises:
            StateError: the file is damaged or of another program, or the passphrase is another one; or the state file
                could not be written. Nothing was added.
        """
        from edge_runtime.state.history_file import read_history

        self._in_use()
        events = read_history(data, passphrase)
        return self._history.merge((one.item_id, one.event, one.time) for one in events)

    def count_events(self) -> int:
        """Return the number of recorded events."""
        self._in_use()
        return self._history.count()

    def latest_events(self, item_ids: Sequence[str]) -> dict[str, str]:
        """Return the name of the newest recorded event of each of these items; items without events are left out."""
        self._in_use()
        return self._history.latest_events(item_ids)

    def has_interactions(self) -> bool:
        """Return whether an item of the catalogue was recorded other than as a dislike."""
        return len(self._in_use().recorded.sequence) > 0

    def remove(self, event_id: int) -> bool:
        """Delete one event of the history; return whether it existed."""
        self._in_use()
        return self._history.remove(event_id)

    def forget(self) -> None:
        """Erase the history and everything derived from it.

        Raises:
            StateError: traces may remain, because another process is reading the file; the message says what to do.
        """
        with self._explaining:
            release = self._in_use()
            self._drop_explainer()  # its process holds prompts built from the history
            release.forget()
            self._history.forget()

    def _in_use(self) -> OpenRelease:
        """Return the release in use.

        Raises:
            ClosedError: the recommender was closed.
        """
        if self._is_closed:
            raise ClosedError(
                "the recommender was closed before this call. Open it again, or close it after the last call."
            )
        return self._release

    def _share(self, diversity: Diversity, history: Sequence[str] | None) -> float:
        if diversity != "auto":
            return checked_diversity(diversity)
        return self.auto_diversity(history)

    def _drop_explainer(self) -> None:
        if self._explainer is not None:
            self._explainer.close()
            self._explainer = None

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._timings[name] = _ms_since(started)


def _check_k(k: int) -> None:
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
