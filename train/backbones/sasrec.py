"""SASRec: causal self-attention over the sequence.

Source: Kang and McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018, https://arxiv.org/abs/1808.09781.
Where we deviate: pre-norm blocks with GELU, input scaled by sqrt(d), positions counted from the newest event, and the
full softmax instead of one sampled negative (Petrov and Macdonald 2023 show why the loss matters most).
"""

from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.backbones.attention import Block, causal_bias


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderConfig:
    """Sizes of a sequence encoder.

    Attributes:
        dim: width of item vectors and states.
        max_length: events of a sequence that are used, the newest ones.
    """

    dim: int = 64
    max_length: int = 50
    n_blocks: int = 2
    n_heads: int = 2

    def __post_init__(self) -> None:
        if min(self.dim, self.max_length, self.n_blocks, self.n_heads) < 1:
            raise ValueError(f"every size must be at least 1, got {asdict(self)}")
        if self.dim % self.n_heads:
            raise ValueError(f"dim must be a multiple of n_heads, got {self.dim} and {self.n_heads}")

    @property
    def input_scale(self) -> float:
        """What item vectors are multiplied by at the input."""
        return sqrt(self.dim)


class SASRec(nn.Module):
    """Item embeddings and a mask in, one state a position out."""

    def __init__(self, config: EncoderConfig, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.config = config
        self.dropout = dropout
        self.position = nn.Parameter(torch.empty(config.max_length, config.dim))
        nn.init.normal_(self.position, std=0.02)
        self.block = nn.ModuleList(Block(config.dim, config.n_heads, dropout) for _ in range(config.n_blocks))
        self.norm = nn.LayerNorm(config.dim)

    def forward(self, embeddings: Tensor, mask: Tensor) -> Tensor:
        """Return the state after each event.

        Args:
            embeddings: item vectors, oldest first, padding in front, ``[batch, length, dim]``.
            mask: 1 for an event, 0 for padding, ``[batch, length]``.

        Returns:
            ``[batch, length, dim]``; what stands at a padded position means nothing.
        """
        bias = causal_bias(mask)
        hidden = self._enter(embeddings)
        for block in self.block:
            hidden = block(hidden, bias)
        return self._leave(hidden)

    def last(self, embeddings: Tensor, mask: Tensor) -> Tensor:
        """Return the state after the newest event only, ``[batch, dim]``."""
        bias = causal_bias(mask)
        hidden = self._enter(embeddings)
        for index, block in enumerate(self.block):
            hidden = block(hidden, bias, last_only=index == len(self.block) - 1)
        return self._leave(hidden)[:, -1]

    def _enter(self, embeddings: Tensor) -> Tensor:
        length = embeddings.shape[1]
        # position[0] belongs to the newest event, which stands last.
        position = self.position[:length].flip(0)
        return F.dropout(embeddings * self.config.input_scale + position, self.dropout, self.training)

    def _leave(self, hidden: Tensor) -> Tensor:
        normed: Tensor = self.norm(hidden)
        return normed


def encoder_config(fields: dict[str, Any]) -> EncoderConfig:
    """Return the configuration saved in ``fields``, ignoring entries of newer versions."""
    return EncoderConfig(**{name: fields[name] for name in EncoderConfig.__dataclass_fields__ if name in fields})
