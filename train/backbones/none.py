"""No backbone: every state is zero, so that items are ranked by plug-ins' log-scores alone. Nothing is trained."""

from torch import Tensor, nn

from train.backbones.encoder import EncoderConfig, Events, LookUp, Supervision, next_item_supervision
from train.loop.batches import Group


class NoBackbone(nn.Module):
    """A backbone without parameters.

    Args:
        config: sizes; ``dim`` and ``max_length`` are used.
        dropout: not used.
    """

    def __init__(self, config: EncoderConfig, dropout: float = 0.0) -> None:
        super().__init__()
        self.config = config

    def forward(self, events: Events) -> Tensor:
        """Return zeros, ``[batch, length, dim]``."""
        return events.embeddings.new_zeros(events.embeddings.shape)

    def last(self, events: Events) -> Tensor:
        """Return zeros, ``[batch, dim]``."""
        return events.embeddings.new_zeros(len(events.rows), events.embeddings.shape[-1])

    def supervise(self, group: Group, look_up: LookUp) -> Supervision:
        """Return zero states with the next items as targets."""
        return next_item_supervision(self, group, look_up)
