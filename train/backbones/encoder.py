"""What every backbone takes and gives. Knows no items, no plug-ins, and no loss over the catalogue."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any, NamedTuple, Protocol

from torch import Tensor, nn

from train.loop.batches import Group

# From catalogue rows, int64 ``[...]``, to item vectors ``[..., dim]``.
LookUp = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderConfig:
    """Sizes of a sequence encoder.

    Attributes:
        dim: width of item vectors and states.
        max_length: events of a sequence that are used, the newest ones.
    """

    dim: int = 64
    max_length: int = 50
    n_blocks: int = 2
    n_heads: int = 2

    def __post_init__(self) -> None:
        if min(self.dim, self.max_length, self.n_blocks, self.n_heads) < 1:
            raise ValueError(f"every size must be at least 1, got {asdict(self)}")
        if self.dim % self.n_heads:
            raise ValueError(f"dim must be a multiple of n_heads, got {self.dim} and {self.n_heads}")

    @property
    def input_scale(self) -> float:
        """What item vectors are multiplied by at the input."""
        return sqrt(self.dim)


def encoder_config(fields: Mapping[str, Any]) -> EncoderConfig:
    """Return the configuration saved in ``fields``, ignoring entries of newer versions."""
    return EncoderConfig(**{name: fields[name] for name in EncoderConfig.__dataclass_fields__ if name in fields})


class Events(NamedTuple):
    """Some users' sequences, oldest event first, padding in front.

    Attributes:
        embeddings: item vectors, ``[batch, length, dim]``.
        mask: 1 for an event, 0 for padding, float32 ``[batch, length]``.
        rows: catalogue rows, for backbones that know more of an item than its vector; 0 where padded, int64
            ``[batch, length]``.
    """

    embeddings: Tensor
    mask: Tensor
    rows: Tensor


class Supervision(NamedTuple):
    """What a backbone's way of training asks about one group: these states are to predict these rows.

    ``positions`` may differ from the length of the group.

    Attributes:
        states: ``[batch, positions, dim]``.
        targets: the row to predict, -1 where nothing is asked, int64 ``[batch, positions]``.
        rows: what stands at each position, as catalogue rows, int64 ``[batch, positions]``.
        visible: 1 for an event that a plug-in may look at, 0 for padding and for what the backbone hides (a cloze),
            float32 ``[batch, positions]``. A state may be told of visible events up to its own position, of no other.
        terms: losses of the backbone's own, weighted, by name.
    """

    states: Tensor
    targets: Tensor
    rows: Tensor
    visible: Tensor
    terms: Mapping[str, Tensor]


class Backbone(Protocol):
    """A sequence encoder; an ``nn.Module`` that composes with any plug-in."""

    config: EncoderConfig

    def __call__(self, events: Events) -> Tensor:
        """Return the state after each event, of which the next item is predicted, ``[batch, length, dim]``."""
        ...

    def last(self, events: Events) -> Tensor:
        """Return the state after the newest event, ``[batch, dim]``."""
        ...

    def supervise(self, group: Group, look_up: LookUp) -> Supervision:
        """Return what this backbone is trained on: its next item at every position, a cloze, ..."""
        ...

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """Return what is trained, as ``nn.Module`` does."""
        ...


def look_up_events(group: Group, look_up: LookUp) -> Events:
    """Return a group's events with their item vectors."""
    return Events(look_up(group.rows), group.mask, group.rows)


def next_item_supervision(backbone: Backbone, group: Group, look_up: LookUp) -> Supervision:
    """Ask every position of a causal backbone for the event that followed it."""
    return Supervision(backbone(look_up_events(group, look_up)), group.targets, group.rows, group.mask, {})
