"""Learnt positions, blocks and a closing norm: what every self-attentive backbone is made of. Knows no items."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.backbones.attention import Block
from train.backbones.encoder import EncoderConfig


class Transformer(nn.Module):
    """Vectors and an attention bias in, states out; who may look at whom is the caller's."""

    def __init__(self, config: EncoderConfig, *, dropout: float = 0.0, n_positions: int | None = None) -> None:
        """Make an untrained one.

        Args:
            config: its sizes.
            dropout: of everything, attention weights too.
            n_positions: the longest sequence; ``config.max_length`` where None.
        """
        super().__init__()
        self.dropout = dropout
        self.input_scale = config.input_scale
        n_positions = config.max_length if n_positions is None else n_positions
        self.position = nn.Parameter(torch.empty(n_positions, config.dim))
        nn.init.normal_(self.position, std=0.02)
        self.block = nn.ModuleList(Block(config.dim, config.n_heads, dropout) for _ in range(config.n_blocks))
        self.norm = nn.LayerNorm(config.dim)

    def encode(self, vectors: Tensor, bias: Tensor) -> Tensor:
        """Return the state of each position.

        Args:
            vectors: of items, not yet scaled, newest last, ``[batch, length, dim]``.
            bias: added to the attention scores, see :class:`Block`.

        Returns:
            ``[batch, length, dim]``; at a padded position it means nothing, but it is finite.
        """
        hidden = self._enter(vectors)
        for block in self.block:
            hidden = block(hidden, bias)
        normed: Tensor = self.norm(hidden)
        return normed

    def encode_last(self, vectors: Tensor, bias: Tensor) -> Tensor:
        """Return the state of the last position alone, ``[batch, dim]``; arguments as :meth:`encode`."""
        hidden = self._enter(vectors)
        for index, block in enumerate(self.block):
            hidden = block(hidden, bias, last_only=index == len(self.block) - 1)
        normed: Tensor = self.norm(hidden)
        return normed[:, -1]

    def _enter(self, vectors: Tensor) -> Tensor:
        # position[0] belongs to the newest event, which stands last.
        position = self.position[: vectors.shape[1]].flip(0)
        return F.dropout(vectors * self.input_scale + position, self.dropout, self.training)
