"""From encoded modalities to item vectors: what RecFusion trains. Knows no users but through the user's gate."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from train.plugins.fusion_encoder import FusionEncoder
from train.plugins.fusion_gate import ItemGate, UserGate, block_width
from train.plugins.plugin import Past

# Items that are encoded at once where not all of them are.
CHUNK_ITEMS = 8192
# Of content vectors before training: as small as the vectors that a model draws for its items.
INITIAL_STD = 0.02


class Fusion(nn.Module):
    """The encoder, both gates, and the maps from the encoder's space to item vectors.

    A training step of a catalogue of more than ``refresh_items`` encodes a share of the items, another one each step,
    and takes what the encoder said of the others last time; gates and maps see all items in every step. What is kept is
    made anew before each epoch, from weights alone, so it is not saved.
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
        """Compose the module.

        Args:
            encoder: gives one vector a modality.
            dim: width of item vectors and states.
            gate: whether modalities are weighed; else they count the same.
            private: share of the coordinates that are owned by single modalities.
            modality_dropout: chance that a modality of an item is hidden for a training step.
            refresh_items: about how many items a training step encodes, at most.
        """
        super().__init__()
        n_items, n_modalities = encoder.has.shape
        width = encoder.modality.shape[1]
        self.encoder = encoder
        self.modality_dropout = modality_dropout
        self.n_turns = -(-n_items // refresh_items)
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
        """The modalities, in the order of their gates."""
        return self.encoder.names

    @property
    def takes_turns(self) -> bool:
        """Whether the catalogue is too large to be encoded in every training step."""
        return self.n_turns > 1

    def items(self, table: Tensor) -> Tensor:
        """Return item vectors with content, ``[n_items, dim]``; an item without any modality stays as it is."""
        has = self.visible()
        if self.training:
            # The gate meets these vectors in the same step, and what they were not made of tells it nothing.
            self.drawn = has
        return table + self.content(has)

    def weigh(self, states: Tensor, past: Past) -> Tensor:
        """Return the states as the user's gate weighs them; as ``Plugin.state``.

        Raises:
            ValueError: there is no user's gate.
        """
        if self.user_gate is None:
            raise ValueError("there is no user's gate to weigh states; leave Plugin.state out")
        return self.user_gate.weigh(states, past, self.shown)

    @property
    def shown(self) -> Tensor:
        """Which modalities item vectors are made of, bool ``[n_items, M]``; while training, in this step."""
        return self.drawn if self.training else self._present()

    @contextmanager
    def missing(self, names: Collection[str]) -> Iterator[None]:
        """Let no item have the modalities ``names`` meanwhile, for item vectors and the user's gate alike.

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
        """Return what the modalities add to item vectors, ``[n_items, dim]``; zeros where there is nothing.

        Args:
            has: which modalities to look at, bool ``[n_items, M]``.
        """
        pooled = self.pooled(has)
        gated = pooled * self.gates(pooled, has)[:, :, None]
        shared, own = torch.einsum("nmw,mwk->nmk", gated, self.leave).tensor_split([self.n_shared], dim=2)
        return torch.cat([shared.sum(1), own.flatten(1)], dim=1)

    def visible(self) -> Tensor:
        """Return which modalities count, bool ``[n_items, M]``; while training some are hidden, drawn at each call."""
        has = self._present()
        return drop_modalities(has, self.modality_dropout) if self.training and self.modality_dropout else has

    def gates(self, pooled: Tensor, has: Tensor) -> Tensor:
        """Return what each modality counts for each item, ``[n_items, M]``, arguments as :meth:`ItemGate.forward`."""
        if self.item_gate is None:
            return has.to(pooled.dtype)
        gates: Tensor = self.item_gate(pooled, has)
        return gates

    def pooled(self, has: Tensor) -> Tensor:
        """Return one vector a modality of each item, ``[n_items, M, width]``.

        Args:
            has: which modalities to look at, bool ``[n_items, M]``.
        """
        if self.training and self.takes_turns:
            return self._take_turn(has)
        return self._encode_all(has)

    def start_turns(self, epoch: int, table: Tensor) -> None:
        """Encode what training steps will not encode themselves; as ``Plugin.before_epoch``."""
        self._keep_all()
        self.turn = epoch % self.n_turns

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
        # Neighbours in a catalogue resemble each other, so a share is every n-th item rather than a stretch of them.
        share = slice(self.turn % self.n_turns, None, self.n_turns)
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
    """Return ``has`` with modalities hidden at random; an item that has any keeps at least one.

    Args:
        has: bool ``[items, M]``.
        rate: chance of each.
    """
    luck = torch.rand(has.shape, device=has.device).masked_fill(~has, -1.0)
    luckiest = luck >= luck.amax(dim=1, keepdim=True)
    return has & ((luck >= rate) | luckiest)
