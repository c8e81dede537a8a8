"""BERT4Rec: bidirectional self-attention, trained to predict masked events.

Sources: Sun et al., "BERT4Rec: Sequential Recommendation with Bidirectional Encoder Representations from Transformer",
CIKM 2019, https://arxiv.org/abs/1904.06690; Petrov and Macdonald, "A Systematic Review and Replicability Study of
BERT4Rec for Sequential Recommendation", RecSys 2022, https://arxiv.org/abs/2207.07483, which shows that it needs far
longer training than its original settings.

The state of a masked event is ``LayerNorm(GELU(h W + b))``, as in the released code; it is scored against the item
vectors (the paper adds a bias for each item). Deviations: pre-norm blocks, positions counted from the newest event, and
independent masking of each event, where the released code masks a fixed number in each sequence.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.backbones.attention import bidirectional_bias
from train.backbones.cloze import mask_randomly
from train.backbones.encoder import EncoderConfig, Events, LookUp, Supervision
from train.backbones.transformer import Transformer
from train.loop.batches import Group


class BERT4Rec(nn.Module):
    """Maps item embeddings and a mask to states; a user's state is that of a masked event after the newest one."""

    def __init__(
        self, config: EncoderConfig, *, dropout: float = 0.0, hidden_share: float = 0.2, last_share: float = 1 / 11
    ) -> None:
        """Build the untrained encoder.

        Args:
            config: sizes; there is one position more than ``max_length``, for the masked next event.
            dropout: dropout rate, also of attention weights.
            hidden_share: probability of masking an event; the paper uses 0.2 for MovieLens and 0.6 for Beauty.
            last_share: share of the sequences in which only the newest event is masked, as in ranking. The released
                code makes one such sample for ten others.
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
        """Return the state after each event, ``[batch, length, dim]``; arbitrary at padded positions.

        Every prefix is encoded separately, because the state of an event depends on later ones. Positions are processed
        one at a time to bound memory.
        """
        ends = range(1, events.mask.shape[1] + 1)
        return torch.stack([self.last(Events(*(part[:, :end] for part in events))) for end in ends], dim=1)

    def last(self, events: Events) -> Tensor:
        """Return the state of a masked event after the newest one, ``[batch, dim]``."""
        to_come = self.hidden_event.expand(len(events.mask), 1, -1)
        vectors = torch.cat([events.embeddings, to_come], dim=1)
        real = torch.cat([events.mask, torch.ones_like(events.mask[:, :1])], dim=1)
        return self._leave(self.encoder.encode_last(vectors, bidirectional_bias(real)))

    def supervise(self, group: Group, look_up: LookUp) -> Supervision:
        """Mask some events of the sequences, including the last target, and predict them."""
        rows = torch.cat([group.rows, group.targets[:, -1:]], dim=1)
        real = torch.cat([group.mask, torch.ones_like(group.mask[:, :1])], dim=1)
        masked = self._mask_events(real)
        vectors = torch.where(masked[:, :, None], self.hidden_event, look_up(rows))
        states = self._leave(self.encoder.encode(vectors, bidirectional_bias(real)))
        return Supervision(states, rows.masked_fill(~masked, -1), rows, real * ~masked, {})

    def _mask_events(self, real: Tensor) -> Tensor:
        last = torch.zeros_like(real, dtype=torch.bool)
        last[:, -1] = True
        last_only = torch.rand(len(real), 1, device=real.device) < self._last_share
        return torch.where(last_only, last, mask_randomly(real, self._hidden_share))

    def _leave(self, states: Tensor) -> Tensor:
        normed: Tensor = self.head_norm(F.gelu(self.head(states), approximate="tanh"))
        return normed
