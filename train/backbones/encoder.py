"""The interface of backbones: configuration, inputs, states and training targets."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import sqrt
from typing import Any, NamedTuple, Protocol

from torch import Tensor, nn

from train.loop.batches import Group

# Maps catalogue rows, int64 ``[...]``, to item vectors ``[..., dim]``.
LookUp = Callable[[Tensor], Tensor]


MAX_BLOCKS = 32
"""Largest number of blocks, which is that of the bundle format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderConfig:
    """Sizes of a sequence encoder.

    Attributes:
        dim: width of item vectors and states.
        max_length: maximum number of events of a sequence; the newest are used.
        n_blocks: number of blocks.
        n_heads: number of attention heads of a block before pruning; a head has ``dim / n_heads`` numbers.
        heads: number of heads of each block; ``n_heads`` each if empty.
        feed: width of the feed-forward part of each block; ``dim`` each if empty.
    """

    dim: int = 64
    max_length: int = 50
    n_blocks: int = 2
    n_heads: int = 2
    heads: tuple[int, ...] = ()
    feed: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if min(self.dim, self.max_length, self.n_blocks, self.n_heads, *self.heads, *self.feed) < 1:
            raise ValueError(f"every size must be at least 1, got {asdict(self)}")
        if self.n_blocks > MAX_BLOCKS:
            raise ValueError(f"n_blocks must be at most {MAX_BLOCKS}, got {self.n_blocks}")
        if self.dim % self.n_heads:
            raise ValueError(f"dim must be a multiple of n_heads, got {self.dim} and {self.n_heads}")
        if {len(self.heads), len(self.feed)} - {0, self.n_blocks}:
            raise ValueError(
                f"heads and feed must have an entry for each of {self.n_blocks} blocks, got {asdict(self)}"
            )
        if max(self.heads, default=1) > self.n_heads:
            raise ValueError(f"a block must have at most {self.n_heads} heads, got {self.heads}")

    @property
    def block_heads(self) -> tuple[int, ...]:
        """Number of attention heads of each block."""
        return self.heads or (self.n_heads,) * self.n_blocks

    @property
    def block_feed(self) -> tuple[int, ...]:
        """Width of the feed-forward part of each block."""
        return self.feed or (self.dim,) * self.n_blocks

    def with_blocks(self, heads: Sequence[int], feed: Sequence[int]) -> "EncoderConfig":
        """Return the sizes with other blocks, of which each has a number of heads and a feed-forward width."""
        whole = EncoderConfig(dim=self.dim, max_length=self.max_length, n_blocks=len(heads), n_heads=self.n_heads)
        return replace(
            whole,
            heads=() if tuple(heads) == whole.block_heads else tuple(heads),
            feed=() if tuple(feed) == whole.block_feed else tuple(feed),
        )

    @property
    def input_scale(self) -> float:
        """Factor of the item vectors at the input."""
        return sqrt(self.dim)


def encoder_config(fields: Mapping[str, Any]) -> EncoderConfig:
    """Return the configuration saved in ``fields``, ignoring entries of newer versions."""
    known = {name: fields[name] for name in EncoderConfig.__dataclass_fields__ if name in fields}
    lists = {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
    return EncoderConfig(**known | lists)


class Events(NamedTuple):
    """Sequences of a batch of users, oldest event first, padding in front.

    Attributes:
        embeddings: item vectors, ``[batch, length, dim]``.
        mask: 1 for an event, 0 for padding, float32 ``[batch, length]``.
        rows: catalogue rows, for backbones that use attributes of items; 0 for padding, int64 ``[batch, length]``.
    """

    embeddings: Tensor
    mask: Tensor
    rows: Tensor


class Supervision(NamedTuple):
    """The states of a group of sequences, and the targets that they are trained to predict.

    The number of ``positions`` may differ from the length of the group.

    Attributes:
        states: ``[batch, positions, dim]``.
        targets: the row to predict, -1 without a target, int64 ``[batch, positions]``.
        rows: the catalogue row at each position, int64 ``[batch, positions]``.
        visible: 1 for an event that a plug-in may use, 0 for padding and for events that the backbone masks, float32
            ``[batch, positions]``. A state may use visible events up to its own position only.
        terms: weighted additional losses of the backbone, by name.
    """

    states: Tensor
    targets: Tensor
    rows: Tensor
    visible: Tensor
    terms: Mapping[str, Tensor]


class Backbone(Protocol):
    """A sequence encoder; an ``nn.Module`` that can be combined with any plug-in."""

    config: EncoderConfig

    def __call__(self, events: Events) -> Tensor:
        """Return the state after each event, which predicts the next item, ``[batch, length, dim]``."""
        ...

    def last(self, events: Events) -> Tensor:
        """Return the state after the newest event, ``[batch, dim]``."""
        ...

    def supervise(self, group: Group, look_up: LookUp) -> Supervision:
        """Return states and targets of this backbone's training task: next item, cloze, ..."""
        ...

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """Return the parameters, as ``nn.Module`` does."""
        ...


def look_up_events(group: Group, look_up: LookUp) -> Events:
    """Return the events of a group with their item vectors."""
    return Events(look_up(group.rows), group.mask, group.rows)


def next_item_supervision(backbone: Backbone, group: Group, look_up: LookUp) -> Supervision:
    """Return the task of predicting the next item at every position of a causal backbone."""
    return Supervision(backbone(look_up_events(group, look_up)), group.targets, group.rows, group.mask, {})
