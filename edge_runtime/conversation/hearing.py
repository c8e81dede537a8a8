"""What a conversation needs of one open release: parsers by language, facts, and the lists of a query."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from edge_runtime.bundle.items import Items
from edge_runtime.conversation.answers import short_title
from edge_runtime.conversation.apply import Application
from edge_runtime.conversation.lexicon import Lexicon
from edge_runtime.conversation.query import Wish
from edge_runtime.conversation.rules import Context, Parsed, Parser, RuleParser
from edge_runtime.conversation.tokens import texts_of
from edge_runtime.conversation.words import LENGTHS, Language, phrases
from edge_runtime.filters.conditions import number_of
from edge_runtime.search.finder import Finder

if TYPE_CHECKING:
    from edge_runtime.conversation.model_parser import Decide

ParserName = Literal["rules", "model", "both"]
"""``rules``; ``model``, a language model with the rules where it decides nothing; or ``both``, rules that the model may
contradict."""

_OF_THE_MODEL: Language = "en"
"""The only language that a language model is trained to parse."""


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

    Attributes:
        application: what applies queries.
        parser: which parser is asked about English sentences.
        decide: asks a language model; None for a bundle without one that was trained for it, and then rules parse.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        finder: Finder,
        application: Application,
        live: Callable[[], Sequence[str]],
    ) -> None:
        self._catalogue = catalogue
        self._finder = finder
        self._live = live
        self._lexicons: dict[tuple[Language, bool], Lexicon] = {}
        self.application = application
        self.parser: ParserName = "rules"
        self.decide: Decide | None = None

    def lexicon(self, language: Language) -> Lexicon:
        """Return the words of the catalogue and of a language (cached)."""
        has_price = "price" in self._live()
        key = (language, has_price)
        if key not in self._lexicons:
            live = ["price"] if has_price else []
            items = self._catalogue.items
            spoken = phrases(language, has_lengths=not LENGTHS.isdisjoint(items.fields))
            self._lexicons[key] = Lexicon(items, self._finder, spoken, live)
        return self._lexicons[key]

    def parse(self, text: str, language: Language, context: Context) -> Parsed:
        """Return what a sentence asks for."""
        return self._parser_of(language).parse(text, context)

    def _parser_of(self, language: Language) -> Parser:
        lexicon, item_id = self.lexicon(language), self._catalogue.items.item_id
        rules = RuleParser(lexicon, item_id)
        if self.parser == "rules" or self.decide is None or language != _OF_THE_MODEL:
            return rules
        from edge_runtime.conversation.model_parser import ModelParser, SecondOpinion

        kind = ModelParser if self.parser == "model" else SecondOpinion
        return kind(lexicon, item_id, self.decide, rules)

    def is_title(self, text: str) -> bool:
        """Return whether a text of at least two words is most of a title, such as "Some Like It Hot"."""
        n_words = len(texts_of(text))
        row = self._finder.titled(text) if n_words > 1 else None
        return row is not None and n_words * 2 > len(texts_of(short_title(self._catalogue.items.title[row])))

    def facts(self, item_id: str) -> dict[str, list[str]]:
        """Return the facts of an item; none if the catalogue lacks it."""
        row = self._catalogue.row_of.get(item_id)
        return {} if row is None else self._catalogue.facts(row)

    def fulfils(self, item_id: str, wish: Wish) -> bool:
        """Return whether an item has a value of a wish; not if the catalogue lacks it."""
        row = self._catalogue.row_of.get(item_id)
        return row is not None and bool(self.application.holds(wish)[row])

    def numbers(self, item_ids: Sequence[str], field: str) -> list[float]:
        """Return the first number of a fact of each item that has one."""
        found = []
        for item_id in item_ids:
            numbers = [number for text in self.facts(item_id).get(field, []) if (number := number_of(text)) is not None]
            found += numbers[:1]
        return found

    def knows(self, item_id: str) -> bool:
        """Return whether the catalogue has an item."""
        return item_id in self._catalogue.row_of

    def title(self, item_id: str) -> str:
        """Return the title of an item, or its id if the catalogue lacks it."""
        row = self._catalogue.row_of.get(item_id)
        return item_id if row is None else self._catalogue.items.title[row]
