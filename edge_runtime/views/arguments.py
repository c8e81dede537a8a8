"""Strict parsing of the arguments of the session's commands."""

import re
from typing import Final

_LIKE_AN_ARGUMENT = re.compile(r"[-+]?[0-9]*[.,]?[0-9]+%?|yes|auto|on|off|short|detailed|casual|formal", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,6}")
LARGEST: Final = 999_999


def is_command(rest: str) -> bool:
    """Return whether ``rest`` looks like arguments of a command; otherwise the whole line is a search."""
    return all(_LIKE_AN_ARGUMENT.fullmatch(word) for word in rest.split())


def is_number(text: str) -> bool:
    """Return whether a text is a whole number with at most six digits."""
    return _NUMBER.fullmatch(text) is not None


def whole_number(command: str, rest: str, *, default: int | None = None, most: int = LARGEST) -> int:
    """Parse the argument of a command as a whole number, at least 1.

    Args:
        command: name of the command, for the error message.
        rest: the argument.
        default: value if there is no argument; None if it is required.
        most: the largest valid number.

    Raises:
        ValueError: the argument is not a valid number.
    """
    if not rest and default is not None:
        return default
    if not is_number(rest) or not 1 <= int(rest) <= most:
        raise refused(command, rest, f"one whole number from 1 to {most:,}")
    return int(rest)


def no_argument(command: str, rest: str, advice: str = "") -> None:
    """Check that a command has no argument.

    Args:
        command: name of the command, for the error message.
        rest: the argument.
        advice: appended to the error message.

    Raises:
        ValueError: there is an argument.
    """
    if rest:
        raise refused(command, rest, f"no argument{advice}")


def refused(command: str, rest: str, expected: str) -> ValueError:
    """Return the error for an invalid argument: what was expected, what was found, and how to search instead."""
    found = f"found {rest!r}" if rest else "found nothing"
    search = f" To search for these words type `search {command} {rest}`." if rest else ""
    return ValueError(f"`{command}` takes {expected}; {found}.{search}")
