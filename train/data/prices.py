"""Parses printed prices, with a currency and with American or European thousands separators."""

import math
import re
from dataclasses import dataclass

EXPECTED_PRICE = "expected one amount, such as 1299, $1,299.00 or 1.299,00 €"

_MAX = 1e9
_MAX_CHARACTERS = 40
_UNKNOWN = frozenset({"", "none", "null", "nan", "n/a", "-", "\N{EN DASH}", "\N{EM DASH}"})
_CURRENCY = (
    r"(?:US\$|CA\$|C\$|A\$|AU\$|NZ\$|R\$|[$£€¥₹]|Rs\.?|kr\.?|zł|"
    "USD|EUR|GBP|JPY|CNY|INR|CAD|AUD|NZD|CHF|SEK|NOK|DKK|PLN|CZK|HUF|BRL|MXN|TRY|KRW|IDR)"
)
_BLANK = " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}"
_APOSTROPHE = "'\N{RIGHT SINGLE QUOTATION MARK}"
_PRICE = re.compile(
    rf"(?P<before>{_CURRENCY})?[{_BLANK}]?(?P<number>[0-9](?:[0-9.,{_APOSTROPHE}{_BLANK}]*[0-9])?)"
    rf"[{_BLANK}]?(?P<after>{_CURRENCY})?"
)
_UNGROUPED = re.compile(r"(?P<whole>[0-9]{1,9})(?:[.,](?P<cents>[0-9]{1,2}))?")
_GROUPED = re.compile(
    rf"(?P<whole>[1-9][0-9]{{0,2}}(?P<separator>[.,{_APOSTROPHE}{_BLANK}])[0-9]{{3}}(?:(?P=separator)[0-9]{{3}})*)"
    r"(?:(?!(?P=separator))[.,](?P<cents>[0-9]{1,2}))?"
)
_ONE_NAME = {"$": "USD", "US$": "USD", "£": "GBP", "€": "EUR", "CA$": "CAD", "C$": "CAD", "A$": "AUD", "AU$": "AUD"}
# With these currencies "." separates thousands; with others, and without a currency, "," does.
_DOT_GROUPS = frozenset({"EUR", "R$", "BRL", "kr", "kr.", "DKK", "SEK", "NOK", "zł", "PLN", "TRY", "IDR"})


@dataclass(frozen=True, slots=True)
class Price:
    """An amount and its currency, which is empty if unknown."""

    amount: float
    currency: str


def price_of(value: object) -> Price | None:
    """Parse the price of an item; None if there is none, which includes the number 0.

    Raises:
        ValueError: the value is not a single amount, or is ambiguous, such as ``1.299``.
    """
    if value is None or (isinstance(value, str) and value.strip().lower() in _UNKNOWN):
        return None
    if isinstance(value, str):
        return _parse(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _MAX:
        raise ValueError(EXPECTED_PRICE)
    return Price(float(value), "") if value and math.isfinite(value) else None


def _parse(text: str) -> Price:
    match = _PRICE.fullmatch(text) if len(text) <= _MAX_CHARACTERS else None
    if match is None or (match["before"] and match["after"]):
        raise ValueError(EXPECTED_PRICE)
    symbol = match["before"] or match["after"] or ""
    currency = _ONE_NAME.get(symbol, symbol)
    number = _UNGROUPED.fullmatch(match["number"]) or _GROUPED.fullmatch(match["number"])
    if number is None or _is_ambiguous(number, currency):
        raise ValueError(EXPECTED_PRICE)
    amount = float(f"{re.sub('[^0-9]', '', number['whole'])}.{number['cents'] or 0}")
    if amount >= _MAX:
        raise ValueError(EXPECTED_PRICE)
    return Price(amount, currency)


def _is_ambiguous(number: re.Match[str], currency: str) -> bool:
    """Return whether the only separator, before three digits, could be a decimal point."""
    whole = re.split("[^0-9]", number["whole"])
    if len(whole) != 2 or number["cents"]:
        return False
    return number["separator"] == ("," if currency in _DOT_GROUPS else ".")
