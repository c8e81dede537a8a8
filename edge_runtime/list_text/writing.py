"""Writes list texts, piece by piece: with the language model where there is one, else from the template.

Every piece of the model is checked against what the case allows before it is passed on. Where the model fails, the
template completes the text from there.
"""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from edge_runtime.language_model.writer import TextWriter, WriterError
from edge_runtime.list_text.case import ListCase, templated
from edge_runtime.list_text.prompt import prompt

Source = Literal["language model", "template"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a list text; all of them together are the text.

    Attributes:
        text: the piece; it never goes beyond the end of a line.
        item_id: the item that the line is about; None in the opening.
        source: what wrote it.
        note: if the bundle has a language model, why it did not write this piece.
    """

    text: str
    item_id: str | None
    source: Source
    note: str | None = None


def write_text(
    case: ListCase, writer: TextWriter | None, seed: int, *, adapter: str | None = None, note: str | None = None
) -> Generator[Piece, None, None]:
    """Yield the pieces of a list text; closing the iterator cancels it.

    Args:
        case: what it may say.
        writer: the language model; None for the template.
        seed: random seed.
        adapter: name of the adapter of list texts; None if the model needs none.
        note: why there is no writer.
    """
    text = _Text(case)
    if writer is not None:
        try:
            with closing(writer.stream_lines(prompt(case), text.lines, seed, adapter=adapter)) as pieces:
                for piece in pieces:
                    for part in piece.splitlines(keepends=True):
                        yield text.add(part, "language model")
        except WriterError as error:
            note = str(error)
    while not text.is_complete:
        rest = templated(text.alternatives, text.begun, seed, is_opening=text.item_id is None)[len(text.begun) :]
        yield text.add(rest, "template", note)


class _Text:
    """A text that grows, and refuses what its case does not allow."""

    def __init__(self, case: ListCase) -> None:
        self.lines = case.lines()
        self.begun = ""
        self._item_ids = (None, *(entry.item_id for entry in case.entries))
        self._number = 0

    @property
    def is_complete(self) -> bool:
        return self._number == len(self.lines)

    @property
    def alternatives(self) -> tuple[str, ...]:
        """What the line that was begun may be."""
        return self.lines[self._number]

    @property
    def item_id(self) -> str | None:
        return self._item_ids[self._number]

    def add(self, part: str, source: Source, note: str | None = None) -> Piece:
        """Append a part of the line that was begun.

        Raises:
            WriterError: no alternative of the line begins like this.
        """
        if self.is_complete or not any(line.startswith(self.begun + part) for line in self.alternatives):
            raise WriterError("the language model wrote what the facts do not allow")
        piece = Piece(part, self.item_id, source, note)
        self.begun += part
        if self.begun.endswith("\n"):
            self._number, self.begun = self._number + 1, ""
        return piece
