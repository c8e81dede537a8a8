"""Pre-norm Transformer blocks with the parameter names of the bundle format (SPEC section 3)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Finite, so that a fully masked row has no NaN; exp(-1e4) is exactly 0 in float32, so the mask is exact.
MASKED = -1e4


class Block(nn.Module):
    """Self-attention, then a feed-forward network, each with a layer norm before and a residual."""

    def __init__(
        self, dim: int, n_heads: int, dropout: float = 0.0, *, head_width: int | None = None, feed: int | None = None
    ) -> None:
        """Build the untrained block.

        Args:
            dim: width of the states.
            n_heads: number of attention heads.
            dropout: dropout rate, also of attention weights.
            head_width: numbers of a head; ``dim / n_heads`` if None.
            feed: width of the feed-forward network; ``dim`` if None.
        """
        super().__init__()
        joined, feed = n_heads * (head_width or dim // n_heads), feed or dim
        self.n_heads = n_heads
        self.dropout = dropout
        self.attention_norm = nn.LayerNorm(dim)
        self.query = nn.Linear(dim, joined)
        self.key = nn.Linear(dim, joined)
        self.value = nn.Linear(dim, joined)
        self.output = nn.Linear(joined, dim)
        self.feed_norm = nn.LayerNorm(dim)
        self.feed_in = nn.Linear(dim, feed)
        self.feed_out = nn.Linear(feed, dim)
        for linear in (self.query, self.key, self.value, self.output, self.feed_in, self.feed_out):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(self, hidden: Tensor, bias: Tensor, *, last_only: bool = False) -> Tensor:
        """Return the new states.

        Args:
            hidden: ``[batch, length, dim]``.
            bias: added to the attention scores, 0 or ``MASKED``, ``[batch, 1, length or 1, length]``.
            last_only: compute the last position only, which is all that the last block needs for a user state.

        Returns:
            ``[batch, length, dim]``, or ``[batch, 1, dim]`` for ``last_only``.
        """
        normed = self.attention_norm(hidden)
        queried = normed[:, -1:] if last_only else normed
        residual = hidden[:, -1:] if last_only else hidden
        attended = F.scaled_dot_product_attention(
            self._heads(self.query(queried)),
            self._heads(self.key(normed)),
            self._heads(self.value(normed)),
            attn_mask=bias[:, :, -1:] if last_only else bias,
            dropout_p=self.dropout if self.training else 0.0,
        )
        joined = attended.transpose(1, 2).flatten(2)
        hidden = residual + self._drop(self.output(joined))
        inner = F.gelu(self.feed_in(self.feed_norm(hidden)), approximate="tanh")
        return hidden + self._drop(self.feed_out(self._drop(inner)))

    def _heads(self, x: Tensor) -> Tensor:
        """``[batch, length, heads * width]`` to ``[batch, heads, length, width]``."""
        batch, length, joined = x.shape
        return x.view(batch, length, self.n_heads, joined // self.n_heads).transpose(1, 2)

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


def causal_bias(mask: Tensor) -> Tensor:
    """Return an additive attention mask in which only real, earlier events are visible.

    Args:
        mask: 1 for an event, 0 for padding, ``[batch, length]``.

    Returns:
        0 or ``MASKED``, ``[batch, 1, length, length]``.
    """
    length = mask.shape[1]
    earlier = torch.ones(length, length, dtype=mask.dtype, device=mask.device).tril()
    return ((1.0 - earlier * mask[:, None, :]) * MASKED).unsqueeze(1)


def bidirectional_bias(mask: Tensor) -> Tensor:
    """Return an additive attention mask in which every real event is visible, and no padding.

    Args:
        mask: 1 for an event, 0 for padding, ``[batch, length]``.

    Returns:
        0 or ``MASKED``, ``[batch, 1, 1, length]``.
    """
    return ((1.0 - mask) * MASKED)[:, None, None, :]


def masked_softmax(logits: Tensor, mask: Tensor) -> Tensor:
    """Return a masked softmax over the last dimension; zeros where the mask allows nothing.

    Args:
        logits: ``[..., n]``.
        mask: bool ``[..., n]``.
    """
    return logits.masked_fill(~mask, torch.finfo(logits.dtype).min).softmax(dim=-1) * mask
