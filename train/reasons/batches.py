"""The corpus as padded batches of tokens."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from train.reasons.corpus import Example

if TYPE_CHECKING:
    from tokenizers import Tokenizer

IGNORED: Final = -100
_POOL: Final = 16


@dataclass(frozen=True, slots=True)
class Encoded:
    """One example as tokens: the prompt, the reason, the end of text.

    Attributes:
        tokens: of all three.
        n_prompt: how many of them are the prompt's.
    """

    tokens: list[int]
    n_prompt: int


def encode(examples: Sequence[Example], tokenizer: "Tokenizer", end: int, longest: int) -> list[Encoded]:
    """Return the examples as tokens, those beyond ``longest`` left out.

    The prompt ends with a line break, so that prompt and reason may be cut apart without changing a token.
    """
    prompts = tokenizer.encode_batch([example.prompt for example in examples])
    reasons = tokenizer.encode_batch([example.reason for example in examples], add_special_tokens=False)
    encoded = [Encoded([*p.ids, *r.ids, end], len(p.ids)) for p, r in zip(prompts, reasons, strict=True)]
    return [one for one in encoded if len(one.tokens) <= longest]


def batch_plan(examples: Sequence[Encoded], batch_size: int, n_steps: int, seed: int) -> list[list[int]]:
    """Return which examples each step takes: all in turn, in an order drawn anew for each round.

    Examples of similar length go together, so that little of a batch is padding.
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


def collate(examples: Sequence[Encoded], *, reasons_only: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return tokens, mask and labels, each int64 ``[batch, length]``, padded behind.

    Args:
        examples: of one batch.
        reasons_only: leave the prompt out of the loss.
    """
    length = max(len(example.tokens) for example in examples)
    tokens = torch.zeros(len(examples), length, dtype=torch.int64)
    mask, labels = torch.zeros_like(tokens), torch.full_like(tokens, IGNORED)
    for row, example in enumerate(examples):
        n = len(example.tokens)
        tokens[row, :n] = torch.tensor(example.tokens)
        mask[row, :n] = 1
        start = example.n_prompt if reasons_only else 0
        labels[row, start:n] = tokens[row, start:n]
    return tokens, mask, labels
