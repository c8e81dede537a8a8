"""Checks of the arguments of the public API: the message names the argument, what was found and what to pass."""

import os
import reprlib
from numbers import Integral
from typing import Final

PATHS: Final = (str, os.PathLike)
"""The types of path arguments."""


def check_type(what: str, value: object, kinds: type | tuple[type, ...], expected: str, example: str) -> None:
    """Check the type of an argument; True and False are no numbers.

    Args:
        what: the argument, for the message.
        value: its value.
        kinds: the types that it may have.
        expected: these types in words, such as ``a whole number``.
        example: what to pass instead.

    Raises:
        TypeError: it has another type.
    """
    if not isinstance(value, kinds) or isinstance(value, bool):
        found = f"{reprlib.repr(value)} ({type(value).__name__})"
        raise TypeError(f"{what} must be {expected}, got {found}. Pass {example}.")


def check_string(what: str, value: object, example: str) -> None:
    """Check that an argument is a string; arguments and errors are those of :func:`check_type`."""
    check_type(what, value, str, "a string", example)


def check_whole(what: str, value: object, example: str) -> None:
    """Check that an argument is a whole number; arguments and errors are those of :func:`check_type`."""
    check_type(what, value, Integral, "a whole number", example)
