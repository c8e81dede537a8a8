"""The reasons of a recommender's lists, and texts about these."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from edge_runtime.item_ids import checked_ids
from edge_runtime.lists import Lists
from edge_runtime.recommendation import Recommendation

if TYPE_CHECKING:
    from edge_runtime.explainer import Explainer, Listed, Manner, Reason
    from edge_runtime.list_text.writing import Piece
    from edge_runtime.reasons.preference import Choices
    from edge_runtime.reasons.words import Style, Tone


class Explained(Lists):
    """Explains lists, and writes texts about them."""

    def explain(
        self,
        item_id: str,
        *,
        history: Sequence[str] | None = None,
        style: "Style | None" = None,
        tone: "Tone | None" = None,
        language: str = "en",
    ) -> "Reason":
        """Explain why an item is recommended: what of the history its score rests on, and what they have in common.

        The first call starts the language model. If it is missing, slow or fails, a template is used. An item of which
        nothing can be said has a reason without facts.

        Args:
            item_id: the item.
            history: as in :meth:`recommend`.
            style: ``short`` cites one fact, ``detailed`` two. [default: the one that the person chose most often
                (:meth:`choose_reasons`), at first ``short``]
            tone: ``casual`` or ``formal``. [default: as for the style, at first ``casual``]
            language: ``en``, ``de``, ``fr``, ``es`` or ``zh``; the catalogue's own words stay as they are.

        Raises:
            UnknownItemError: the item id is not in the catalogue.
            ValueError: there is no such style, tone or language.
        """
        with self._explaining, self._timed("explain"):
            manner = self._manner(style, tone, language)
            return self._explainer_in_use().explain(self._listed([item_id], history), manner)

    def explain_list(
        self,
        items: Sequence[Recommendation | str],
        *,
        history: Sequence[str] | None = None,
        style: "Style | None" = None,
        tone: "Tone | None" = None,
        language: str = "en",
    ) -> "list[Reason | None]":
        """Explain the items of a list together, so that no two reasons sound alike; None where nothing can be said.

        Args:
            items: what :meth:`recommend` returned, or item ids.
            history: as in :meth:`recommend`; the same as for the list.
            style: as in :meth:`explain`.
            tone: as in :meth:`explain`.
            language: as in :meth:`explain`.

        Raises:
            UnknownItemError: an item id is not in the catalogue.
            ValueError: there is no such style, tone or language.
        """
        with self._explaining, self._timed("explain_list"):
            manner = self._manner(style, tone, language)
            ids = [item if isinstance(item, str) else item.item_id for item in items]
            return self._explainer_in_use().explain_list(self._listed(ids, history), manner)

    def _manner(self, style: "Style | None", tone: "Tone | None", language: str) -> "Manner":
        from edge_runtime.explainer import Manner
        from edge_runtime.reasons.preference import read_choices

        self._in_use()
        choices = read_choices(self._history) if style is None or tone is None else None
        style = style or (choices and choices.style) or "short"
        return Manner(style, tone or (choices and choices.tone) or "casual", language)

    @property
    def reason_choices(self) -> "Choices":
        """The newest styles and tones that the person has chosen for reasons (:meth:`choose_reasons`)."""
        from edge_runtime.reasons.preference import read_choices

        self._in_use()
        return read_choices(self._history)

    def choose_reasons(self, *, style: "Style | None" = None, tone: "Tone | None" = None) -> None:
        """Note that the person chose a style or a tone of reasons; what is chosen most often becomes the default.

        The ten newest choices of each count. They are kept with the history, and erased by :meth:`forget`. A style or
        tone that an app passes to :meth:`explain` is not counted.

        Args:
            style: ``short`` or ``detailed``.
            tone: ``casual`` or ``formal``.

        Raises:
            ValueError: there is no such style or tone.
            StateError: the choice could not be saved.
        """
        from edge_runtime.explainer import Manner
        from edge_runtime.reasons.preference import add_choice

        self._in_use()
        Manner(style or "short", tone or "casual")
        add_choice(self._history, style, tone)

    def _explainer_in_use(self) -> "Explainer":
        release = self._in_use()
        if self._explainer is None:
            self._explainer = release.create_explainer(language_model=self._language_model)
        return self._explainer

    def _listed(self, item_ids: Sequence[str], history: Sequence[str] | None) -> "Listed":
        """Return a list with the evidence for its items."""
        from edge_runtime.explainer import Listed

        release = self._in_use()
        rows = [release.row(item_id) for item_id in item_ids]
        evidence = release.evidence(release.past_of(history), rows)
        if history is not None:
            return Listed(rows, evidence)
        id_of = {release.items.item_id[past]: past for past in evidence.pasts}
        latest = self._history.latest_events(list(id_of))
        return Listed(rows, evidence, {id_of[item_id]: event for item_id, event in latest.items()})

    def write_list(
        self,
        items: Sequence[Recommendation | str],
        *,
        history: Sequence[str] | None = None,
        style: "Style | None" = None,
        tone: "Tone | None" = None,
        language: str = "en",
        seed: int = 0,
    ) -> "Iterator[Piece]":
        """Yield a text about a list, piece by piece: an opening, then a line for each item with a reason or without.

        The language model words it if the bundle has an adapter for such texts, else a template does. The text has
        each item once, in the given order, and only sentences that the facts allow. Close the iterator when the list
        changes: the language model stops within a token. Any later text or reason ends this one too; what was written
        so far is then completed by the template. After :meth:`forget` and :meth:`close` nothing more is yielded.

        Args:
            items: what :meth:`recommend` returned, or item ids; without duplicates.
            history: as in :meth:`recommend`; the same as for the list.
            style: as in :meth:`explain`.
            tone: as in :meth:`explain`.
            language: as in :meth:`explain`.
            seed: another seed gives another wording.

        Raises:
            UnknownItemError: an item id is not in the catalogue.
            ValueError: an item is there twice, or there is no such style, tone or language.
        """
        with self._explaining, self._timed("write_list"):
            ids = checked_ids("items", [item if isinstance(item, str) else item.item_id for item in items])
            if len(set(ids)) != len(ids):
                raise ValueError("items must be without duplicates; pass each item once")
            listed, manner = self._listed(ids, history), self._manner(style, tone, language)
            explainer = self._explainer_in_use()
            case = explainer.list_case(listed, manner)
        return self._while_in_use(explainer, explainer.write_list(case, seed))

    def _while_in_use(self, explainer: "Explainer", pieces: "Generator[Piece, None, None]") -> "Iterator[Piece]":
        """Yield pieces until the explainer that writes them is dropped."""
        with closing(pieces):
            for piece in pieces:
                if self._explainer is not explainer or self._is_closed:
                    return
                yield piece
