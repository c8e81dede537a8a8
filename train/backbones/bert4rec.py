"""BERT4Rec: bidirectional self-attention, trained to fill in hidden events.

Sources: Sun et al., "BERT4Rec: Sequential Recommendation with Bidirectional Encoder Representations from Transformer",
CIKM 2019, https://arxiv.org/abs/1904.06690; Petrov and Macdonald, "A Systematic Review and Replicability Study of
BERT4Rec for Sequential Recommendation", RecSys 2022, https://arxiv.org/abs/2207.07483, who show that it needs far more
training than its released settings give it.

The state of a hidden event is ``LayerNorm(GELU(h W + b))``, as in the released code; it is scored against the item
vectors (the paper adds a bias an item). Where we deviate: pre-norm blocks, positions counted from the newest event, and
each event is hidden by its own draw, where the released code hides a fixed number of each sequence.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.backbones.attention import bidirectional_bias
from train.backbones.cloze import hide_at_random
from train.backbones.encoder import EncoderConfig, Events, LookUp, Supervision
from train.backbones.transformer import Transformer
from train.loop.batches import Group


class BERT4Rec(nn.Module):
    """Item embeddings and a mask in; a state is what stands at a hidden event behind those it is told of."""

    def __init__(
        self, config: EncoderConfig, *, dropout: float = 0.0, hidden_share: float = 0.2, last_share: float = 1 / 11
    ) -> None:
        """Make an untrained one.

        Args:
            config: its sizes; one position more than ``max_length`` is learnt, for the event to come.
            dropout: of everything, attention weights too.
            hidden_share: of the events of a sequence; the paper takes 0.2 for MovieLens and 0.6 for Beauty.
            last_share: of the sequences of which only the newest event is hidden, which is what ranking asks. The
                released code makes one such sample beside ten others.
        """
        super().__init__()
        if not 0.0 < hidden_share <= 1.0 or not 0.0 <= last_share <= 1.0:
            raise ValueError(
                f"expected hidden_share in (0, 1] and last_share in [0, 1], got {hidden_share} and {last_share}"
            )
        self.config = config
        self._hidden_share = hidden_share
        self._last_share = last_share
        self.hidden_event = nn.Parameter(torch.empty(config.dim))
        nn.init.normal_(self.hidden_event, std=0.02)
        self.encoder = Transformer(config, dropout=dropout, n_positions=config.max_length + 1)
        self.head = nn.Linear(config.dim, config.dim)
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.head_norm = nn.LayerNorm(config.dim)

    def forward(self, events: Events) -> Tensor:
        """Return the state after each event, ``[batch, length, dim]``; at a padded position it means nothing.

        Every prefix is encoded by itself, because the state of an event among later ones knows them. One position of
        all sequences is taken at a time, which bounds memory.
        """
        ends = range(1, events.mask.shape[1] + 1)
        return torch.stack([self.last(Events(*(part[:, :end] for part in events))) for end in ends], dim=1)

    def last(self, events: Events) -> Tensor:
        """Return the state of a hidden event behind the newest one, ``[batch, dim]``."""
        to_come = self.hidden_event.expand(len(events.mask), 1, -1)
        vectors = torch.cat([events.embeddings, to_come], dim=1)
        real = torch.cat([events.mask, torch.ones_like(events.mask[:, :1])], dim=1)
        return self._leave(self.encoder.encode_last(vectors, bidirectional_bias(real)))

    def supervise(self, group: Group, look_up: LookUp) -> Supervision:
        """Hide some events of the whole sequences, the last target included, and ask for those."""
        rows = torch.cat([group.rows, group.targets[:, -1:]], dim=1)
        real = torch.cat([group.mask, torch.ones_like(group.mask[:, :1])], dim=1)
        hidden = self._hide(real)
        vectors = torch.where(hidden[:, :, None], self.hidden_event, look_up(rows))
        states = self._leave(self.encoder.encode(vectors, bidirectional_bias(real)))
        return Supervision(states, rows.masked_fill(~hidden, -1), rows, real * ~hidden, {})

    def _hide(self, real: Tensor) -> Tensor:
        last = torch.zeros_like(real, dtype=torch.bool)
        last[:, -1] = True
        last_only = torch.rand(len(real), 1, device=real.device) < self._last_share
        return torch.where(last_only, last, hide_at_random(real, self._hidden_share))

    def _leave(self, states: Tensor) -> Tensor:
        normed: Tensor = self.head_norm(F.gelu(self.head(states), approximate="tanh"))
        return normed
