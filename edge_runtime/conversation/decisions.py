"""What a language model decides about a sentence, in the layout ``said-v1``: on the device and in the training corpus.

The prompt is the sentence. The text that follows has a line for each name of the catalogue in it, and one for what is
asked for besides. Of a name only its kind is written: a whole value of a fact, words that mean or suit values (kin),
words of a title, one word of a title, or an everyday word that a title has, which is written too. The line of a name is
what follows it, what stands before it, and what it is to the list::

    What is each name to the list, and what is asked for?
    said: i hate <value>, my wife wants <word>
    , my wife wants <word> | i hate <value> = not
    wants <word> | i hate <value>, my wife <everyday> = talk
    | i hate <value>, my wife wants <word> = want
    asks items

All but the last word of a line is certain, so that the model can say nothing else. That word follows what stands right
before the name, and the catalogue's own words are left out, so that two layers can learn it from some thousand
sentences.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from edge_runtime.conversation.lexicon import Lexicon
from edge_runtime.conversation.scanning import Element

LAYOUT: Final = "said-v1"
INSTRUCTION: Final = "What is each name to the list, and what is asked for?\n"
MAX_NAMES: Final = 12
"""Maximum number of names of a sentence that a model is asked about."""
N_BEFORE: Final = 6
N_AFTER: Final = 4
"""Maximum number of elements before and after a name on its line."""

Role = Literal["want", "not", "prefer", "talk"]
"""What a name is to the list: asked for, excluded, preferred, or not said of the list."""

Asked = Literal[
    "items", "nothing", "undo", "reset", "why", "surprise", "more", "list", "cheaper", "dearer", "newer", "older",
    "varied",
]  # fmt: skip
"""What is asked for beside names: ``items`` is no more than the names."""

ROLES: Final[tuple[Role, ...]] = get_args(Role)
ASKED: Final[tuple[Asked, ...]] = get_args(Asked)

_MARKS: Final = ("", ",", ".")


@dataclass(frozen=True, slots=True)
class Decision:
    """What a model decided.

    Attributes:
        roles: of the names, in order.
        asked: what is asked for.
    """

    roles: tuple[Role, ...]
    asked: Asked


def names_of(elements: Sequence[Element]) -> list[int]:
    """Return the indices of the elements that name something in the catalogue."""
    return [index for index, element in enumerate(elements) if element.meaning is not None]


def is_doubtful(element: Element, lexicon: Lexicon) -> bool:
    """Return whether an element names something that may be an accident: no value of a fact as a whole."""
    return _kind(element, lexicon) not in ("", "value")


def prompt(elements: Sequence[Element], lexicon: Lexicon) -> str:
    """Return the prompt for a sentence."""
    return f"{INSTRUCTION}said: {_written(elements, lexicon)}\n"


def lines(elements: Sequence[Element], lexicon: Lexicon) -> list[list[str]]:
    """Return the alternatives of each line of the text."""
    beginnings = [_line(elements, index, lexicon) for index in names_of(elements)]
    return [
        *([f"{beginning} {role}\n" for role in ROLES] for beginning in beginnings),
        [f"asks {asked}\n" for asked in ASKED],
    ]


def text_of(decision: Decision, elements: Sequence[Element], lexicon: Lexicon) -> str:
    """Return a decision as text."""
    *of_names, of_asked = lines(elements, lexicon)
    chosen = [those[ROLES.index(role)] for those, role in zip(of_names, decision.roles, strict=True)]
    return "".join([*chosen, of_asked[ASKED.index(decision.asked)]])


def read_decision(text: str, elements: Sequence[Element], lexicon: Lexicon) -> Decision | None:
    """Return the decision in a text; None if it is none about this sentence."""
    written, allowed = text.splitlines(keepends=True), lines(elements, lexicon)
    if len(written) != len(allowed) or any(line not in those for line, those in zip(written, allowed, strict=True)):
        return None
    chosen = [those.index(line) for line, those in zip(written, allowed, strict=True)]
    return Decision(tuple(ROLES[index] for index in chosen[:-1]), ASKED[chosen[-1]])


def _line(elements: Sequence[Element], index: int, lexicon: Lexicon) -> str:
    """Return the words after and before a name, with its kind."""
    after = _written(elements[index + 1 : index + 1 + N_AFTER], lexicon)
    before = _written(elements[max(0, index - N_BEFORE) : index + 1], lexicon)
    kind = _kind(elements[index], lexicon)
    return f"{after} | {before}{' <everyday>' if kind == 'everyday' else ''} =".lstrip()


def _written(elements: Sequence[Element], lexicon: Lexicon) -> str:
    """Return elements in lower case, with the marks before them, and names by their kind."""
    parts: list[str] = []
    for element in elements:
        kind = _kind(element, lexicon)
        text = element.text if kind in ("", "everyday") else f"<{kind}>"
        parts.append(f"{_MARKS[element.gap]} {text}")
    return "".join(parts).strip()


def _kind(element: Element, lexicon: Lexicon) -> str:
    meaning = element.meaning
    if meaning is None:
        return ""
    phrases = lexicon.phrases
    if all(token.text in phrases.ordinary or (token.text,) in phrases.cues for token in element.tokens):
        return "everyday"
    if meaning.fields and not element.is_corrected:
        return "value"
    if meaning.fields or meaning.is_related or len(meaning.wish.values) > 1:
        return "kin"
    return "title" if len(element.tokens) > 1 else "word"
