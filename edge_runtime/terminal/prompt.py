"""Lines from a person, or from a script: the session does not care which."""

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, Self, TextIO


class Lines(Protocol):
    """Where the session's lines come from."""

    @property
    def echoes(self) -> bool:
        """Whether the line already stands on the screen when it arrives."""
        ...

    def ask(self, prompt: str) -> str | None:
        """Return the next line without its end, or None when there are no more."""
        ...


class Prompt:
    """Asks on a terminal, with the arrow keys and the earlier lines where the system has readline; reads a pipe."""

    def __init__(self, read: Callable[[str], str], *, echoes: bool) -> None:
        self._read = read
        self.echoes = echoes

    @classmethod
    def of(cls, stream: TextIO) -> Self:
        """Return the prompt for the standard input."""
        if stream.isatty():
            with suppress(ImportError):  # Windows has none, and keys of its own
                import readline  # noqa: F401 - its import alone gives `input` its keys
            return cls(input, echoes=True)
        return cls(lambda _: _line(stream), echoes=False)

    def ask(self, prompt: str) -> str | None:
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
