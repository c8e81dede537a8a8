"""An open release: everything that is computed from one bundle, without the user's recorded history."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.arguments import check_string
from edge_runtime.bundle.manifest import Manifest
from edge_runtime.bundle.pictures import Pictures
from edge_runtime.contents import Contents
from edge_runtime.dislikes import DislikePenalty
from edge_runtime.diversity import POOL, diversified_rows
from edge_runtime.engines.candidates import EngineCandidates
from edge_runtime.engines.protocol import Floats, SmallMatrices
from edge_runtime.errors import UnknownItemError
from edge_runtime.filters.conditions import Where, checked_where
from edge_runtime.filters.live import LiveFacts, with_live
from edge_runtime.filters.table import FactTable
from edge_runtime.history_rows import GivenHistory, HistoryRows, RecordedHistory
from edge_runtime.item_ids import checked_ids, rows_of
from edge_runtime.learning.knowledge_switch import KnowledgeSwitch
from edge_runtime.ranking import Rows, best_rows
from edge_runtime.recommendation import Recommendation
from edge_runtime.similar import Cosines
from edge_runtime.state.history import History
from edge_runtime.transitions import FACTOR, combined_scores

if TYPE_CHECKING:
    from edge_runtime.conversation.hearing import Hearing
    from edge_runtime.conversation.query import Query
    from edge_runtime.explainer import Explainer
    from edge_runtime.language_model.client import ModelFile
    from edge_runtime.learning.personal import PersonalLearner
    from edge_runtime.reasons.evidence import Evidence
    from edge_runtime.search.finder import Finder

_MAX_SHOWN = 256  # characters of an id in a message


class OpenRelease:
    """Ranks and describes the items of one bundle; threads may share it.

    Args:
        contents: the bundle in memory.
        engines: its engines, of which one is selected.
        history: where the recorded history is read from.
        live: facts that replace those of the bundle.

    Attributes:
        manifest: of the bundle.
        items: names and facts; row ``i`` is catalogue row ``i``.
        recorded: the recorded history as rows of this catalogue.
    """

    def __init__(self, contents: Contents, engines: EngineCandidates, history: History, live: LiveFacts) -> None:
        self.contents = contents
        self.engines = engines
        self.manifest: Manifest = contents.folder.manifest
        self.items = contents.items
        self.row_of = contents.table.row_of
        self.recorded = RecordedHistory(
            history, contents.items.item_id, self.row_of, self.manifest.encoder.max_length, contents.retired
        )
        self._history = history
        self._cosines = Cosines(contents.codes)
        self._dislike_penalty = DislikePenalty(self._cosines)
        self._live = live
        self._facts = FactTable(contents.items, self.row_of, live)
        self._finder: Finder | None = None
        self._hearing: Hearing | None = None
        self._pictures: Pictures | None = None
        self._encoding = threading.Lock()
        self._beginning = threading.Lock()
        self._indexing = threading.Lock()  # separate: lists must not wait for the search index or the pictures
        self._reading = threading.Lock()
        self._learner: PersonalLearner | None = None
        self._epoch: tuple[int, int] | None = None
        self.forget()
        self.adapt()

    @property
    def learner(self) -> "PersonalLearner":
        """What learns from the recorded history."""
        from edge_runtime.learning.personal import PersonalLearner  # not at opening: most bundles and calls need none

        with self._beginning:
            if self._learner is None:
                self._learner = PersonalLearner(self.contents, self.engines, self._encode, self._history)
            return self._learner

    def forget(self) -> None:
        """Drop what was derived from histories, and is not in the state file."""
        if self._learner is not None:
            self._learner.drop()
        with self._encoding:
            self._knowledge = KnowledgeSwitch(self.contents.codes, self.contents.small, self.engines.encode)
            self._adapted, self._factor = self._knowledge, FACTOR

    def adapt(self) -> None:
        """Use the adapter that is in the state file now for the recorded history, if it helps; else the bundle's."""
        self._epoch = self._history.epoch()  # before it is read: what is written from here on is read again
        personal = None if self.manifest.learning is None else self.learner.adapter()
        codes, small = self.contents.codes, self.contents.small
        with self._encoding:
            self._adapted, self._factor = self._knowledge, FACTOR
            if personal is not None:
                small = replace(small, adapter_b=personal.added_to(small.adapter_b))
                self._adapted, self._factor = KnowledgeSwitch(codes, small, self.engines.encode), personal.factor

    def past_of(self, history: Iterable[str] | None) -> HistoryRows:
        """Return the given history as catalogue rows, or the recorded one."""
        if history is None:
            return self.recorded
        return GivenHistory.of_ids(history, self.row_of, self.manifest.encoder.max_length, self.contents.retired)

    def among(self, candidates: Iterable[str] | None, exclude: Iterable[str], where: Where | None) -> Rows | None:
        """Return the rows that a list may choose from, ascending; None for all.

        Raises:
            TypeError: an argument is of another type.
            FilterError: the filter does not fit the facts.
        """
        excluded = checked_ids("exclude", exclude)
        if candidates is None and not excluded and where is None:
            return None
        mask = np.ones(len(self.items.item_id), dtype=bool)
        if where is not None:
            mask = self._facts.holds(checked_where(where))
        if candidates is not None:
            chosen = np.zeros_like(mask)
            chosen[rows_of(checked_ids("candidates", candidates), self.row_of)] = True
            mask &= chosen
        mask[rows_of(excluded, self.row_of)] = False
        return np.flatnonzero(mask)

    def ranked(
        self,
        past: HistoryRows,
        k: int,
        among: Rows | None,
        *,
        include_seen: bool,
        diversity: float,
        shift: Callable[[Floats], Floats] | None = None,
    ) -> list[Recommendation]:
        """Return the ``k`` best items, best first.

        Args:
            past: the user's history.
            k: number of items, at least 1.
            among: rows to choose from, ascending; None for all.
            include_seen: as in :meth:`HistoryRows.best`.
            diversity: in [0, 1].
            shift: returns the scores that count in place of the given ones, ``[n_items]``.
        """
        scores = self.scores(past)
        if shift is not None:
            scores = shift(scores)
        n_best = max(POOL, k) if diversity > 0 else k
        rows = past.best(scores, n_best, among, include_seen=include_seen)
        if diversity > 0:
            rows = diversified_rows(self.contents.codes, scores, rows, k, diversity)
        return self.listed(rows, scores)

    def by_query(
        self,
        past: HistoryRows,
        k: int,
        query: "Query",
        hidden: Iterable[str],
        among: Rows | None = None,
        *,
        include_seen: bool = False,
        diversity: float = 0.0,
    ) -> list[Recommendation]:
        """Return the ``k`` best items by a query of a conversation, best first; arguments as for :meth:`ranked`.

        Args:
            past: the user's history.
            k: number of items, at least 1.
            query: what was said.
            hidden: ids of items to leave out.
            among: rows to choose from, ascending; None for all.
            include_seen: as in :meth:`HistoryRows.best`.
            diversity: in [0, 1]; the query may ask for more.
        """
        application = self.hearing().application
        mask = application.allowed(query)
        mask[rows_of(hidden, self.row_of)] = False
        rows = np.flatnonzero(mask) if among is None else among[mask[among]]
        best = partial(past.best, among=rows, include_seen=include_seen)
        return self.ranked(
            past,
            k,
            rows,
            include_seen=include_seen,
            diversity=max(diversity, query.variety or 0.0),
            shift=lambda scores: application.shifted(scores, query, best),
        )

    def reranked(self, past: HistoryRows, candidates: Iterable[str], diversity: float) -> list[Recommendation]:
        """Return all candidates that are known, neither retired nor disliked, best first; ties keep their order."""
        given = np.array(rows_of(checked_ids("candidates", candidates), self.row_of), dtype=np.int64)
        scores = np.zeros(len(self.items.item_id), dtype=np.float32)
        if len(past.sequence) or len(past.disliked):
            scores = self.scores(past)
        allowed = past.best(scores, max(1, len(given)), np.sort(given), include_seen=True)
        kept = given[np.isin(given, allowed)]
        rows = kept[np.argsort(-scores[kept], kind="stable")]
        if diversity > 0:
            rows = diversified_rows(self.contents.codes, scores, rows, len(rows), diversity)
        return self.listed(rows, scores)

    def similar(self, row: int, k: int, among: Rows | None) -> list[Recommendation]:
        """Return the ``k`` items most similar to an item, best first; ``score`` is the cosine."""
        cosines = self._cosines.of(self._cosines.vectors(np.array([row]))[0])
        return self.listed(best_rows(cosines, k, np.append(self.contents.retired, row), among), cosines)

    def listed(self, rows: Rows, scores: Floats) -> list[Recommendation]:
        """Return the entries of a list."""
        item_ids, titles = self.items.item_id, self.items.title
        return [
            Recommendation(rank, item_ids[row], titles[row], float(scores[row]), row, self)
            for rank, row in enumerate(rows.tolist(), start=1)
        ]

    def scores(self, past: HistoryRows) -> Floats:
        """Return the score of every item; without a usable engine or transitions, or a history, the popularity."""
        scores = self._scores_after(past.sequence, is_own=past is self.recorded) if len(past.sequence) else None
        return self._dislike_penalty.apply(self.contents.popularity.scores if scores is None else scores, past.disliked)

    def evidence(self, past: HistoryRows, rows: Sequence[int]) -> "Evidence":
        """Return what the scores of some items rest on; without a usable engine or transitions, on nothing.

        Dislikes lower scores by the same amount with and without an event, and are left out.
        """
        from edge_runtime.reasons.evidence import Evidence, find_evidence  # not at opening: many calls need none

        is_own, sequence = past is self.recorded, past.sequence
        is_single = len(sequence) > 0 and bool((sequence == sequence[0]).all())
        if not len(sequence) or (is_single and self._scores_after(sequence, is_own=is_own) is None):
            return Evidence((), (), tuple(() for _ in rows))

        def score(shortened: Rows) -> Floats:
            scores = self._scores_after(shortened, is_own=is_own, history=sequence)
            return self.contents.popularity.scores if scores is None else scores  # then no event makes a difference

        return find_evidence(sequence, rows, score)

    def _scores_after(self, sequence: Rows, *, is_own: bool, history: Rows | None = None) -> Floats | None:
        """Return the score of every item after a non-empty sequence; None without a usable engine or transitions.

        Args:
            sequence: rows, oldest first.
            is_own: whether they are of the recorded history.
            history: as in :meth:`KnowledgeSwitch.encode`.
        """
        if is_own and self.manifest.learning is not None and self._epoch != self._history.epoch():
            self.adapt()  # another process may have learned something, forgotten it, or switched learning off
        with self._encoding:
            # What was learned from the recorded history says nothing about another person's.
            state = (self._adapted if is_own else self._knowledge).encode(sequence, history)
            factor = self._factor if is_own else FACTOR
        return combined_scores(self.contents.codes, state, self.engines.transitions, sequence, factor)

    def _encode(self, vectors: Floats, small: SmallMatrices) -> Floats | None:
        with self._encoding:
            return self.engines.encode(vectors, small)

    def found(self, text: str, limit: int) -> list[Recommendation]:
        """Return the items that match a text, best match first; ``score`` is the popularity."""
        rows = self._search_index().find(text, limit)
        return self.listed(np.array(rows, dtype=np.int64), self.contents.popularity.scores)

    def _search_index(self) -> "Finder":
        from edge_runtime.search.finder import Finder  # not at opening: it compiles large patterns

        with self._indexing:
            if self._finder is None:
                self._finder = Finder(self.items, self.contents.popularity.levels, self.contents.table.words)
            return self._finder

    def hearing(self) -> "Hearing":
        """Return what understands sentences about the items; the first call builds the indices that it needs."""
        from edge_runtime.conversation.apply import Application  # not at opening: most apps need none
        from edge_runtime.conversation.hearing import Hearing

        finder = self._search_index()
        with self._indexing:
            if self._hearing is None:
                spaces = [self._cosines]
                transitions = self.contents.transitions
                if transitions is not None and transitions.compared is not self.contents.codes:
                    spaces.append(Cosines(transitions.compared))
                applied = Application(len(self.items.item_id), self.row_of.get, self._facts, finder, spaces)
                self._hearing = Hearing(self, finder, applied, lambda: self._live.names)
            return self._hearing

    def facts(self, row: int) -> dict[str, list[str]]:
        """Return the facts of an item, with the live ones in place of the bundle's."""
        return with_live(self.items.facts(row), self._live.of(self.items.item_id[row]))

    def picture(self, row: int) -> bytes | None:
        """Return the picture of an item, or None; the first call reads those of all items."""
        if self.manifest.role("pictures") is None:
            return None
        with self._reading:
            if self._pictures is None:
                arrays = self.contents.folder.arrays("pictures")
                self._pictures = Pictures.open(arrays, self.manifest.catalogue.n_items)
        return self._pictures.of(row) or None

    def row(self, item_id: str) -> int:
        """Return the catalogue row of an item.

        Raises:
            TypeError: the item id is not a string.
            UnknownItemError: the item id is not in the catalogue; the message suggests similar ones.
        """
        check_string("an item id", item_id, "the id that the catalogue has, such as 'item-7'")
        row = self.row_of.get(item_id)
        if row is None:
            raise UnknownItemError(
                f"{_shortened(item_id)!r} is not in the catalogue of {self.manifest.name!r}.{self.hint(item_id)}"
            )
        return row

    def hint(self, item_id: str) -> str:
        """Return a sentence that suggests the items with an id or title similar to ``item_id``, or an empty string."""
        from edge_runtime.nearest import N_COMPARED, nearest_items  # not at opening: most calls know their ids

        popular = best_rows(self.contents.popularity.scores, N_COMPARED)
        near = nearest_items(item_id, (self.items.item_id, self.items.title), self.row_of, popular.tolist())
        named = ", ".join(f"{self.items.item_id[row]!r} ({self.items.title[row]})" for row in near)
        return f" Did you mean {named}?" if near else ""

    def create_explainer(self, *, language_model: bool) -> "Explainer":
        """Return what gives the reasons; the caller closes it."""
        from edge_runtime.explainer import Explainer

        folder = self.contents.folder
        model_entry = self.manifest.language_model if language_model else None
        model: Callable[[], Path] | None = None
        adapters: dict[str, ModelFile] = {}
        if model_entry is not None:
            model = partial(folder.checked_path, self.manifest.file(model_entry.file))
            adapters = {
                adapter.name: partial(folder.checked_path, self.manifest.file(adapter.file))
                for adapter in model_entry.adapters
            }
        transitions = self.contents.transitions
        table = None if transitions is None else transitions.table
        levels = self.contents.popularity.levels
        return Explainer(self.items, levels, table, model, self.manifest, adapters=adapters)


def _shortened(item_id: str) -> str:
    return item_id if len(item_id) <= _MAX_SHOWN else item_id[:_MAX_SHOWN] + "…"
