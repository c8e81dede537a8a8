"""Explains a recommendation with facts and a sentence from the language model, or from a template as a fallback.

A sentence of either source is used only if it is among the sentences that the facts allow.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.items import Items
from edge_runtime.bundle.manifest import LanguageAdapter, Manifest
from edge_runtime.language_model.client import LlamaWriter, ModelFile
from edge_runtime.language_model.writer import TextWriter, Writer, WriterError
from edge_runtime.list_text import prompt as list_prompt
from edge_runtime.list_text.case import Entry, ListCase
from edge_runtime.list_text.openings import ENGLISH, openings, taste
from edge_runtime.list_text.writing import Piece, write_text
from edge_runtime.reasons.facts import Fact, FactFinder
from edge_runtime.reasons.prompt import LAYOUT, prompt
from edge_runtime.reasons.sentences import sentences, sentences_to_offer
from edge_runtime.reasons.template import template
from edge_runtime.reasons.words import STYLES, Style


@dataclass(frozen=True, slots=True)
class Reason:
    """The explanation of a recommendation.

    Attributes:
        text: one sentence.
        facts: the facts that it cites.
        source: what wrote the sentence.
        note: if the bundle has a language model, why it was not used.
    """

    text: str
    facts: tuple[Fact, ...]
    source: Literal["language model", "template"]
    note: str | None = None


class Explainer:
    """Explains recommendations.

    Args:
        items: titles and facts.
        popularity: uint8 ``[n_items]``.
        model: the GGUF file, or a function that checks its digest and returns it, called immediately before the
            file is loaded; None if the bundle has no language model.
        manifest: the manifest of the bundle; its ``language_model`` names the prompt layout and the context size.
        writer: used instead of a writer that loads ``model``.
        adapters: the adapters that the manifest names, each as ``model``.
    """

    def __init__(
        self,
        items: Items,
        popularity: NDArray[np.uint8],
        model: Path | Callable[[], Path] | None = None,
        manifest: Manifest | None = None,
        writer: Writer | None = None,
        adapters: Mapping[str, ModelFile] = MappingProxyType({}),
    ) -> None:
        self._items = items
        self._finder = FactFinder(items, popularity)
        self._writer = writer
        self._text_writer: TextWriter | None = None
        self._list_adapter: LanguageAdapter | None = None
        self._note: str | None = None
        model_entry = manifest.language_model if manifest is not None else None
        if writer is None and model is not None and model_entry is not None:
            if model_entry.prompt == LAYOUT:
                self._writer = self._text_writer = LlamaWriter(model, context=model_entry.context, adapters=adapters)
                self._list_adapter = model_entry.adapter_for(list_prompt.LAYOUT)
            else:
                self._note = (
                    f"the language model needs the prompt layout {model_entry.prompt!r}, this runtime has {LAYOUT!r}; "
                    "export the bundle again"
                )

    def facts(self, row: int, history_rows: Sequence[int]) -> tuple[Fact, ...]:
        """Return the facts that an explanation of this item may cite, best first."""
        return self._finder.facts(row, history_rows)

    def explain(self, row: int, history_rows: Sequence[int], style: Style = "short") -> Reason:
        """Return the explanation of an item; without a usable language model, it comes from the template.

        Args:
            row: catalogue row of the item.
            history_rows: the user's history, oldest first.
            style: ``short`` cites one fact, ``detailed`` two.

        Raises:
            ValueError: there is no such style.
        """
        if style not in STYLES:
            raise ValueError(f"style must be one of {', '.join(map(repr, STYLES))}, got {style!r}")
        facts = self._finder.facts(row, history_rows)
        allowed = sentences(self._items, row, facts, style)
        note = self._note
        if self._writer is not None and len(offered := sentences_to_offer(allowed, facts)) > 1:
            try:
                text = self._writer.write(prompt(self._items, row, facts, style), offered, seed=row)
            except WriterError as error:
                note = str(error)
            else:
                if text in offered:
                    return Reason(text, allowed[text], "language model")
                note = "the language model wrote a sentence that the facts do not allow"
        text, cited = template(self._items, row, facts, style)
        return Reason(text, cited, "template", note)

    def list_case(
        self, rows: Sequence[int], history_rows: Sequence[int], style: Style = "short", language: str = ENGLISH
    ) -> ListCase:
        """Return what a text about a list may say.

        Args:
            rows: catalogue rows of the items, best first.
            history_rows: the user's history, oldest first.
            style: as in :meth:`explain`.
            language: language of the opening.

        Raises:
            ValueError: there is no such style or language.
        """
        if style not in STYLES:
            raise ValueError(f"style must be one of {', '.join(map(repr, STYLES))}, got {style!r}")
        values = taste(self._items, history_rows)
        entries = [
            Entry(self._items.item_id[row], self._items.title[row], self._reasons(row, history_rows, style))
            for row in rows
        ]
        return ListCase(openings(values, language), tuple(entries), values, style)

    def write_list(self, case: ListCase, seed: int) -> Generator[Piece, None, None]:
        """Yield the pieces of a text about a list; without an adapter for such texts, it comes from the template."""
        if self._text_writer is None or self._list_adapter is None:
            missing = None if self._text_writer is None else "the bundle has no adapter for list texts"
            return write_text(case, None, seed, note=self._note or missing)
        return write_text(case, self._text_writer, seed, adapter=self._list_adapter.name)

    def _reasons(self, row: int, history_rows: Sequence[int], style: Style) -> tuple[str, ...]:
        facts = self._finder.facts(row, history_rows)
        allowed = sentences(self._items, row, facts, style)
        best = template(self._items, row, facts, style)[0]
        return (best, *sentences_to_offer(allowed, facts)) if facts else ()

    def close(self) -> None:
        """Stop the language model, if it was started."""
        if self._writer is not None:
            self._writer.close()
