"""Printed prices are parsed; ambiguous ones are refused."""

import pytest

from train.data.prices import Price, price_of


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("$1,299.00", Price(1299.0, "USD")),
        ("US$1,299", Price(1299.0, "USD")),
        ("1,299", Price(1299.0, "")),
        ("$1,299,000.50", Price(1299000.5, "USD")),
        ("1.299,00 €", Price(1299.0, "EUR")),
        ("1.299 €", Price(1299.0, "EUR")),
        ("EUR 1 299,00", Price(1299.0, "EUR")),
        ("1\N{NO-BREAK SPACE}299,00\N{NO-BREAK SPACE}€", Price(1299.0, "EUR")),
        ("CHF 1'299.00", Price(1299.0, "CHF")),
        ("1.299.000", Price(1299000.0, "")),
        ("9,99", Price(9.99, "")),
        (" $9.99 ", Price(9.99, "USD")),
        ("£5", Price(5.0, "GBP")),
        (9.99, Price(9.99, "")),
        (7, Price(7.0, "")),
    ],
)
def test_a_single_amount_is_parsed(printed: object, expected: Price) -> None:
    assert price_of(printed) == expected


@pytest.mark.parametrize("value", [None, "", " ", "None", "N/A", "-", 0, 0.0])
def test_an_absent_price_is_none(value: object) -> None:
    assert price_of(value) is None


@pytest.mark.parametrize(
    "value",
    [
        *("1.299", "$1.299", "1,299 €", "$1 - $2", "from 14.99", "$1,2,3", "1.299.00", "0,299", "1e5", "SKU 12", "-5"),
        *("$", "$5 €", "99999999999", "٣", ".a-box { width: 1px }"),
        *(-1, 10**22, float("nan"), float("inf"), True, ["$5"]),
    ],
)
def test_ambiguous_and_invalid_prices_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="expected one amount"):
        price_of(value)
