"""The result type of explanations, and the interface of language model writers."""

from dataclasses import dataclass
from typing import Literal, Protocol

from edge_runtime.errors import PocketRecError
from edge_runtime.reasons.facts import Fact


@dataclass(frozen=True, slots=True)
class Reason:
    """The explanation of a recommendation.

    Attributes:
        text: one sentence.
        facts: the facts that it cites.
        source: what wrote the sentence.
        note: if the bundle has a language model, why it was not used.
    """

    text: str
    facts: tuple[Fact, ...]
    source: Literal["language model", "template"]
    note: str | None = None


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
