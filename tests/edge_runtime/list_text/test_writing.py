"""List texts are complete and allowed, whatever the language model does."""

from collections.abc import Generator, Iterator, Sequence
from itertools import islice

import pytest

from edge_runtime.language_model.writer import WriterError
from edge_runtime.list_text.case import Entry, ListCase
from edge_runtime.list_text.writing import Piece, write_text

CASE = ListCase(
    ("You keep coming back to “Aster”. What fits:", "Here is a list for you:"),
    (
        Entry("a", "“Rose Soap”", ("Same maker as your cream", "Same scent as your tea"), is_optional=True),
        Entry("b", "“Mint”", ("Often taken after your tea",), is_optional=True),
        Entry("c", "“Box”", ()),
    ),
)
LINES = CASE.lines()


class Scripted:
    """A writer with given pieces; an exception among them is raised."""

    def __init__(self, *pieces: str | Exception) -> None:
        self.pieces = pieces
        self.adapters: list[str | None] = []
        self.n_read = 0
        self.is_closed = False

    def write(self, prompt: str, choices: tuple[str, ...], seed: int) -> str:
        raise NotImplementedError

    def stream_lines(
        self, prompt: str, lines: Sequence[Sequence[str]], seed: int | None, *, adapter: str | None = None
    ) -> Generator[str, None, None]:
        self.adapters.append(adapter)
        try:
            for piece in self.pieces:
                if isinstance(piece, Exception):
                    raise piece
                self.n_read += 1
                yield piece
        finally:
            self.is_closed = True

    def close(self) -> None:
        pass


def text(pieces: Iterator[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def is_allowed(whole: str) -> bool:
    found = whole.splitlines(keepends=True)
    return len(found) == len(LINES) and all(line in allowed for line, allowed in zip(found, LINES, strict=True))


def test_without_a_model_the_template_says_the_best_reason_of_each_item() -> None:
    pieces = list(write_text(CASE, None, 0, note="no model"))

    assert text(iter(pieces)) == "".join(alternatives[0] for alternatives in LINES)
    assert [piece.item_id for piece in pieces] == [None, "a", "b", "c"]
    assert {(piece.source, piece.note) for piece in pieces} == {("template", "no model")}


def test_the_seed_varies_the_opening_of_the_template() -> None:
    assert {next(write_text(CASE, None, seed)).text for seed in range(4)} == set(LINES[0])


def test_the_pieces_of_the_model_are_passed_on_with_their_items() -> None:
    writer = Scripted("Here is a list", " for you:\n1. “Rose", " Soap”\n2. “Mint”\n3. “Box”\n")

    pieces = list(write_text(CASE, writer, 0, adapter="list"))

    assert text(iter(pieces)) == "Here is a list for you:\n1. “Rose Soap”\n2. “Mint”\n3. “Box”\n"
    assert [piece.item_id for piece in pieces] == [None, None, "a", "a", "b", "c"]
    assert {piece.source for piece in pieces} == {"language model"}
    assert writer.adapters == ["list"]


@pytest.mark.parametrize(
    "lie",
    [
        "It cures baldness.\n",
        "1. “Rose Soap”\n",
        "Here is a list for you:\n2. “Mint”\n",
        "Here is a list for you:\n1. “Rose Soap” \u2013 Often taken after your tea\n",
        "Here is a list for you:\n1. “Rose Soap”\n2. “Mint”\n3. “Box”\n4. “More”\n",
        "Here is a list for you:\r\n",
    ],
)
def test_what_the_facts_do_not_allow_is_never_passed_on(lie: str) -> None:
    pieces = list(write_text(CASE, Scripted(*lie), 0))

    assert is_allowed(text(iter(pieces)))


@pytest.mark.parametrize("n_pieces", range(6))
def test_the_template_completes_a_text_in_which_the_model_fails(n_pieces: int) -> None:
    told = ("Here is", " a list for you:\n", "1. “Rose Soap” \u2013 Same", " scent", " as your tea\n", "2. “Mi")
    pieces = list(write_text(CASE, Scripted(*told[:n_pieces], WriterError("it crashed")), 0))

    assert is_allowed(text(iter(pieces)))
    assert text(iter(pieces)).startswith("".join(told[:n_pieces]))
    assert pieces[-1].note == "it crashed"


def test_a_text_that_the_model_ends_too_early_is_completed() -> None:
    assert is_allowed(text(write_text(CASE, Scripted("Here is a list for you:\n"), 0)))


def test_closing_the_iterator_closes_the_models() -> None:
    writer = Scripted("Here", " is", " a", " list")
    pieces = write_text(CASE, writer, 0)

    assert text(islice(pieces, 2)) == "Here is"
    pieces.close()

    assert writer.is_closed
    assert writer.n_read == 2
