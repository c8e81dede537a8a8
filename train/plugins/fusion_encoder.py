"""A Transformer over the frozen tokens of all modalities of an item.

Implements the description of RecFusion: the tokens of each modality are projected to one width, marked by a modality
embedding, and encoded by one shared Transformer in which absent tokens are masked.

Deviation: in the description a video is a set of frames. Here frames also have a learned position embedding, because
the order of frames is information. There is none where no item has more than one frame, nor for texts and pictures,
which are one token each.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from train.backbones.attention import MASKED, Block
from train.items.features import Features

# An index of items, or a slice, which avoids a copy.
Items = Tensor | slice
ALL_ITEMS = slice(None)


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """Standardized tokens of one modality of the catalogue.

    Attributes:
        name: ``text``, ``image`` or ``video``.
        vectors: centred, root mean square 1 over present tokens, zeros where absent, float32 ``[n_items, T, W]``.
        present: bool ``[n_items, T]``.
    """

    name: str
    vectors: Tensor
    present: Tensor


def standardize(name: str, features: Features) -> Tokens:
    """Centre and scale features; the mean, which all items share, would hide the differences between items."""
    values = features.vectors[features.present].astype(np.float32)
    centred = values - values.mean(axis=0, dtype=np.float64).astype(np.float32)
    scale = float(np.sqrt(np.mean(np.square(centred, dtype=np.float64))))
    vectors = np.zeros(features.vectors.shape, dtype=np.float32)
    vectors[features.present] = centred / (scale or 1.0)
    # Tokens that no item uses would cost as much as the others.
    used = features.present.any(axis=0)
    vectors, present = vectors[:, used], features.present[:, used]
    return Tokens(name, torch.from_numpy(vectors), torch.from_numpy(present))


class FusionEncoder(nn.Module):
    """Computes one vector for each modality of an item, with or without attention to the item's other modalities.

    Attributes:
        names: names of the ``M`` modalities.
        has: which modalities each item has, bool ``[n_items, M]``.
    """

    names: tuple[str, ...]
    has: Tensor
    member: Tensor

    def __init__(
        self, tokens: Sequence[Tokens], *, width: int, n_blocks: int, n_heads: int, dropout: float, unified: bool
    ) -> None:
        """Build the encoder. The tokens are non-persistent buffers, so they are not saved with the weights.

        Args:
            tokens: tokens of the modalities, at least one.
            width: width of the shared space.
            n_blocks: number of Transformer layers.
            n_heads: attention heads of each layer.
            dropout: dropout rate of the Transformer.
            unified: False replaces the Transformer by the linear projection of each modality alone.
        """
        super().__init__()
        self.names = tuple(each.name for each in tokens)
        for each in tokens:
            self.register_buffer(f"vectors_{each.name}", each.vectors, persistent=False)
            self.register_buffer(f"present_{each.name}", each.present, persistent=False)
        has = torch.stack([each.present.any(dim=1) for each in tokens], dim=1)
        self.register_buffer("has", has, persistent=False)
        n_tokens = [each.present.shape[1] for each in tokens]
        self._single = [index for index, n in enumerate(n_tokens) if n == 1]
        self._several = [index for index, n in enumerate(n_tokens) if n > 1]
        self._everything = range(len(tokens))
        self.register_buffer("member", torch.eye(len(tokens)), persistent=False)
        self.enter = nn.ModuleDict({each.name: _linear(each.vectors.shape[2], width) for each in tokens})
        self.modality = nn.Parameter(torch.empty(len(tokens), width))
        # Only a modality with several tokens needs position embeddings.
        self.place = nn.ParameterDict(
            {self.names[index]: nn.Parameter(torch.empty(n_tokens[index], width)) for index in self._several}
        )
        for embedding in (self.modality, *self.place.values()):
            nn.init.normal_(embedding, std=0.02)
        self.block = nn.ModuleList(Block(width, n_heads, dropout) for _ in range(n_blocks if unified else 0))
        self.norm = nn.LayerNorm(width)

    def forward(self, items: Items, kept: Tensor, *, apart: bool = False) -> Tensor:
        """Return one vector for each modality, ``[items, M, width]``, arbitrary for absent modalities.

        Args:
            items: the items to encode.
            kept: False masks a modality, bool ``[items, M]``.
            apart: whether tokens of different modalities are masked from each other, as cross-modal retrieval requires:
                otherwise a text that attends to the picture would match it trivially.
        """
        kept = kept & self.has[items]
        is_long = kept[:, self._several].any(dim=1)
        if bool(is_long.all()) or not self._single:
            return self._encode(items, kept, self._everything, apart)
        if not bool(is_long.any()):
            return self._encode(items, kept, self._single, apart)
        # Few items have videos: encoding the others without empty frames saves time.
        rows = torch.arange(len(self.has), device=kept.device)[items]
        short, long = (~is_long).nonzero()[:, 0], is_long.nonzero()[:, 0]
        encoded = [
            self._encode(rows[short], kept[short], self._single, apart),
            self._encode(rows[long], kept[long], self._everything, apart),
        ]
        return torch.cat(encoded)[torch.cat([short, long]).argsort()]

    def _encode(self, items: Items, kept: Tensor, modalities: Sequence[int], apart: bool) -> Tensor:
        """Return the result of :meth:`forward` for the tokens of some modalities only."""
        hidden = torch.cat([self._enter(index, items) for index in modalities], dim=1)
        present = [getattr(self, f"present_{self.names[index]}")[items] & kept[:, index, None] for index in modalities]
        visible = torch.cat(present, dim=1)
        # The modality of each token, one-hot ``[tokens, M]``.
        member = torch.cat(
            [self.member[index].expand(each.shape[1], -1) for index, each in zip(modalities, present, strict=True)]
        )
        seen = visible[:, None, None, :]
        if apart:
            seen = seen & (member @ member.T).bool()
        bias = (~seen).to(hidden.dtype) * MASKED
        for block in self.block:
            hidden = block(hidden, bias)
        return _mean_by_modality(self.norm(hidden), visible, member)

    def _enter(self, index: int, items: Items) -> Tensor:
        name = self.names[index]
        vectors: Tensor = getattr(self, f"vectors_{name}")
        entered: Tensor = self.enter[name](vectors[items]) + self.modality[index]
        return entered + self.place[name] if name in self.place else entered


def _mean_by_modality(hidden: Tensor, visible: Tensor, member: Tensor) -> Tensor:
    """Return the mean over the visible tokens of each modality, zeros where there is none, ``[items, M, width]``."""
    weights = visible[:, :, None] * member
    total: Tensor = weights.transpose(1, 2) @ hidden
    return total / weights.sum(1).clamp(min=1.0)[:, :, None]


def _linear(n_in: int, n_out: int) -> nn.Linear:
    linear = nn.Linear(n_in, n_out)
    nn.init.xavier_uniform_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
