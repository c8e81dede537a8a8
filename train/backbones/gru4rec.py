"""GRU4Rec: a recurrent network over the sequence.

Sources: Hidasi et al., "Session-based Recommendations with Recurrent Neural Networks", ICLR 2016,
https://arxiv.org/abs/1511.06939; Hidasi and Karatzoglou, "Recurrent Neural Networks with Top-k Gains for Session-based
Recommendations", CIKM 2018, https://arxiv.org/abs/1706.03847.

Deviations: whole sequences and the full softmax instead of session-parallel batches with sampled ranking losses
(BPR-max and TOP1-max approximate the softmax, which is affordable here), item vectors tied to the output, and a linear
projection from the recurrent width to theirs.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.backbones.encoder import EncoderConfig, Events, LookUp, Supervision, next_item_supervision
from train.loop.batches import Group


class GRU4Rec(nn.Module):
    """Maps item embeddings and a mask to a state for each position; ``n_heads`` of the configuration is not used."""

    def __init__(self, config: EncoderConfig, *, dropout: float = 0.0, width: int | None = None) -> None:
        """Build the untrained encoder.

        Args:
            config: sizes; ``n_blocks`` is the number of recurrent layers.
            dropout: dropout rate of the input, between layers, and of the output.
            width: width of the recurrent state; twice ``config.dim`` if None.
        """
        super().__init__()
        self.config = config
        self.dropout = dropout
        width = 2 * config.dim if width is None else width
        # With a single layer there is nothing to drop out between layers, and torch warns.
        between = dropout if config.n_blocks > 1 else 0.0
        self.gru = nn.GRU(config.dim, width, config.n_blocks, batch_first=True, dropout=between)
        self.output = nn.Linear(width, config.dim)
        nn.init.xavier_uniform_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, events: Events) -> Tensor:
        """Return the state after each event, ``[batch, length, dim]``; arbitrary at padded positions."""
        return self._leave(self._recur(events))

    def last(self, events: Events) -> Tensor:
        """Return the state after the newest event, ``[batch, dim]``."""
        return self._leave(self._recur(events)[:, -1])

    def supervise(self, group: Group, look_up: LookUp) -> Supervision:
        """Predict the next item at every position."""
        return next_item_supervision(self, group, look_up)

    def _recur(self, events: Events) -> Tensor:
        """Return the hidden state after each event, ``[batch, length, width]``.

        Padding would change the hidden state through its biases. Events are therefore moved to the front, where every
        sequence starts from zero, and states are moved back to the positions of their events.
        """
        entered = F.dropout(events.embeddings * self.config.input_scale, self.dropout, self.training)
        events_first = torch.argsort(events.mask, dim=1, descending=True, stable=True)
        after, _ = self.gru(_take(entered, events_first))
        position = (events.mask.cumsum(1).long() - 1).clamp(min=0)
        return _take(after, position)

    def _leave(self, hidden: Tensor) -> Tensor:
        projected: Tensor = self.output(F.dropout(hidden, self.dropout, self.training))
        return projected


def _take(vectors: Tensor, positions: Tensor) -> Tensor:
    """Return ``vectors[b, positions[b, t]]`` at ``[b, t]``."""
    return vectors.gather(1, positions[:, :, None].expand(-1, -1, vectors.shape[2]))
