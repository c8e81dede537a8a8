"""The interfaces of language models that choose a sentence, or write a text."""

from collections.abc import Generator, Sequence
from typing import Protocol

from edge_runtime.errors import PocketRecError


class WriterError(PocketRecError):
    """The language model did not answer; the message states the reason."""


class Writer(Protocol):
    """Chooses one of several sentences as the continuation of a prompt."""

    def write(self, prompt: str, choices: tuple[str, ...], seed: int) -> str:
        """Return the sentence that the model chose.

        Raises:
            WriterError: the model is missing, slow, rejected or crashed.
        """
        ...

    def close(self) -> None:
        """Release all resources; may be called more than once."""
        ...


class TextWriter(Writer, Protocol):
    """Also writes a text, piece by piece."""

    def stream_lines(
        self, prompt: str, lines: Sequence[Sequence[str]], seed: int | None, *, adapter: str | None = None
    ) -> Generator[str, None, None]:
        """Yield the pieces of a text; closing the iterator cancels it.

        Args:
            prompt: the prompt.
            lines: the alternatives of each line, all of which end with its line break.
            seed: random seed; None for the likeliest text, token by token.
            adapter: name of the adapter to write with; None for the model alone.

        Raises:
            WriterError: the model is missing, slow, rejected or crashed, or does other work now.
        """
        ...
