"""SASRec: causal self-attention over the sequence.

Source: Kang and McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018, https://arxiv.org/abs/1808.09781.
Deviations: pre-norm blocks with GELU, input scaled by sqrt(d), positions counted from the newest event, and the full
softmax instead of one sampled negative (Petrov and Macdonald 2023 show why the loss matters most).
"""

from torch import Tensor

from train.backbones.attention import causal_bias
from train.backbones.encoder import EncoderConfig, Events, LookUp, Supervision, next_item_supervision
from train.backbones.transformer import Transformer
from train.loop.batches import Group


class SASRec(Transformer):
    """Maps item embeddings and a mask to a state for each position."""

    def __init__(self, config: EncoderConfig, *, dropout: float = 0.0) -> None:
        super().__init__(config, dropout=dropout)
        self.config = config

    def forward(self, events: Events) -> Tensor:
        """Return the state after each event, ``[batch, length, dim]``; arbitrary at padded positions."""
        return self.encode(events.embeddings, causal_bias(events.mask))

    def last(self, events: Events) -> Tensor:
        """Return the state after the newest event only, ``[batch, dim]``."""
        return self.user_state(events.embeddings, events.mask)

    def user_state(self, embeddings: Tensor, mask: Tensor) -> Tensor:
        """Return :meth:`last` from the inputs of a device: vectors ``[batch, length, dim]`` and a mask."""
        return self.encode_last(embeddings, causal_bias(mask))

    def supervise(self, group: Group, look_up: LookUp) -> Supervision:
        """Predict the next item at every position."""
        return next_item_supervision(self, group, look_up)
