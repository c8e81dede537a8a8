"""One Transformer over the frozen tokens of every modality of an item. Knows neither users nor item vectors.

After the description of RecFusion: each modality's tokens are mapped to one width, told apart by a modality embedding,
and read by one shared Transformer that sees what is there and nothing else.

Where we deviate: there, a video is a set of frames. Here its frames are also told apart by a learnt embedding of their
place, so it is a sequence: frames come in the order of the video, and order is information. Where no item has more than
one frame there is no such embedding, nor for texts and pictures, which are one token each.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from train.backbones.attention import MASKED, Block
from train.items.features import Features

# Which items: an index, or a slice, which copies nothing.
Items = Tensor | slice
EVERYTHING = slice(None)


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """One modality of the catalogue, ready for a linear map.

    Attributes:
        name: ``text``, ``image`` or ``video``.
        vectors: centred, root mean square 1 over what is there, zeros where absent, float32 ``[n_items, T, W]``.
        present: bool ``[n_items, T]``.
    """

    name: str
    vectors: Tensor
    present: Tensor


def standardized(name: str, features: Features) -> Tokens:
    """Return features without the direction that all of them share, which would hide what tells items apart."""
    found = features.vectors[features.present].astype(np.float32)
    centred = found - found.mean(axis=0, dtype=np.float64).astype(np.float32)
    scale = float(np.sqrt(np.mean(np.square(centred, dtype=np.float64))))
    vectors = np.zeros(features.vectors.shape, dtype=np.float32)
    vectors[features.present] = centred / (scale or 1.0)
    # TokenLayout that no item uses would cost as much as the others.
    used = features.present.any(axis=0)
    vectors, present = vectors[:, used], features.present[:, used]
    return Tokens(name, torch.from_numpy(vectors), torch.from_numpy(present))


class FusionEncoder(nn.Module):
    """From items to one vector a modality, each informed by the item's other modalities, or kept apart from them.

    Attributes:
        names: the modalities, ``M`` of them.
        has: which modalities an item has at all, bool ``[n_items, M]``.
    """

    names: tuple[str, ...]
    has: Tensor
    member: Tensor

    def __init__(
        self, tokens: Sequence[Tokens], *, width: int, n_blocks: int, n_heads: int, dropout: float, unified: bool
    ) -> None:
        """Prepare the encoder; the tokens are kept with it, and are not saved with its weights.

        Args:
            tokens: the modalities, at least one.
            width: of the space that they share.
            n_blocks: layers of the Transformer.
            n_heads: heads of each.
            dropout: while training.
            unified: without it there is no Transformer: each modality has its linear map and no more.
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
        # Only a modality of several tokens has places to tell apart.
        self.place = nn.ParameterDict(
            {self.names[index]: nn.Parameter(torch.empty(n_tokens[index], width)) for index in self._several}
        )
        for embedding in (self.modality, *self.place.values()):
            nn.init.normal_(embedding, std=0.02)
        self.block = nn.ModuleList(Block(width, n_heads, dropout) for _ in range(n_blocks if unified else 0))
        self.norm = nn.LayerNorm(width)

    def forward(self, items: Items, kept: Tensor, *, apart: bool = False) -> Tensor:
        """Return one vector a modality, ``[items, M, width]``; it means nothing for a modality that is not there.

        Args:
            items: which.
            kept: False for a modality that is to be overlooked, bool ``[items, M]``.
            apart: whether the tokens of different modalities are hidden from each other, as retrieval across them
                demands: a text that has seen the picture would find it.
        """
        kept = kept & self.has[items]
        is_long = kept[:, self._several].any(dim=1)
        if bool(is_long.all()) or not self._single:
            return self._encode(items, kept, self._everything, apart)
        if not bool(is_long.any()):
            return self._encode(items, kept, self._single, apart)
        # Few items have videos: the others are not made to carry empty frames.
        rows = torch.arange(len(self.has), device=kept.device)[items]
        short, long = (~is_long).nonzero()[:, 0], is_long.nonzero()[:, 0]
        encoded = [
            self._encode(rows[short], kept[short], self._single, apart),
            self._encode(rows[long], kept[long], self._everything, apart),
        ]
        return torch.cat(encoded)[torch.cat([short, long]).argsort()]

    def _encode(self, items: Items, kept: Tensor, modalities: Sequence[int], apart: bool) -> Tensor:
        """Return what :meth:`forward` does, looking at the tokens of some modalities only."""
        hidden = torch.cat([self._enter(index, items) for index in modalities], dim=1)
        present = [getattr(self, f"present_{self.names[index]}")[items] & kept[:, index, None] for index in modalities]
        visible = torch.cat(present, dim=1)
        # The modality of each token, as one row in ``[tokens, M]``.
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
