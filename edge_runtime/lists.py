"""The lists of a recommender: of one history or several, of a feed, of similar items, and of a search."""

from collections.abc import Iterable, Sequence

from edge_runtime.arguments import check_string, check_type, check_whole
from edge_runtime.diversity import AUTO_DIVERSITY, N_FEEDBACK, Diversity, adapted_diversity, checked_diversity
from edge_runtime.events import CLICK
from edge_runtime.filters.conditions import Where
from edge_runtime.in_use import ReleaseInUse
from edge_runtime.item_ids import checked_ids
from edge_runtime.recommendation import Recommendation


class Lists(ReleaseInUse):
    """Makes lists; the history is not changed."""

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
        conversation: bool = False,
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
            conversation: True follows what was said with :meth:`Recommender.say` and is on the chips.

        Raises:
            TypeError: an argument is of another type, such as one string in place of a list of ids.
            ValueError: ``k`` is not positive, ``diversity`` is not in [0, 1], or a condition has no values.
            FilterError: ``where`` names a fact that no item has, or compares it with a value of another kind.
        """
        release = self._in_use()
        with self._timed("recommend"):
            check_k(k)
            share = self._share(diversity, history)
            among = release.among(candidates, exclude, where)
            past, talk = release.past_of(history), self._conversation
            if conversation and talk is not None:
                query, hidden = talk.query, talk.hidden
                return release.by_query(past, k, query, hidden, among, include_seen=include_seen, diversity=share)
            return release.ranked(past, k, among, include_seen=include_seen, diversity=share)

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
            check_k(k)
            if isinstance(histories, str):
                raise TypeError("histories must be a list of lists of item ids, got one string. Pass [['item-7']].")
            check_type("histories", histories, Iterable, "a list of lists of item ids", "for example [['item-7']]")
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
            check_k(k)
            return release.similar(release.row(item_id), k, release.among(candidates, exclude, where))

    def search(self, text: str, limit: int = 10) -> list[Recommendation]:
        """Return the items with these words in title or facts, best match first; ``score`` is the popularity.

        Only the first 200 characters of the text, and their first 16 words, are used. The first call builds the word
        index; only searches wait for it. Retired items are found too, so that a past purchase can be recorded.

        Raises:
            TypeError: the text is no string, or the limit no whole number.
        """
        release = self._in_use()
        with self._timed("search"):
            check_string("text", text, "the words to search for")
            check_whole("limit", limit, "for example 10")
            return release.found(text, limit)

    def auto_diversity(self, history: Sequence[str] | None = None) -> float:
        """Return the diversity adapted to the latest feedback: higher after dislikes, lower after likes.

        Args:
            history: as in :meth:`recommend`; each item counts as a click.
        """
        self._in_use()
        if history is not None:
            return adapted_diversity(AUTO_DIVERSITY, [CLICK] * len(history))
        return adapted_diversity(AUTO_DIVERSITY, [event.event for event in self._history.newest(N_FEEDBACK)])

    def _share(self, diversity: Diversity, history: Sequence[str] | None) -> float:
        if diversity != "auto":
            return checked_diversity(diversity)
        return self.auto_diversity(history)


def check_k(k: int) -> None:
    """Check a number of items.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is not positive.
    """
    check_whole("k", k, "for example 10")
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
