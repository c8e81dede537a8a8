"""What every call of a recommender shares: the release in use, the history, closing, and the times of calls."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Self

from edge_runtime.bundle.folder import open_folder
from edge_runtime.bundle.items import Items
from edge_runtime.bundle.manifest import Manifest
from edge_runtime.contents import Contents, open_contents
from edge_runtime.device_folder import current_bundle
from edge_runtime.engines.candidates import EngineCandidates, Refusal, SelfTest
from edge_runtime.engines.protocol import Engine
from edge_runtime.engines.timing import EngineTime
from edge_runtime.errors import ClosedError
from edge_runtime.filters.live import LiveFacts, LiveValue
from edge_runtime.opened import OpenRelease
from edge_runtime.paths import AnyPath
from edge_runtime.state.history import History

if TYPE_CHECKING:
    from edge_runtime.conversation.decider import Decider
    from edge_runtime.conversation.hearing import ParserName
    from edge_runtime.conversation.talk import Conversation
    from edge_runtime.explainer import Explainer
    from edge_runtime.learning.status import LearningStatus


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


class ReleaseInUse:
    """One release with the user's history; :meth:`refresh` goes over to a newer one, :meth:`close` ends its use."""

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
        self._conversation: Conversation | None = None
        self._parser: ParserName = "rules"
        self._asked: Decider | None = None  # asks the language model about sentences
        self._talking = threading.Lock()
        self._explaining = threading.Lock()  # separate from other locks: lists must not wait for the language model
        self._timings: dict[str, float] = {}

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

    @property
    def learning(self) -> "LearningStatus":
        """Whether the lists are adapted to the user, and why."""
        return self._in_use().learner.status()

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

    def _drop_explainer(self) -> None:
        if self._explainer is not None:
            self._explainer.close()
            self._explainer = None

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._timings[name] = ms_since(started)


def ms_since(started: float) -> float:
    """Return the milliseconds since a value of :func:`time.perf_counter`."""
    return (time.perf_counter() - started) * 1000
