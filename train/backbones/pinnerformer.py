"""PinnerFormer: a causal Transformer that predicts one of the next few items.

Source: Pancha et al., "PinnerFormer: Sequence Modeling for User Representation at Pinterest", KDD 2022,
https://arxiv.org/abs/2205.04507.

Dense all-action loss: the target of each position is a random event of those that follow within a window. The state is
``s * MLP(h) / ||MLP(h)||`` with a learned ``s``, the inverse of the paper's temperature.

Deviations: the window counts events and is short (the paper uses 28 days of engagement), because sequences here are
short and the ranking is evaluated on the next item; the softmax runs over the whole catalogue, so the paper's sampled
softmax with logQ correction is not needed; time and action features are left out, because the data may have no
timestamps and no action types; item vectors are learned and not normalized, where the paper has fixed ones.
"""

from math import log

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.backbones.attention import causal_bias
from train.backbones.encoder import EncoderConfig, Events, LookUp, Supervision, look_up_events
from train.backbones.transformer import Transformer
from train.loop.batches import Group


class PinnerFormer(nn.Module):
    """Maps item embeddings and a mask to a state of learned length for each position."""

    def __init__(self, config: EncoderConfig, *, dropout: float = 0.0, window: int = 3) -> None:
        """Build the untrained encoder.

        Args:
            config: sizes.
            dropout: dropout rate, also of attention weights.
            window: number of next events from which the target is drawn; 1 is next-item prediction.
        """
        super().__init__()
        if window < 1:
            raise ValueError(f"window must be at least 1 event, got {window}")
        self.config = config
        self.dropout = dropout
        self._window = window
        self.encoder = Transformer(config, dropout=dropout)
        self.head_in = nn.Linear(config.dim, config.dim)
        self.head_out = nn.Linear(config.dim, config.dim)
        for linear in (self.head_in, self.head_out):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
        # The length of a layer norm's output.
        self.log_scale = nn.Parameter(torch.tensor(log(config.input_scale)))

    def forward(self, events: Events) -> Tensor:
        """Return the state after each event, ``[batch, length, dim]``; arbitrary at padded positions."""
        return self._leave(self.encoder.encode(events.embeddings, causal_bias(events.mask)))

    def last(self, events: Events) -> Tensor:
        """Return the state after the newest event, ``[batch, dim]``."""
        return self._leave(self.encoder.encode_last(events.embeddings, causal_bias(events.mask)))

    def supervise(self, group: Group, look_up: LookUp) -> Supervision:
        """Predict a random one of the next few items at every position."""
        states = self(look_up_events(group, look_up))
        return Supervision(states, draw_within(group.targets, self._window), group.rows, group.mask, {})

    def _leave(self, states: Tensor) -> Tensor:
        inner = F.dropout(F.gelu(self.head_in(states), approximate="tanh"), self.dropout, self.training)
        return self.log_scale.exp() * F.normalize(self.head_out(inner), dim=-1)


def draw_within(targets: Tensor, window: int) -> Tensor:
    """Draw a target for each position, uniformly from its own and the following ones, with torch's global generator.

    Args:
        targets: the row that followed each event, -1 without a target, int64 ``[batch, length]``.
        window: number of targets to draw from, including the position's own; fewer at the end of a sequence.
    """
    length = targets.shape[1]
    position = torch.arange(length, device=targets.device)
    reach = (length - position).clamp(max=window)
    step = (torch.rand(targets.shape, device=targets.device) * reach).long().minimum(reach - 1)
    return targets.gather(1, position + step).masked_fill(targets < 0, -1)
