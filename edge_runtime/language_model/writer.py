"""The interface of language models that choose a sentence."""

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
