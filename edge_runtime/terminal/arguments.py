"""What follows a command of the session: read strictly, with advice where it cannot be meant."""

import re
from typing import Final

_LIKE_AN_ARGUMENT = re.compile(r"[-+]?[0-9]*[.,]?[0-9]+%?|yes|auto", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,6}")
LARGEST: Final = 999_999


def is_command(rest: str) -> bool:
    """Return whether what follows the name of a command makes it one; words make the whole line a search."""
    return all(_LIKE_AN_ARGUMENT.fullmatch(word) for word in rest.split())


def is_number(text: str) -> bool:
    """Return whether a text is a whole number that a list or a history could have."""
    return _NUMBER.fullmatch(text) is not None


def whole_number(command: str, rest: str, *, default: int | None = None, most: int = LARGEST) -> int:
    """Return the number after a command, at least 1.

    Args:
        command: its name, for the message.
        rest: what follows it.
        default: where nothing follows; None where something must.
        most: the largest that is meant.

    Raises:
        ValueError: it is no such number.
    """
    if not rest and default is not None:
        return default
    if not is_number(rest) or not 1 <= int(rest) <= most:
        raise refused(command, rest, f"one whole number from 1 to {most:,}")
    return int(rest)


def nothing(command: str, rest: str, advice: str = "") -> None:
    """Check that nothing follows a command.

    Raises:
        ValueError: something does.
    """
    if rest:
        raise refused(command, rest, f"nothing after it{advice}")


def refused(command: str, rest: str, expected: str) -> ValueError:
    """Return the error that says what a command takes, what was found, and how to search for the words instead."""
    found = f"found {rest!r}" if rest else "found nothing"
    search = f" To search for these words type `search {command} {rest}`." if rest else ""
    return ValueError(f"`{command}` takes {expected}; {found}.{search}")
