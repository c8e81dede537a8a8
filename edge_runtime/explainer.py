"""Explains recommendations: evidence decides what may be said, phrases or the language model decide how.

A sentence of either source is used only if it is among the wordings that the evidence allows.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.items import Items
from edge_runtime.bundle.manifest import SHOP, LanguageAdapter, Manifest
from edge_runtime.bundle.transitions import Transitions
from edge_runtime.language_model.client import LlamaWriter, ModelFile
from edge_runtime.language_model.writer import TextWriter, Writer, WriterError
from edge_runtime.reasons.assignment import Assigner
from edge_runtime.reasons.claims import Claim, claims_of_list
from edge_runtime.reasons.evidence import Evidence
from edge_runtime.reasons.facts import Fact, FactFinder
from edge_runtime.reasons.names import short_names
from edge_runtime.reasons.phrasebook import ENGLISH, phrases_of
from edge_runtime.reasons.prompt import LAYOUT, prompt
from edge_runtime.reasons.wordings import Speaker, Wording
from edge_runtime.reasons.words import STYLES, TONES, Style, Tone

if TYPE_CHECKING:
    from edge_runtime.list_text.case import ListCase
    from edge_runtime.list_text.writing import Piece

_NOT_ALLOWED: Final = "the language model wrote a sentence that the facts do not allow"


@dataclass(frozen=True, slots=True)
class Reason:
    """The explanation of a recommendation.

    Attributes:
        text: one sentence, without a full stop.
        facts: the facts that it cites.
        source: what wrote the sentence.
        note: if the bundle has a language model, why it was not used.
        language: the language of the sentence.
    """

    text: str
    facts: tuple[Fact, ...]
    source: Literal["language model", "template"]
    note: str | None = None
    language: str = ENGLISH


@dataclass(frozen=True, slots=True)
class Manner:
    """How reasons are said.

    Attributes:
        style: ``short`` cites one fact; ``detailed`` two, where there are two.
        tone: ``casual`` or ``formal``.
        language: one of :data:`edge_runtime.reasons.phrasebook.LANGUAGES`.

    Raises:
        ValueError: there is no such style, tone or language.
    """

    style: Style = "short"
    tone: Tone = "casual"
    language: str = ENGLISH

    def __post_init__(self) -> None:
        _check("style", self.style, STYLES)
        _check("tone", self.tone, TONES)
        phrases_of(self.language)


@dataclass(frozen=True, slots=True)
class Listed:
    """A list to explain.

    Attributes:
        rows: catalogue rows of its items, best first.
        evidence: what the scores of these items rest on.
        events: row of the history to the name of its newest event, where that is known.
    """

    rows: Sequence[int]
    evidence: Evidence
    events: Mapping[int, str] = field(default_factory=dict)


class Explainer:
    """Explains recommendations.

    Args:
        items: titles and facts.
        popularity: uint8 ``[n_items]``.
        transitions: which items follow which; None for a bundle without.
        model: the GGUF file, or a function that checks its digest and returns it, called immediately before the
            file is loaded; None if the bundle has no language model.
        manifest: the manifest of the bundle; its ``language_model`` names the prompt layout and the context size.
        writer: used instead of a writer that loads ``model``.
        adapters: the adapters that the manifest names, each as ``model``.
        kind: the kind of catalogue, if not the manifest's; without both, a shop.
    """

    def __init__(
        self,
        items: Items,
        popularity: NDArray[np.uint8],
        transitions: Transitions | None = None,
        model: Path | Callable[[], Path] | None = None,
        manifest: Manifest | None = None,
        writer: Writer | None = None,
        adapters: Mapping[str, ModelFile] = MappingProxyType({}),
        kind: str | None = None,
    ) -> None:
        self._kind = kind or (SHOP if manifest is None else manifest.kind)
        self._items = items
        self._finder = FactFinder(items, popularity, transitions)
        self._writer = writer
        self._text_writer: TextWriter | None = None
        self._adapters: tuple[LanguageAdapter, ...] = ()
        self._note: str | None = None
        model_entry = manifest.language_model if manifest is not None else None
        if writer is None and model is not None and model_entry is not None:
            if model_entry.prompt == LAYOUT:
                self._writer = self._text_writer = LlamaWriter(model, context=model_entry.context, adapters=adapters)
                self._adapters = model_entry.adapters
            else:
                self._note = (
                    f"the language model needs the prompt layout {model_entry.prompt!r}, this runtime has {LAYOUT!r}; "
                    "export the bundle again"
                )

    def claims(self, listed: Listed) -> list[list[Claim]]:
        """Return what may be said about each item of a list, best first."""
        names = short_names(self._finder, listed.evidence.pasts, listed.evidence.older)
        return claims_of_list(self._finder, listed.rows, listed.evidence, frozenset(names))

    def speaker(self, listed: Listed, manner: Manner) -> Speaker:
        """Return what puts the claims about a list into words."""
        names = short_names(self._finder, listed.evidence.pasts, listed.evidence.older)
        return Speaker(phrases_of(manner.language), manner.style, manner.tone, names, listed.events, self._kind)

    def explain_list(self, listed: Listed, manner: Manner | None = None) -> list[Reason | None]:
        """Return the explanation of each item of a list, no two of which sound alike while there are other wordings.

        Without a usable language model the wordings are chosen by the item's row. An item of which nothing can be said
        has None.
        """
        manner = manner or Manner()
        speaker, assigner = self.speaker(listed, manner), Assigner()
        reasons: list[Reason | None] = []
        for row, claims in zip(listed.rows, self.claims(listed), strict=True):
            choices = assigner.choices(speaker, row, claims)
            if not choices:
                reasons.append(None)
                continue
            wording, source, note = self._worded(row, choices, speaker)
            assigner.say(wording)
            reasons.append(Reason(wording.text, wording.facts, source, note, manner.language))
        return reasons

    def explain(self, listed: Listed, manner: Manner | None = None) -> Reason:
        """Return the explanation of a single item; where nothing can be said of it, one that cites no fact."""
        manner = manner or Manner()
        reason = self.explain_list(listed, manner)[0]
        nothing = phrases_of(manner.language).nothing[manner.tone]
        return reason or Reason(nothing[listed.rows[0] % len(nothing)], (), "template", self._note, manner.language)

    def list_case(self, listed: Listed, manner: Manner | None = None) -> "ListCase":
        """Return what a text about a list may say: of each item, what :meth:`explain_list` would choose from."""
        from edge_runtime.list_text.cases import list_case

        manner = manner or Manner()
        history = [*listed.evidence.pasts, *listed.evidence.older]
        return list_case(self._finder, listed.rows, self.claims(listed), self.speaker(listed, manner), history)

    def write_list(self, case: "ListCase", seed: int) -> "Generator[Piece, None, None]":
        """Yield the pieces of a text about a list; without an adapter for such texts, it comes from the template."""
        from edge_runtime.list_text.prompt import LAYOUT as LIST_LAYOUT  # most bundles have no texts of lists
        from edge_runtime.list_text.writing import write_text

        found = self.writer_for(LIST_LAYOUT)
        if found is None:
            missing = None if self._text_writer is None else "the bundle has no adapter for list texts"
            return write_text(case, None, seed, note=self._note or missing)
        writer, adapter = found
        return write_text(case, writer, seed, adapter=adapter)

    def writer_for(self, layout: str) -> tuple[TextWriter, str] | None:
        """Return the language model, and the name of its adapter for a prompt layout; None if it has none."""
        name = next((adapter.name for adapter in self._adapters if adapter.prompt == layout), None)
        return None if self._text_writer is None or name is None else (self._text_writer, name)

    def _worded(
        self, row: int, choices: Sequence[Wording], speaker: Speaker
    ) -> tuple[Wording, Literal["language model", "template"], str | None]:
        """Return one of the wordings, who chose it, and why the language model did not."""
        if self._writer is None or len(choices) < 2 or speaker.phrases.language != ENGLISH:
            return choices[0], "template", self._note
        by_text = {wording.text: wording for wording in choices}
        try:
            text = self._writer.write(prompt(self._items, row, choices[0].facts, speaker), tuple(by_text), seed=row)
        except WriterError as error:
            return choices[0], "template", str(error)
        chosen = by_text.get(text)
        return (chosen, "language model", None) if chosen else (choices[0], "template", _NOT_ALLOWED)

    def close(self) -> None:
        """Stop the language model, if it was started."""
        if self._writer is not None:
            self._writer.close()


def _check(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, got {value!r}")
