"""Converts Amazon metadata to item records of a data folder."""

import html
from collections import Counter
from collections.abc import Iterator

from train.data.facts import MAX_VALUE_CHARACTERS
from train.data.findings import Findings, Source, quoted
from train.data.json_lines import Record
from train.data.prices import Price, price_of
from train.data.readable import is_code, well_formed, without_markup

_MAX_DESCRIPTION = 2000


class ItemReader:
    """Converts items one by one; unusable values are reported and left out of their items."""

    def __init__(self, source: Source, values: Findings) -> None:
        """Create a reader.

        Args:
            source: the metadata file.
            values: collects unreadable values.
        """
        self._source, self._values = source, values
        self._currencies: Counter[str] = Counter()

    def item(self, record: Record, number: int) -> Record:
        """Return the record of line ``number`` as an item of a data folder, without its id."""
        categories = record.get("categories") or record.get("category") or record.get("main_category")
        item: Record = {
            "title": self._text("title", record.get("title"), number),
            "brand": self._text("brand", record.get("brand") or record.get("store"), number) or None,
            "categories": list(
                dict.fromkeys(text for value in _flatten(categories) if (text := self._text("category", value, number)))
            ),
        }
        price = self._price(record.get("price"), number)
        if price is not None:
            item["price"] = price.amount
        description = self._description(record.get("description"), number)
        if description:
            item["description"] = description[:_MAX_DESCRIPTION]
        return item

    def warn(self, findings: Findings) -> None:
        """Warn if prices are in more than one currency, because a catalogue has none."""
        if len(self._currencies) > 1:
            found = ", ".join(f"{count:,} in {name}" for name, count in self._currencies.most_common())
            findings.warn(f"{self._source.name}: prices are {found}, and all of them were read as the same currency.")

    def _text(self, name: str, value: object, number: int) -> str:
        """Return the cleaned text; empty if there is none, or if it is markup or code."""
        if not isinstance(value, str):
            return ""
        try:
            text = _clean(value)
        except ValueError as error:
            self._leave_out(f"{name} is not text", f"{name} is {quoted(value)}; {error}: left out.", number)
            return ""
        if is_code(text) or (value.strip() and not text):
            self._leave_out(f"{name} is not text", f"{name} is {quoted(value)}, markup or code: left out.", number)
            return ""
        if name != "title" and len(text) > MAX_VALUE_CHARACTERS:
            message = f"{name} has {len(text):,} characters, expected at most {MAX_VALUE_CHARACTERS:,}: left out."
            self._leave_out(f"overlong {name}", message, number)
            return ""
        return text

    def _description(self, value: object, number: int) -> str:
        try:
            return " ".join(text for part in _flatten(value) if (text := _clean(part)))
        except ValueError as error:
            self._leave_out("description is not text", f"description is {quoted(value)}; {error}: left out.", number)
            return ""

    def _price(self, value: object, number: int) -> Price | None:
        try:
            price = price_of(value)
        except ValueError as error:
            self._leave_out("price cannot be read", f"price is {quoted(value)}; {error}: left out.", number)
            return None
        if price is not None and price.currency:
            self._currencies[price.currency] += 1
        return price

    def _leave_out(self, kind: str, message: str, number: int) -> None:
        self._values.bad_rows(self._source, kind, [number], message)


def _flatten(value: object, depth: int = 3) -> Iterator[str]:
    if isinstance(value, list | tuple):
        for part in value if depth else ():
            yield from _flatten(part, depth - 1)
    elif isinstance(value, str):
        yield value


def _clean(value: str) -> str:
    """Return a text without markup and character references.

    Raises:
        ValueError: a reference has more digits than Python converts to an integer.
    """
    try:
        plain = html.unescape(value)
    except ValueError as error:
        raise ValueError("expected numbers of Unicode characters in its references (&#...;)") from error
    return " ".join(well_formed(without_markup(plain)).split())
