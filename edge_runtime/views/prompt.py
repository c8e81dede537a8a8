"""Input lines of the session, from a terminal or a pipe."""

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, Self, TextIO


class Lines(Protocol):
    """Source of input lines."""

    @property
    def echoes(self) -> bool:
        """Whether the terminal has already shown the line."""
        ...

    def read(self, prompt: str) -> str | None:
        """Return the next line without its line ending, or None at the end of the input."""
        ...


class Prompt:
    """Reads lines from a terminal, with readline's editing and history where available, or from a pipe."""

    def __init__(self, read: Callable[[str], str], *, echoes: bool) -> None:
        self._read = read
        self.echoes = echoes

    @classmethod
    def of(cls, stream: TextIO) -> Self:
        """Return the prompt for a stream such as the standard input."""
        if stream.isatty():
            with suppress(ImportError):  # Windows has no readline, but its console edits lines itself
                import readline  # noqa: F401 - the import enables line editing in `input`
            return cls(input, echoes=True)
        return cls(lambda _: _line(stream), echoes=False)

    def read(self, prompt: str) -> str | None:
        """Return the next line, or None at the end of the input."""
        sys.stdout.flush()
        try:
            return self._read(prompt)
        except EOFError:
            return None


def _line(stream: TextIO) -> str:
    line = stream.readline()
    if not line:
        raise EOFError
    return line.rstrip("\r\n")
