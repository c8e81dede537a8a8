r"""Alignment of the semantic space: with what comes next, and with the space of behaviour.

After the description of LLMRec: InfoNCE between the semantic vectors of users and of items, and between the semantic
and the behaviour space. With ``u`` the semantic vector of a history, ``x`` that of an item, ``h`` the backbone's state
and ``v`` an item's own vector where this step has it, over pairs of a batch (a history, the item that came next):

.. math::
    L_{next} = \mathrm{InfoNCE}(u \to x), \qquad
    L_{space} = \tfrac12 \bigl(\mathrm{InfoNCE}(u \leftrightarrow h) + \mathrm{InfoNCE}(x \leftrightarrow v)\bigr)

Each item is a key once, however often it came next. In ``L_space`` histories of one user are no negatives of each
other: one is the beginning of the other, and they hardly differ. In ``L_next`` what a user takes at other times is a
negative of what comes next, as it is in the main loss, which ranks one item above all others. Each of the three has its
own temperature, learnt within bounds as ``lo + (hi - lo) sigmoid(p)``.

``u`` is of everything before the item that came next, ``h`` the state that was asked to predict it. Where a backbone
asks for the next event, both have seen the same. PinnerFormer asks for one of the next few, so its ``h`` may have seen
fewer events than ``u``; BERT4Rec asks for a hidden one in the middle, so its ``h`` has seen later ones as well, and not
all of the earlier ones. They are paired all the same: both are of one person around one time, and ``u`` must not know
more than it will when somebody is recommended to.
"""

from math import log
from typing import NamedTuple

import torch
from torch import Tensor, nn

from train.objectives.contrast import info_nce, symmetric_info_nce

COLDEST, HOTTEST = 0.02, 0.5


class Pairs(NamedTuple):
    """Histories and the items that came next, ``n`` of them, of ``m`` distinct items.

    Attributes:
        histories: semantic vectors, ``[n, dim]``.
        states: of the backbone, before any plug-in, ``[n, dim]``.
        users: whose they are, int64 ``[n]``.
        place: of the next item among the distinct ones, int64 ``[n]``.
        semantic: semantic vectors of the distinct items, ``[m, dim]``.
        own: the distinct items' own vectors, before any plug-in, or what stands in for them, ``[m, dim]``.
        described: whether the distinct items have a text, bool ``[m]``.
        learnt: whether ``own`` is a vector that behaviour taught of the item, and no stand-in, bool ``[m]``.
    """

    histories: Tensor
    states: Tensor
    users: Tensor
    place: Tensor
    semantic: Tensor
    own: Tensor
    described: Tensor
    learnt: Tensor


class Alignment(nn.Module):
    """The two losses, with their temperatures."""

    def __init__(self, temperature: float) -> None:
        """Start every temperature at ``temperature``, between ``COLDEST`` and ``HOTTEST``."""
        super().__init__()
        share = (temperature - COLDEST) / (HOTTEST - COLDEST)
        self.warmth = nn.Parameter(torch.full((3,), log(share / (1.0 - share))))

    def temperatures(self) -> Tensor:
        """Return those of history to next item, history to state, and item to own vector, ``[3]``."""
        return COLDEST + (HOTTEST - COLDEST) * self.warmth.sigmoid()

    def next_items(self, pairs: Pairs) -> Tensor:
        """Return ``L_next``, a scalar; 0 where no next item has a text."""
        items = torch.arange(len(pairs.semantic), device=pairs.place.device)
        positives = (pairs.place[:, None] == items) & pairs.described
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
        # What stands in for an own vector comes from texts itself: aligned with it, the space would learn of itself.
        both = pairs.described & pairs.learnt
        items = symmetric_info_nce(pairs.semantic[both], pairs.own[both], temperature=of_item)
        return 0.5 * (0.5 * (forth + back) + items)
