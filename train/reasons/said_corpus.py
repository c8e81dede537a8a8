"""The training corpus of the conversation, in the layout ``said-v1``: sentences made from a catalogue and frames.

The frames (``frames.toml``) are filled with values of facts, words of titles, words that mean values, and everyday
words. What the catalogue has in a sentence beyond its slots is talk, so that the model also learns what is no name.
"""

import random
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.items import Items
from edge_runtime.conversation.decisions import MAX_NAMES, Asked, Decision, Role, names_of, prompt, text_of
from edge_runtime.conversation.lexicon import Lexicon
from edge_runtime.conversation.scanning import Element, scan
from edge_runtime.conversation.tokens import tokens_of
from edge_runtime.conversation.words import phrases, words
from edge_runtime.search.finder import Finder

_SHARES: Final[dict[Asked | str, float]] = {"items": 0.5, "nothing": 0.35}
"""Of the sentences; the rest is shared by what else may be asked for."""

_SHARE_JOINED: Final = 0.25
"""Of the sentences, of which another one follows."""
_SHARE_CAPITAL: Final = 0.3
_SHARE_MISSPELT: Final = 0.06
_JOINTS: Final = (", ", ". ", " ", " - ", "! ", " and ", "; ")
_LONGEST: Final = 24
"""Maximum number of characters of a word of a title, and of a value times two."""
_WHOLE: Final = ("want", "not", "prefer")


@dataclass(frozen=True, slots=True)
class SaidExample:
    """An example of the corpus.

    Attributes:
        text: the sentence.
        prompt: prompt in the layout ``said-v1``.
        pieces: the decision as text, in pieces that are certain or decided.
    """

    text: str
    prompt: str
    pieces: tuple[tuple[str, bool], ...]

    @property
    def reason(self) -> str:
        """The decision as text."""
        return "".join(text for text, _ in self.pieces)


Piece = tuple[str, Role | None]
"""A part of a sentence, and what its names are; None for no slot."""


def make_said_corpus(items: Items, popularity: NDArray[np.uint8], n_examples: int, seed: int) -> Iterator[SaidExample]:
    """Yield examples; arguments are those of :func:`train.reasons.corpus.make_corpus`."""
    maker = _Maker(items, popularity, random.Random(seed))  # noqa: S311 - a corpus, not a secret
    n_made = 0
    while n_made < n_examples:
        example = maker.example()
        if example is not None:
            n_made += 1
            yield example


@cache
def _frames() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads(files("train.reasons").joinpath("frames.toml").read_text("utf-8"))


