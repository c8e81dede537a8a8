"""What a conversation needs of one open release: parsers by language, facts, and the lists of a query."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from edge_runtime.bundle.items import Items
from edge_runtime.conversation.apply import Application
from edge_runtime.conversation.lexicon import Lexicon
from edge_runtime.conversation.rules import Context, Parsed, Parser, RuleParser
from edge_runtime.conversation.tokens import texts_of
from edge_runtime.conversation.words import Language, phrases
from edge_runtime.filters.conditions import number_of
from edge_runtime.search.finder import Finder


class Catalogue(Protocol):
    """The items of a release."""

    @property
    def items(self) -> Items:
        """Ids, titles and facts."""
        ...

    @property
    def row_of(self) -> Mapping[str, int]:
        """Item id to row."""
        ...

    def facts(self, row: int) -> dict[str, list[str]]:
        """Return the facts of an item, live ones included."""
        ...


class Hearing:
    """Understands sentences about one catalogue.

    Args:
        catalogue: the items.
        finder: the search index.
        application: what applies queries.
        live: returns the names of the live facts.
        another_parser: makes another parser behind the same protocol, which is asked if the rules understood nothing.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        finder: Finder,
        application: Application,
        live: Callable[[], Sequence[str]],
        another_parser: Callable[[Lexicon], Parser] | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._finder = finder
        self._live = live
        self._another_parser = another_parser
        self._lexicons: dict[tuple[Language, bool], Lexicon] = {}
        self.application = application

    def lexicon(self, language: Language) -> Lexicon:
        """Return the words of the catalogue and of a language (cached)."""
        has_price = "price" in self._live()
        key = (language, has_price)
        if key not in self._lexicons:
            live = ["price"] if has_price else []
            self._lexicons[key] = Lexicon(self._catalogue.items, self._finder, phrases(language), live)
        return self._lexicons[key]

    def parse(self, text: str, language: Language, context: Context) -> Parsed:
        """Return what a sentence asks for."""
        lexicon = self.lexicon(language)
        parsed = RuleParser(lexicon, self._catalogue.items.item_id).parse(text, context)
        if self._another_parser is not None and parsed.query.intent == "nothing" and parsed.problem is None:
            other = self._another_parser(lexicon).parse(text, context)
            return other if other.query.intent != "nothing" else parsed
        return parsed

    def is_title(self, text: str) -> bool:
        """Return whether a title has all words of a text, such as "Some Like It Hot", and at least two."""
        return len(texts_of(text)) > 1 and self._finder.titled(text) is not None

    def facts(self, item_id: str) -> dict[str, list[str]]:
        """Return the facts of an item; none if the catalogue lacks it."""
        row = self._catalogue.row_of.get(item_id)
        return {} if row is None else self._catalogue.facts(row)

    def numbers(self, item_ids: Sequence[str], field: str) -> list[float]:
        """Return the first number of a fact of each item that has one."""
        found = []
        for item_id in item_ids:
            numbers = [number for text in self.facts(item_id).get(field, []) if (number := number_of(text)) is not None]
            found += numbers[:1]
        return found

    def title(self, item_id: str) -> str:
        """Return the title of an item, or its id if the catalogue lacks it."""
        row = self._catalogue.row_of.get(item_id)
        return item_id if row is None else self._catalogue.items.title[row]
