"""The trainable module of RecFusion: from encoded modalities to item vectors."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from train.plugins.fusion_encoder import FusionEncoder
from train.plugins.fusion_gate import ItemGate, UserGate, block_width
from train.plugins.plugin import VisibleHistory

# Chunk size when all items are encoded.
CHUNK_ITEMS = 8192
# Initial standard deviation of content vectors: that of a model's ID embeddings.
INITIAL_STD = 0.02


class Fusion(nn.Module):
    """The encoder, both gates, and the projections from the encoder's space to item vectors.

    If the catalogue has more than ``refresh_items`` items, a training step encodes a share of them, a different one in
    each step, and uses cached outputs for the others; gates and projections process all items in every step. The cache
    is recomputed from the weights before each epoch, so it is not saved.
    """

    kept: Tensor
    drawn: Tensor

    def __init__(
        self,
        encoder: FusionEncoder,
        dim: int,
        *,
        gate: bool,
        private: float,
        modality_dropout: float,
        refresh_items: int,
    ) -> None:
        """Build the module.

        Args:
            encoder: computes one vector for each modality of an item.
            dim: width of item vectors and states.
            gate: whether modalities are weighted; otherwise all weigh the same.
            private: share of the coordinates that belong to single modalities.
            modality_dropout: probability that a modality of an item is masked in a training step.
            refresh_items: approximate maximum number of items encoded in a training step.
        """
        super().__init__()
        n_items, n_modalities = encoder.has.shape
        width = encoder.modality.shape[1]
        self.encoder = encoder
        self.modality_dropout = modality_dropout
        self.n_shares = -(-n_items // refresh_items)
        self.turn = 0
        block = block_width(dim, n_modalities, private)
        self.n_shared = dim - n_modalities * block
        self.leave = nn.Parameter(torch.empty(n_modalities, width, self.n_shared + block))
        nn.init.normal_(self.leave, std=INITIAL_STD * width**-0.5)
        self.item_gate = ItemGate(width, n_modalities) if gate else None
        self.user_gate = UserGate(dim, n_modalities, block) if gate and block else None
        self.register_buffer("kept", torch.empty(0), persistent=False)
        self.register_buffer("drawn", encoder.has, persistent=False)
        self._missing: frozenset[str] = frozenset()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the modalities, in the order of the gates."""
        return self.encoder.names

    @property
    def rotates(self) -> bool:
        """Whether the catalogue is too large to encode all items in every training step."""
        return self.n_shares > 1

    def items(self, table: Tensor) -> Tensor:
        """Return item vectors with content added, ``[n_items, dim]``; items without modalities are unchanged."""
        has = self.visible()
        if self.training:
            # The user gate processes these vectors in the same step and must use the same mask.
            self.drawn = has
        return table + self.content(has)

    def weight_states(self, states: Tensor, history: VisibleHistory) -> Tensor:
        """Return the states weighted by the user gate; as ``Plugin.state``.

        Raises:
            ValueError: there is no user gate.
        """
        if self.user_gate is None:
            raise ValueError("there is no user gate to weight states; leave Plugin.state out")
        return self.user_gate.weight_states(states, history, self.shown)

    @property
    def shown(self) -> Tensor:
        """Modalities that item vectors are computed from, bool ``[n_items, M]``; in training, those of this step."""
        return self.drawn if self.training else self._present()

    @contextmanager
    def missing(self, names: Collection[str]) -> Iterator[None]:
        """Context manager in which no item has the modalities ``names``, for item vectors and the user gate.

        Raises:
            ValueError: there is no modality of such a name.
        """
        if not set(names) <= set(self.names):
            raise ValueError(f"expected modalities of {self.names}, got {tuple(names)}")
        before, self._missing = self._missing, self._missing | set(names)
        try:
            yield
        finally:
            self._missing = before

    def content(self, has: Tensor) -> Tensor:
        """Return the contribution of the modalities to item vectors, ``[n_items, dim]``; zeros without any.

        Args:
            has: mask of the modalities to use, bool ``[n_items, M]``.
        """
        pooled = self.pooled(has)
        gated = pooled * self.gates(pooled, has)[:, :, None]
        shared, own = torch.einsum("nmw,mwk->nmk", gated, self.leave).tensor_split([self.n_shared], dim=2)
        return torch.cat([shared.sum(1), own.flatten(1)], dim=1)

    def visible(self) -> Tensor:
        """Return a mask of the modalities, bool ``[n_items, M]``; in training, with modality dropout at each call."""
        has = self._present()
        return drop_modalities(has, self.modality_dropout) if self.training and self.modality_dropout else has

    def gates(self, pooled: Tensor, has: Tensor) -> Tensor:
        """Return the weight of each modality of each item, ``[n_items, M]``; as :meth:`ItemGate.forward`."""
        if self.item_gate is None:
            return has.to(pooled.dtype)
        gates: Tensor = self.item_gate(pooled, has)
        return gates

    def pooled(self, has: Tensor) -> Tensor:
        """Return one vector for each modality of each item, ``[n_items, M, width]``.

        Args:
            has: mask of the modalities to use, bool ``[n_items, M]``.
        """
        if self.training and self.rotates:
            return self._take_turn(has)
        return self._encode_all(has)

    def fill_cache(self, epoch: int, table: Tensor) -> None:
        """Fill the cache for the items that a training step does not encode; as ``Plugin.before_epoch``."""
        self._keep_all()
        self.turn = epoch % self.n_shares

    def _present(self) -> Tensor:
        has = self.encoder.has
        if not self._missing:
            return has
        return has & torch.tensor([name not in self._missing for name in self.names], device=has.device)

    def _keep_all(self) -> None:
        was_training = self.training
        self.eval()
        with torch.no_grad():
            self.kept = self._encode_all(self.encoder.has)
        self.train(was_training)

    def _take_turn(self, has: Tensor) -> Tensor:
        if len(self.kept) == 0:
            self._keep_all()
        # Neighbours in a catalogue are similar, so a share is every n-th item rather than a contiguous block.
        share = slice(self.turn % self.n_shares, None, self.n_shares)
        fresh: Tensor = self.encoder(share, has[share])
        pooled = self.kept.clone()
        pooled[share] = fresh
        self.kept[share] = fresh.detach()
        self.turn += 1
        return pooled

    def _encode_all(self, has: Tensor) -> Tensor:
        chunks = [slice(start, start + CHUNK_ITEMS) for start in range(0, len(has), CHUNK_ITEMS)]
        return torch.cat([self.encoder(chunk, has[chunk]) for chunk in chunks])


def drop_modalities(has: Tensor, rate: float) -> Tensor:
    """Return ``has`` with modalities masked at random; an item that has any keeps at least one.

    Args:
        has: bool ``[items, M]``.
        rate: probability of masking each.
    """
    draws = torch.rand(has.shape, device=has.device).masked_fill(~has, -1.0)
    largest = draws >= draws.amax(dim=1, keepdim=True)
    return has & ((draws >= rate) | largest)
