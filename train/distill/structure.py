"""What may be cut out of an encoder: whole blocks, attention heads and feed-forward channels, with their weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from train.backbones.encoder import EncoderConfig
from train.backbones.sasrec import SASRec

_BLOCK = "block."


@dataclass(frozen=True, slots=True)
class KeptBlock:
    """What is kept of a block.

    Attributes:
        index: the block's place in the whole encoder.
        heads: attention heads, ascending, at least one.
        channels: feed-forward channels, ascending, at least one.
    """

    index: int
    heads: tuple[int, ...]
    channels: tuple[int, ...]


Kept = tuple[KeptBlock, ...]
"""What is kept of an encoder: its blocks, in order."""


def everything(config: EncoderConfig, blocks: Sequence[int] | None = None) -> Kept:
    """Return all heads and channels of all blocks, or of the given ones."""
    return tuple(
        KeptBlock(index, tuple(range(config.block_heads[index])), tuple(range(config.block_feed[index])))
        for index in (range(config.n_blocks) if blocks is None else blocks)
    )


def sizes_of(config: EncoderConfig, kept: Kept) -> EncoderConfig:
    """Return the sizes of an encoder that consists of the kept parts of one of sizes ``config``."""
    return config.with_blocks([len(block.heads) for block in kept], [len(block.channels) for block in kept])


def cut(encoder: SASRec, kept: Kept, *, dropout: float = 0.0) -> SASRec:
    """Return a copy of the encoder with the kept parts only: its matrices have fewer rows and columns."""
    config, weights = encoder.config, encoder.state_dict()
    copy = SASRec(sizes_of(config, kept), dropout=dropout)
    chosen = {name: tensor for name, tensor in weights.items() if not name.startswith(_BLOCK)}
    for place, block in enumerate(kept):
        prefix = f"{_BLOCK}{block.index}."
        whole = {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}
        cut_ = _cut_block(whole, block, config.dim // config.n_heads)
        chosen |= {f"{_BLOCK}{place}.{name}": tensor for name, tensor in cut_.items()}
    copy.load_state_dict(chosen)
    return copy.train(encoder.training)


def _cut_block(weights: Mapping[str, Tensor], block: KeptBlock, head_width: int) -> dict[str, Tensor]:
    """Return the weights of a block without the rows and columns of other heads and channels."""
    heads = (torch.tensor(block.heads)[:, None] * head_width + torch.arange(head_width)).flatten()
    channels = torch.tensor(block.channels)
    rows = {"query": heads, "key": heads, "value": heads, "feed_in": channels}
    columns = {"output": heads, "feed_out": channels}
    found = {}
    for name, tensor in weights.items():
        layer, _, part = name.partition(".")
        if layer in rows:
            tensor = tensor[rows[layer]]
        elif layer in columns and part == "weight":
            tensor = tensor[:, columns[layer]]
        found[name] = tensor
    return found
