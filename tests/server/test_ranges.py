"""Conditional and range requests."""

import pytest

from server.ranges import FilePart, requested_part, tag_matches

TAG = '"abc"'


def ask(
    byte_range: str | None = None, *, if_range: str | None = None, if_none_match: str | None = None, size: int = 100
) -> FilePart:
    return requested_part(size, TAG, if_none_match=if_none_match, byte_range=byte_range, if_range=if_range)


@pytest.mark.parametrize(
    ("byte_range", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=90-", 90, 100),
        ("bytes=-10", 90, 100),
        ("bytes=-1000", 0, 100),
        ("bytes=99-1000", 99, 100),
        ("BYTES = 5 - 6", 5, 7),
    ],
)
def test_a_range_is_clipped_to_the_file(byte_range: str, start: int, stop: int) -> None:
    assert ask(byte_range) == FilePart(206, start, stop)


@pytest.mark.parametrize("byte_range", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=999999999999999999-"])
def test_a_range_outside_the_file_cannot_be_satisfied(byte_range: str) -> None:
    assert ask(byte_range) == FilePart(416)


@pytest.mark.parametrize(
    "byte_range",
    [
        "bytes=",
        "bytes=-",
        "bytes=5-4",
        "bytes=a-b",
        "items=0-1",
        "bytes=0-1,4-5",
        "bytes 0-1",
        "bytes=0x1-2",
        "",
        "bytes=" + "9" * 5000 + "-",
    ],
)
def test_an_unsupported_range_gets_the_whole_file(byte_range: str) -> None:
    assert ask(byte_range) == FilePart(200, 0, 100)


def test_no_range_of_an_empty_file_can_be_satisfied() -> None:
    assert ask("bytes=0-", size=0) == FilePart(416)
    assert ask(size=0) == FilePart(200, 0, 0)


@pytest.mark.parametrize("if_range", ['"other"', 'W/"abc"', "Mon, 23 Nov 2026 15:55:07 GMT"])
def test_a_range_of_another_version_gets_the_whole_file(if_range: str) -> None:
    assert ask("bytes=5-6", if_range=if_range) == FilePart(200, 0, 100)
    assert ask("bytes=5-6", if_range=TAG) == FilePart(206, 5, 7)


def test_a_matching_tag_takes_precedence_over_a_range() -> None:
    assert ask("bytes=5-6", if_none_match=TAG) == FilePart(304)
    assert ask("bytes=5-6", if_none_match='"other"') == FilePart(206, 5, 7)


@pytest.mark.parametrize(
    ("header", "matches"),
    [
        ('"abc"', True),
        ('W/"abc"', True),
        ('"x", "abc"', True),
        ("*", True),
        ('"ab"', False),
        ("abc", False),
        ("", False),
    ],
)
def test_tags_are_compared_weakly_and_in_lists(header: str, matches: bool) -> None:
    assert tag_matches(header, TAG) is matches
