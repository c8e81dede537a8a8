r"""Alignment losses of the semantic space: with next items, and with behavioural vectors.

Implements the description of LLMRec: InfoNCE between the semantic vectors of users and items, and between semantic and
behavioural vectors. With ``u`` the semantic vector of a history, ``x`` that of an item, ``h`` the backbone's state and
``v`` the item's ID embedding where this step has one, over pairs of a batch (a history and its next item):

.. math::
    L_{next} = \mathrm{InfoNCE}(u \to x), \qquad
    L_{space} = \tfrac12 \bigl(\mathrm{InfoNCE}(u \leftrightarrow h) + \mathrm{InfoNCE}(x \leftrightarrow v)\bigr)

Each item is one key, however often it is the next one. In ``L_space`` histories of the same user are not negatives of
each other, because one is a prefix of the other and they hardly differ. In ``L_next`` a user's other items are
negatives, as in the main loss. Each of the three terms has its own temperature, learned within bounds as
``lo + (hi - lo) sigmoid(p)``.

``u`` covers all events before the next item; ``h`` is the state trained to predict it. In a next-item backbone both
have seen the same events. PinnerFormer predicts one of the next few items, so its ``h`` may have seen fewer events than
``u``; BERT4Rec predicts a masked item, so its ``h`` has also seen later events, and not all of the earlier ones. They
are paired nevertheless: both are of one user around one time, and ``u`` must not use more than is available at
inference.
"""

from math import log
from typing import NamedTuple

import torch
from torch import Tensor, nn

from train.objectives.contrast import info_nce, symmetric_info_nce

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.02, 0.5


class Pairs(NamedTuple):
    """``n`` pairs of a history and its next item, with ``m`` distinct items.

    Attributes:
        histories: semantic vectors, ``[n, dim]``.
        states: states of the backbone, before any plug-in, ``[n, dim]``.
        users: index of the user, int64 ``[n]``.
        next_index: index of the next item among the distinct ones, int64 ``[n]``.
        semantic: semantic vectors of the distinct items, ``[m, dim]``.
        id_embeddings: ID embeddings of the distinct items, before any plug-in, or stand-ins, ``[m, dim]``.
        described: whether the distinct items have a text, bool ``[m]``.
        has_id_embedding: True for an ID embedding, False for a stand-in, bool ``[m]``.
    """

    histories: Tensor
    states: Tensor
    users: Tensor
    next_index: Tensor
    semantic: Tensor
    id_embeddings: Tensor
    described: Tensor
    has_id_embedding: Tensor


class Alignment(nn.Module):
    """The two losses, with their temperatures."""

    def __init__(self, temperature: float) -> None:
        """Initialize all temperatures to ``temperature``, between ``COLDEST`` and ``HOTTEST``."""
        super().__init__()
        share = (temperature - MIN_TEMPERATURE) / (MAX_TEMPERATURE - MIN_TEMPERATURE)
        self.warmth = nn.Parameter(torch.full((3,), log(share / (1.0 - share))))

    def temperatures(self) -> Tensor:
        """Temperatures of history to next item, history to state, and item to ID embedding, ``[3]``."""
        return MIN_TEMPERATURE + (MAX_TEMPERATURE - MIN_TEMPERATURE) * self.warmth.sigmoid()

    def next_items(self, pairs: Pairs) -> Tensor:
        """Return ``L_next``, a scalar; 0 where no next item has a text."""
        items = torch.arange(len(pairs.semantic), device=pairs.next_index.device)
        positives = (pairs.next_index[:, None] == items) & pairs.described
        candidates = pairs.described.expand_as(positives)
        return info_nce(
            pairs.histories, pairs.semantic, positives, temperature=self.temperatures()[0],
            candidates=candidates,
        )  # fmt: skip

    def spaces(self, pairs: Pairs) -> Tensor:
        """Return ``L_space``, a scalar."""
        _, of_history, of_item = self.temperatures()
        itself = torch.eye(len(pairs.users), dtype=torch.bool, device=pairs.users.device)
        others = pairs.users[:, None] != pairs.users
        sides = ((pairs.histories, pairs.states), (pairs.states, pairs.histories))
        forth, back = (
            info_nce(queries, keys, itself, temperature=of_history, candidates=others) for queries, keys in sides
        )
        # Stand-ins are computed from texts: aligning them with texts would be circular.
        both = pairs.described & pairs.has_id_embedding
        items = symmetric_info_nce(pairs.semantic[both], pairs.id_embeddings[both], temperature=of_item)
        return 0.5 * (0.5 * (forth + back) + items)
