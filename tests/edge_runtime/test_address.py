"""Parsing of server addresses that a user types."""

import pytest

from edge_runtime.address import parse_address


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("https://Shop.Example/", "https://shop.example"),
        ("http://shop.example:/models/", "http://shop.example/models"),
        ("http://shop.example/ö x", "http://shop.example/%C3%B6%20x"),
        ("http://shop.example/a%20b%zz", "http://shop.example/a%20b%25zz"),
        ("http://münchen.example", "http://xn--mnchen-3ya.example"),
        ("http://my_shop.", "http://my_shop."),
        ("http://[::1]:8000/x", "http://[::1]:8000/x"),
        ("http://[::ffff:127.0.0.1]", "http://[::ffff:127.0.0.1]"),
        ("http://[fe80::1%25eth0]", "http://[fe80::1%eth0]"),
    ],
)
def test_addresses_are_normalized(text: str, url: str) -> None:
    assert parse_address(text).url == url


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "no http or https address"),
        ("127.0.0.1:8000", "no http or https address"),
        ("ftp://host", "no http or https address"),
        ("http://", "no http or https address"),
        ("//host", "no http or https address"),
        ("http://user:pw@host", "a user, a query or a fragment"),
        ("http://@host", "a user, a query or a fragment"),
        ("http://host/?q", "a user, a query or a fragment"),
        ("http://host/#", "a user, a query or a fragment"),
        ("http://shop..example", "the host 'shop..example'"),
        (f"http://{'a' * 70}.example", "the host 'aaaa"),
        (f"http://{'a.' * 130}a", "the host 'a.a."),
        ("http://sho p", "the host 'sho p'"),
        ("http://shop%2e", "the host 'shop%2e'"),
        ("http://-shop", "the host '-shop'"),
        ("http://host:99999", "out of range"),
        ("http://host:0", "port 0"),
        ("http://host:http", "'http'"),
        ("http://::1", "':1'"),
        ("http://[::1", "Invalid IPv6"),
        ("http://[shop]", "shop"),
        ("http://host\\@other", "an invalid character"),
        ("http://host\n", "an invalid character"),
        ("http://host/\udcff", "an invalid character"),
    ],
)
def test_an_invalid_address_is_refused_with_the_reason(text: str, found: str) -> None:
    with pytest.raises(ValueError, match="expected an address such as") as caught:
        parse_address(text)

    assert found in str(caught.value)


@pytest.mark.parametrize(
    ("text", "is_this_machine"),
    [
        ("http://localhost:1", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:8000", True),
        ("http://localhost.example", False),
        ("http://127.example", False),
        ("http://127.1", False),
        ("http://127.999.0.1", False),
        ("http://10.0.0.1", False),
    ],
)
def test_only_loopback_addresses_count_as_this_machine(text: str, is_this_machine: bool) -> None:
    assert parse_address(text).is_this_machine is is_this_machine


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://127.0.0.2", True),
        ("http://[::1]", True),
        ("http://[::ffff:127.0.0.1]", True),
        ("http://localhost", True),
        ("http://[::ffff:10.0.0.1]", False),
        ("http://10.0.0.1", False),
        ("http://shop.example", False),
    ],
)
def test_only_loopback_addresses_are_this_machine(text: str, expected: bool) -> None:
    assert parse_address(text).is_this_machine is expected
