"""Why this item: facts, then a sentence from the language model, or from the template where there is none.

Whoever wrote the sentence, it is said only if it stands among the sentences that the true facts allow.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.items import Items
from edge_runtime.bundle.manifest import Manifest
from edge_runtime.engines.llama_client import LlamaWriter
from edge_runtime.reasons.facts import Fact, FactFinder
from edge_runtime.reasons.prompt import LAYOUT, prompt
from edge_runtime.reasons.sentences import sentences, worth_offering
from edge_runtime.reasons.template import template
from edge_runtime.reasons.words import Style
from edge_runtime.reasons.writer import Reason, Writer, WriterError


class Explainer:
    """Gives each recommendation a true reason.

    Args:
        items: names and facts.
        popularity: uint8 ``[n_items]``.
        model: the GGUF file, or a function that checks its digest and returns it, called immediately before the
            file is loaded; None where the bundle has no language model.
        manifest: of the bundle; its ``language_model`` says how the model is asked.
        writer: in place of the one that loads ``model``.
    """

    def __init__(
        self,
        items: Items,
        popularity: NDArray[np.uint8],
        model: Path | Callable[[], Path] | None = None,
        manifest: Manifest | None = None,
        writer: Writer | None = None,
    ) -> None:
        self._items = items
        self._finder = FactFinder(items, popularity)
        self._writer = writer
        self._note: str | None = None
        told = manifest.language_model if manifest is not None else None
        if writer is None and model is not None and told is not None:
            if told.prompt == LAYOUT:
                self._writer = LlamaWriter(model, context=told.context)
            else:
                self._note = f"the language model wants the prompt layout {told.prompt!r}, this runtime has {LAYOUT!r}"

    def facts(self, row: int, history_rows: Sequence[int]) -> tuple[Fact, ...]:
        """Return everything that a reason for this item may cite, the best first."""
        return self._finder.facts(row, history_rows)

    def explain(self, row: int, history_rows: Sequence[int], style: Style = "short") -> Reason:
        """Return the reason for an item; never fails for want of a language model.

        Args:
            row: the item.
            history_rows: the person's history, oldest first.
            style: one fact, or two.
        """
        facts = self._finder.facts(row, history_rows)
        allowed = sentences(self._items, row, facts, style)
        note = self._note
        if self._writer is not None and len(offered := worth_offering(allowed, facts)) > 1:
            try:
                text = self._writer.write(prompt(self._items, row, facts, style), offered, seed=row)
            except WriterError as error:
                note = str(error)
            else:
                if text in offered:
                    return Reason(text, allowed[text], "language model")
                note = "the language model wrote something else than the facts allow"
        text, cited = template(self._items, row, facts, style)
        return Reason(text, cited, "template", note)

    def close(self) -> None:
        """Stop the language model, if it was started."""
        if self._writer is not None:
            self._writer.close()