class _Maker:
    """Fills frames with the names of one catalogue."""

    def __init__(self, items: Items, popularity: NDArray[np.uint8], chance: random.Random) -> None:
        self._chance = chance
        self._lexicon = Lexicon(items, Finder(items, popularity), phrases("en"))
        self._values = [
            [value for value in field.values if len(value) <= 2 * _LONGEST]
            for name, field in items.fields.items()
            if name not in self._lexicon.numeric
        ]
        self._values = [values for values in self._values if values]
        self._titles = items.title
        spoken = words("en")
        self._kin = [one for one in [*spoken.same, *spoken.related] if self._names(one)]
        self._everyday = sorted(spoken.ordinary)
        frames = _frames()
        self._fillers = frames["words"]
        self._of = {name: part["frames"] for name, part in frames.items() if name != "words"}

    def example(self) -> SaidExample | None:
        """Return an example; None for a sentence with too many names."""
        asked = self._asked()
        pieces = self._filled(asked)
        if self._chance.random() < _SHARE_JOINED:
            asked, pieces = self._joined(asked, pieces)
        text, roles = self._said(pieces)
        elements = scan(tokens_of(text), self._lexicon)
        decided = _roles(elements, roles)
        if len(decided) > MAX_NAMES:
            return None
        if asked == "items" and all(role == "talk" for role in decided):
            return None  # no name of the slots was found
        return SaidExample(
            text, prompt(elements, self._lexicon), _pieces(text_of(Decision(decided, asked), elements, self._lexicon))
        )

    def _asked(self) -> Asked:
        others = [name for name in self._of if name not in _SHARES]
        weights = [*_SHARES.values(), *[(1.0 - sum(_SHARES.values())) / len(others)] * len(others)]
        chosen: Any = self._chance.choices([*_SHARES, *others], weights)[0]
        asked: Asked = chosen
        return asked

    def _joined(self, asked: Asked, pieces: list[Piece]) -> tuple[Asked, list[Piece]]:
        """Return a sentence with another one, before or after it."""
        other: Asked = self._chance.choice(("nothing", "items"))
        more = self._filled(other)
        first, second = (more, pieces) if self._chance.random() < 0.5 else (pieces, more)
        both = [*first, (self._chance.choice(_JOINTS), None), *second]
        if asked == "nothing":
            asked = other
        return asked, both

    def _filled(self, asked: Asked) -> list[Piece]:
        frame = self._chance.choice(self._of[asked])
        pieces: list[Piece] = []
        while frame:
            before, _, rest = frame.partition("{")
            slot, _, frame = rest.partition("}")
            pieces.append((before, None))
            if slot == "talk":
                pieces.append((self._talk(), "talk"))
            elif slot in _WHOLE:
                role: Any = slot
                pieces.append((self._name(), role))
            elif slot:
                pieces.append((self._chance.choice(self._fillers[slot]), None))
        return pieces

    def _name(self) -> str:
        kind = self._chance.random()
        if kind < 0.12 and self._kin:
            text = self._chance.choice(self._kin)
        elif kind < 0.3 or not self._values:
            text = self._of_title()
        else:
            text = self._chance.choice(self._chance.choice(self._values))
        if self._chance.random() >= _SHARE_CAPITAL:
            text = text.lower()
        if self._chance.random() < _SHARE_MISSPELT and len(text) > 5:
            at = self._chance.randrange(1, len(text) - 1)
            text = text[:at] + self._chance.choice(("", text[at] * 2)) + text[at + 1 :]
        return text

    def _talk(self) -> str:
        kind = self._chance.random()
        if kind < 0.45:
            return self._chance.choice(self._everyday)
        return self._of_title().lower() if kind < 0.8 else self._name()

    def _of_title(self) -> str:
        """Return a word of a title, or two."""
        found = self._chance.choice(self._titles).split()
        at = self._chance.randrange(len(found)) if found else 0
        return " ".join(found[at : at + self._chance.choice((1, 1, 1, 2))])[: 2 * _LONGEST].strip(".,:;!?()") or "thing"

    def _said(self, pieces: Sequence[Piece]) -> tuple[str, list[Role]]:
        """Return a sentence, and what each of its tokens is."""
        roles: list[Role] = []
        for text, role in pieces:
            roles += [role or "talk"] * len(tokens_of(text))
        text = "".join(text for text, _ in pieces)
        if self._chance.random() < _SHARE_CAPITAL:
            text = text[:1].upper() + text[1:]
        return text + self._chance.choice(("", "", "", ".", "!", "?")), roles

    def _names(self, text: str) -> bool:
        return any(element.meaning is not None for element in scan(tokens_of(text), self._lexicon))


def _pieces(text: str) -> tuple[tuple[str, bool], ...]:
    """Return a decision in the pieces in which devices tokenize it: the last word of each line is decided."""
    pieces: list[tuple[str, bool]] = []
    for line in text.splitlines():
        certain, _, word = line.rpartition(" ")
        pieces += [(certain, False), (f" {word}", True), ("\n", False)]
    return tuple(pieces)


def _roles(elements: Sequence[Element], roles: Sequence[Role]) -> tuple[Role, ...]:
    """Return what each name is: what most of its tokens are, and no talk if any is not."""
    decided: list[Role] = []
    at = 0
    named = set(names_of(elements))
    for index, element in enumerate(elements):
        own = [role for role in roles[at : at + len(element.tokens)] if role != "talk"]
        at += len(element.tokens)
        if index in named:
            decided.append(max(own, key=list[Role](own).count) if own else "talk")
    return tuple(decided)
