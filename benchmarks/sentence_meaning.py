"""What a test sentence means, and whether a query says the same (`benchmarks/sentences/README.md`).

It shares no code with the parser, and compares words in its own way.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from edge_runtime.conversation.query import Limit, Query, Wish
from edge_runtime.conversation.rules import Parsed

Verdict = Literal["right", "missed", "asked well", "asked", "wrong"]
"""``missed`` changes less than was meant, and says so or not; ``asked well`` asks, and what is meant is among the
options; ``asked`` asks back where it was clear, without it; ``wrong`` does something that was not meant."""

_TOKEN: Final = re.compile(
    r"""[-+]?~?"[^"]+"|!\w+(?:@\d+)?|[a-z]+[<>]=?[\d.]*|[a-z]+=[\d.]+\.\.[\d.]+|varied|\?|~\d+|[-+].+?(?=\s[-+~!?]|\s[a-z]+[<>=]|$)"""
)
_INTENTS: Final = frozenset({"undo", "reset", "surprise", "list", "more", "nothing"})


@dataclass(frozen=True, slots=True)
class Sentence:
    """A test sentence.

    Attributes:
        catalogue: ``world``, ``beauty`` or ``films``.
        language: of the sentence.
        about: number of the item that was talked about last, or None.
        text: the sentence.
        meaning: as in the README.
    """

    catalogue: str
    language: str
    about: int | None
    text: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Screen:
    """What is on the screen.

    Attributes:
        shown: item ids.
        facts: returns the facts of an item.
        title: returns the title of an item.
    """

    shown: Sequence[str]
    facts: Callable[[str], dict[str, list[str]]]
    title: Callable[[str], str]


def verdict(parsed: Parsed, sentence: Sentence, screen: Screen) -> Verdict:
    """Return whether a parser's result is what a sentence means."""
    tokens = _TOKEN.findall(sentence.meaning)
    query = parsed.query
    if parsed.readings and "?" not in tokens:
        readings = [replace(parsed, query=query, readings=()) for query in parsed.readings]
        return "asked well" if any(verdict(one, sentence, screen) == "right" for one in readings) else "asked"
    if parsed.problem is not None or parsed.readings:
        return "right" if "?" in tokens else "asked"
    if "?" in tokens:
        return "wrong" if query.changes_list else "right"
    intent = next((token for token in tokens if token.startswith("!")), "!filter")
    decided = _of_intent(query, intent, screen)
    if decided is not None:
        return decided
    return _of_changes(query, [token for token in tokens if not token.startswith("!")], intent, screen)


def _of_intent(query: Query, intent: str, screen: Screen) -> Verdict | None:
    """Return the verdict if the intent decides it."""
    name, _, number = intent[1:].partition("@")
    if query.intent == "nothing" and name != "nothing":
        return "missed"
    if name in ("undo", "reset", "nothing", "list") and query.intent == name and not query.changes_list:
        return "right"
    if name == "why" and query.intent == "why":
        about = query.about or screen.shown[0]
        return "right" if not number or about == screen.shown[int(number) - 1] else "wrong"
    if query.intent != name:
        return "wrong"
    return None


def _of_changes(query: Query, tokens: Sequence[str], intent: str, screen: Screen) -> Verdict:
    left = _atoms(query, intent)
    n_missing = 0
    for token in tokens:
        found = next((atom for atom in left if _says(atom, token, screen)), None)
        those = _split(left, token) or ([] if found is None else [found])
        n_missing += not those
        left = [atom for atom in left if atom not in those]
    if left:
        return "wrong"
    return "missed" if n_missing else "right"


Atom = tuple[str, object]


def _split(atoms: Sequence[Atom], token: str) -> list[Atom]:
    """Return the wishes that together say a meaning of several words, such as "argan" and "Oils"; empty if none do.

    Of several spellings, the one that accounts for the most wishes counts: "energy" and "Bars" say "Bars|energy bars".
    """
    found: list[Atom] = []
    for meant in token[1:].split("|") if token[0] == "+" else []:
        wanted = _words(meant)
        parts = [
            (atom, words)
            for atom in atoms
            if atom[0] == "+" and isinstance(atom[1], Wish) and (words := _words(" ".join(atom[1].values))) <= wanted
        ]
        if len(parts) > len(found) and set().union(*(words for _, words in parts)) == wanted:
            found = [atom for atom, _ in parts]
    return found


def _atoms(query: Query, intent: str) -> list[Atom]:
    atoms: list[Atom] = [("+", wish) for wish in (*query.must, *query.prefer)]
    atoms += [("-", wish) for wish in query.must_not]
    atoms += [("limit", limit) for limit in query.limits]
    atoms += [("~", item_id) for item_id in query.similar_to]
    atoms += [("not ~", item_id) for item_id in query.unlike]
    if query.variety is not None and intent != "!surprise":
        atoms.append(("varied", query.variety))
    return atoms


def _says(atom: Atom, meant: str, screen: Screen) -> bool:
    kind, value = atom
    if meant == "varied":
        return kind == "varied"
    if meant.startswith("~"):
        return kind == "~" and isinstance(value, str) and _is_item(value, meant[1:], screen)
    if meant[0] in "+-":
        return kind == meant[0] and isinstance(value, Wish) and _is_wish(value, meant[1:], screen)
    return kind == "limit" and isinstance(value, Limit) and _is_limit(value, meant)


def _is_item(item_id: str, meant: str, screen: Screen) -> bool:
    if meant.startswith('"'):
        return screen.title(item_id).lower() == meant.strip('"').lower()
    return item_id == screen.shown[int(meant) - 1]


def _is_wish(wish: Wish, meant: str, screen: Screen) -> bool:
    if "@" in meant:
        field, _, number = meant.partition("@")
        values = screen.facts(screen.shown[int(number) - 1]).get(field, [])
        return wish.field == field and set(wish.values) == set(values)
    alternatives = meant.split("/")
    if len(alternatives) > 1:
        return all(any(_same(value, one) for value in wish.values) for one in alternatives)
    return any(_same(value, one) for value in wish.values for one in meant.split("|"))


def _same(value: str, meant: str) -> bool:
    """Return whether a value has all words that were meant, singular or plural, and few others."""
    has, wanted = _words(value), _words(meant)
    return wanted <= has and len(has) <= len(wanted) + 1


def _words(text: str) -> set[str]:
    return {re.sub("e?s?$", "", word) for word in re.findall(r"[^\W_]+", text.lower().replace("'", ""))}


def _is_limit(limit: Limit, meant: str) -> bool:
    match = re.fullmatch(r"([a-z]+)([<>=])([\d.]*)", meant)
    if match is None:
        return False
    field, sign, numbers = match.groups()
    if limit.field != field:
        return False
    if not numbers:
        return limit.than_shown == ("less" if sign == "<" else "more")
    low = limit.at_least if limit.at_least is not None else limit.above
    high = limit.at_most if limit.at_most is not None else limit.below
    if sign == "=":
        first, _, last = numbers.partition("..")
        return low == float(first) and high == float(last)
    return (low, high) == ((None, float(numbers)) if sign == "<" else (float(numbers), None))
