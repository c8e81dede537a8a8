"""Padded batches of tokens from the training corpus."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import torch
from torch import Tensor

from train.reasons.said_corpus import SaidExample

if TYPE_CHECKING:
    from tokenizers import Tokenizer

IGNORED: Final = -100
_POOL: Final = 16


class PromptedText(Protocol):
    """An example of a corpus: a prompt, which ends with a line break, and the text that follows."""

    @property
    def prompt(self) -> str:
        """The prompt."""
        ...

    @property
    def reason(self) -> str:
        """The text."""
        ...


@dataclass(frozen=True, slots=True)
class TokenizedExample:
    """A tokenized example: prompt, reason and end of text.

    Attributes:
        tokens: all tokens.
        n_prompt: number of tokens of the prompt.
        decided: positions of the tokens that a reader of the prompt cannot know; None for all after the prompt.
    """

    tokens: list[int]
    n_prompt: int
    decided: tuple[int, ...] | None = None


def encode(
    examples: Sequence[PromptedText], tokenizer: "Tokenizer", end: int, max_length: int
) -> list[TokenizedExample]:
    """Tokenize examples; those with more than ``max_length`` tokens are left out.

    Prompt and reason can be tokenized separately, because the prompt ends with a line break.
    """
    prompts = tokenizer.encode_batch([example.prompt for example in examples])
    reasons = tokenizer.encode_batch([example.reason for example in examples], add_special_tokens=False)
    encoded = [TokenizedExample([*p.ids, *r.ids, end], len(p.ids)) for p, r in zip(prompts, reasons, strict=True)]
    return [one for one in encoded if len(one.tokens) <= max_length]


def encode_said(
    examples: Sequence[SaidExample], tokenizer: "Tokenizer", end: int, max_length: int
) -> list[TokenizedExample]:
    """Tokenize decisions piece by piece, as devices do; else as :func:`encode`."""
    encoded = []
    for example in examples:
        tokens: list[int] = list(tokenizer.encode(example.prompt).ids)
        decided: list[int] = []
        n_prompt = len(tokens)
        for text, is_decided in example.pieces:
            piece = tokenizer.encode(text, add_special_tokens=False).ids
            if is_decided:
                decided += range(len(tokens), len(tokens) + len(piece))
            tokens += piece
        encoded.append(TokenizedExample([*tokens, end], n_prompt, tuple(decided)))
    return [one for one in encoded if len(one.tokens) <= max_length]


def batch_plan(examples: Sequence[TokenizedExample], batch_size: int, n_steps: int, seed: int) -> list[list[int]]:
    """Return the indices of the examples of each step: every example once per epoch, in random order.

    Batches contain examples of similar length, to reduce padding.
    """
    rng = random.Random(seed)  # noqa: S311 - an order, not a secret
    plan: list[list[int]] = []
    while len(plan) < n_steps:
        order = rng.sample(range(len(examples)), len(examples))
        for at in range(0, len(order), batch_size * _POOL):
            pool = sorted(order[at : at + batch_size * _POOL], key=lambda index: len(examples[index].tokens))
            batches = [pool[start : start + batch_size] for start in range(0, len(pool), batch_size)]
            plan.extend(rng.sample(batches, len(batches)))
    return plan[:n_steps]


def collate(examples: Sequence[TokenizedExample], *, reasons_only: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return tokens, mask and labels, each int64 ``[batch, length]``, padded on the right.

    Args:
        examples: the examples of a batch.
        reasons_only: exclude the prompt from the loss, and what is certain after it.
    """
    length = max(len(example.tokens) for example in examples)
    tokens = torch.zeros(len(examples), length, dtype=torch.int64)
    mask, labels = torch.zeros_like(tokens), torch.full_like(tokens, IGNORED)
    for row, example in enumerate(examples):
        n = len(example.tokens)
        tokens[row, :n] = torch.tensor(example.tokens)
        mask[row, :n] = 1
        if not reasons_only:
            labels[row, :n] = tokens[row, :n]
        elif example.decided is None:
            labels[row, example.n_prompt : n] = tokens[row, example.n_prompt : n]
        else:
            at = list(example.decided)
            labels[row, at] = tokens[row, at]
    return tokens, mask, labels
