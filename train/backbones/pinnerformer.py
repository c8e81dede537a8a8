"""PinnerFormer: a causal transformer that is asked for what follows soon, not only next.

Source: Pancha et al., "PinnerFormer: Sequence Modeling for User Representation at Pinterest", KDD 2022,
https://arxiv.org/abs/2205.04507.

Dense all-action loss: each position is asked for one event drawn at random from those that follow within a window. The
state is ``s * MLP(h) / ||MLP(h)||`` with a learnt ``s``, the inverse of the paper's temperature.

Where we deviate: the window counts events and is short (the paper takes 28 days of engagement), because sequences here
are short and the ranking asks for the very next event; the model's softmax goes over the whole catalogue, so that the
paper's sampled softmax with logQ correction is not needed; time and action features are left out, because the data may
have no clock and no kinds of action; item vectors are learnt and not normalized, where the paper has fixed ones.
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
    """Item embeddings and a mask in, one state of learnt length a position out."""

    def __init__(self, config: EncoderConfig, *, dropout: float = 0.0, window: int = 3) -> None:
        """Make an untrained one.

        Args:
            config: its sizes.
            dropout: of everything, attention weights too.
            window: events among which the one to predict is drawn; 1 always asks for the next.
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
        # The length that a layer norm gives.
        self.log_scale = nn.Parameter(torch.tensor(log(config.input_scale)))

    def forward(self, events: Events) -> Tensor:
        """Return the state after each event, ``[batch, length, dim]``; at a padded position it means nothing."""
        return self._leave(self.encoder.encode(events.embeddings, causal_bias(events.mask)))

    def last(self, events: Events) -> Tensor:
        """Return the state after the newest event, ``[batch, dim]``."""
        return self._leave(self.encoder.encode_last(events.embeddings, causal_bias(events.mask)))

    def supervise(self, group: Group, look_up: LookUp) -> Supervision:
        """Ask every position for one of the events that soon followed it."""
        states = self(look_up_events(group, look_up))
        return Supervision(states, draw_within(group.targets, self._window), group.rows, group.mask, {})

    def _leave(self, states: Tensor) -> Tensor:
        inner = F.dropout(F.gelu(self.head_in(states), approximate="tanh"), self.dropout, self.training)
        return self.log_scale.exp() * F.normalize(self.head_out(inner), dim=-1)


def draw_within(targets: Tensor, window: int) -> Tensor:
    """Return for each position one target of those at it and behind it, uniformly, from torch's global generator.

    Args:
        targets: the row that followed each event, -1 where there is none to predict, int64 ``[batch, length]``.
        window: how many targets are drawn from, the position's own included; fewer where the sequence ends.
    """
    length = targets.shape[1]
    place = torch.arange(length, device=targets.device)
    reach = (length - place).clamp(max=window)
    step = (torch.rand(targets.shape, device=targets.device) * reach).long().minimum(reach - 1)
    return targets.gather(1, place + step).masked_fill(targets < 0, -1)
