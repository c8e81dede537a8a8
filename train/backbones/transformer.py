"""Learned positions, blocks and a final norm: the common part of all self-attentive backbones."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.backbones.attention import Block
from train.backbones.encoder import EncoderConfig


class Transformer(nn.Module):
    """Maps vectors and an additive attention mask to states."""

    def __init__(self, config: EncoderConfig, *, dropout: float = 0.0, n_positions: int | None = None) -> None:
        """Build the untrained encoder.

        Args:
            config: sizes.
            dropout: dropout rate, also of attention weights.
            n_positions: maximum length of a sequence; ``config.max_length`` if None.
        """
        super().__init__()
        self.dropout = dropout
        self.input_scale = config.input_scale
        n_positions = config.max_length if n_positions is None else n_positions
        self.position = nn.Parameter(torch.empty(n_positions, config.dim))
        nn.init.normal_(self.position, std=0.02)
        width = config.dim // config.n_heads
        self.block = nn.ModuleList(
            Block(config.dim, heads, dropout, head_width=width, feed=feed)
            for heads, feed in zip(config.block_heads, config.block_feed, strict=True)
        )
        self.norm = nn.LayerNorm(config.dim)

    def encode(self, vectors: Tensor, bias: Tensor) -> Tensor:
        """Return the state of each position.

        Args:
            vectors: item vectors, not yet scaled, newest last, ``[batch, length, dim]``.
            bias: additive attention mask, see :class:`Block`.

        Returns:
            ``[batch, length, dim]``; arbitrary but finite at padded positions.
        """
        hidden = self._enter(vectors)
        for block in self.block:
            hidden = block(hidden, bias)
        normed: Tensor = self.norm(hidden)
        return normed

    def encode_last(self, vectors: Tensor, bias: Tensor) -> Tensor:
        """Return the state of the last position only, ``[batch, dim]``; arguments as for :meth:`encode`."""
        hidden = self._enter(vectors)
        for index, block in enumerate(self.block):
            hidden = block(hidden, bias, last_only=index == len(self.block) - 1)
        normed: Tensor = self.norm(hidden)
        return normed[:, -1]

    def _enter(self, vectors: Tensor) -> Tensor:
        # position[0] belongs to the newest event, which is last.
        position = self.position[: vectors.shape[1]].flip(0)
        return F.dropout(vectors * self.input_scale + position, self.dropout, self.training)
