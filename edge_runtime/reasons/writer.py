"""What a reason is, and what writes one."""

from dataclasses import dataclass
from typing import Literal, Protocol

from edge_runtime.errors import PocketRecError
from edge_runtime.reasons.facts import Fact


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an item was recommended.

    Attributes:
        text: one sentence, every claim of it true of the item and of the history.
        facts: what it claims.
        source: what chose the words.
        note: why it was not the language model, where a bundle has one.
    """

    text: str
    facts: tuple[Fact, ...]
    source: Literal["language model", "template"]
    note: str | None = None


class WriterError(PocketRecError):
    """The language model did not answer; the message says why."""


class Writer(Protocol):
    """Continues a prompt with one of several sentences."""

    def write(self, prompt: str, choices: tuple[str, ...], seed: int) -> str:
        """Return the sentence that the model chose.

        Raises:
            WriterError: it is absent, slow, refused or crashed.
        """
        ...

    def close(self) -> None:
        """Give back what the writer holds; it may be called twice."""
        ...
