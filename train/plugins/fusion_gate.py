r"""Weights of the modalities: for an item, and for a user at a position of the history.

Implements the description of RecFusion: "the contribution of each modality is weighted by item and user context". A
ranking is the product of a state and a fixed table, so the user's part must act on the state alone. Coordinates are
therefore partitioned: the first ones are shared by all modalities, and each modality ``m`` has a block of its own. With
an item gate :math:`g_i` (a softmax over the item's modalities times their number: mean 1), a user gate
:math:`\gamma_u` (mean 1), the projections :math:`W_m = [W_m^0\ W_m^m]` of pooled vectors :math:`e_{i,m}`, and the input
item vector :math:`v_i`,

.. math::
    \langle s'_u, v'_i \rangle
    = \Bigl\langle s_u^0, v_i^0 + \sum_m g_{i,m} W_m^0 e_{i,m} \Bigr\rangle
    + \sum_m \gamma_{u,m} \Bigl\langle s_u^m, v_i^m + g_{i,m} W_m^m e_{i,m} \Bigr\rangle ,

which is exact: :math:`s'` is the state with block ``m`` multiplied by :math:`\gamma_{u,m}`, and :math:`v'` is one table
for all users. The costs: information of a single modality is limited to one block, the shared coordinates are weighted
by the item alone, and the user gate also weights :math:`v_i^m`, the collaborative signal in that block, even for an
item without ``m``.

A missing modality is masked on both sides. For an item, :math:`g_{i,m} = 0`. For a user, with the visible events
:math:`E_{u,m}` whose items have ``m``, and :math:`K_u` the modalities with such events,

.. math::
    \gamma_{u,m} = \begin{cases}
        |K_u| \, e^{a_{u,m}} \big/ \sum_{k \in K_u} e^{a_{u,k}} & m \in K_u \\
        1 & \text{otherwise}
    \end{cases},
    \qquad a_u = A\,[\mathrm{LN}(s_u);\ \lambda_u] + b,
    \qquad \lambda_{u,m} = \Bigl\| \frac{1}{|E_{u,m}|} \sum_{i \in E_{u,m}} \frac{v_i'^m}{\|v_i'^m\|} \Bigr\| .

A modality without such events keeps weight 1, as before training, and its :math:`\lambda_{u,m}` is 0, so that it adds
nothing to the logits of the others.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.backbones.attention import masked_softmax
from train.plugins.plugin import VisibleHistory


def block_width(dim: int, n_modalities: int, private: float) -> int:
    """Return the number of coordinates of each modality's block, when all blocks together are the share ``private``.

    A single modality has no block, as there is nothing to weight it against.
    """
    return int(dim * private) // n_modalities if n_modalities > 1 else 0


class ItemGate(nn.Module):
    """Weights the modalities of an item by their content; all weigh the same before training."""

    def __init__(self, width: int, n_modalities: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_modalities, width))
        self.bias = nn.Parameter(torch.zeros(n_modalities))

    def forward(self, pooled: Tensor, has: Tensor) -> Tensor:
        """Return weights of mean 1 over the item's modalities, ``[items, M]``; zeros for absent ones.

        Args:
            pooled: ``[items, M, width]``.
            has: bool ``[items, M]``.
        """
        shares = masked_softmax((pooled * self.weight).sum(-1) + self.bias, has)
        return shares * has.sum(-1, keepdim=True)


class UserGate(nn.Module):
    """Weights the modalities for a user, by the state and by the consistency of the history in each modality."""

    def __init__(self, dim: int, n_modalities: int, block: int) -> None:
        """Build a gate that changes nothing before training.

        Args:
            dim: width of states.
            n_modalities: more than one.
            block: number of coordinates of each modality, the last ``n_modalities * block`` of ``dim``.
        """
        super().__init__()
        self.n_modalities = n_modalities
        self.block = block
        self.linear = nn.Linear(dim + n_modalities, n_modalities)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, states: Tensor, history: VisibleHistory, has: Tensor) -> Tensor:
        """Return weights of mean 1 over the modalities, ``[batch, positions, M]``.

        Args:
            states: as ``Plugin.state``.
            history: as ``Plugin.state``.
            has: modalities that the vectors of ``history.table`` are computed from, bool ``[n_items, M]``.
        """
        consistent = self.consistency(history, has)[:, -states.shape[1] :]
        seen = torch.cat([F.layer_norm(states, states.shape[-1:]), consistent], dim=-1)
        known = self.known(history, has)[:, -states.shape[1] :]
        weights = masked_softmax(self.linear(seen), known) * known.sum(-1, keepdim=True)
        return torch.where(known, weights, 1.0)

    def known(self, history: VisibleHistory, has: Tensor) -> Tensor:
        """Return the modalities of the visible events up to each position, bool ``[batch, length, M]``.

        Arguments as :meth:`forward`.
        """
        return modality_mask(history, has).cumsum(1) > 0

    def consistency(self, history: VisibleHistory, has: Tensor) -> Tensor:
        """Return the consistency of the visible events up to each position, ``[batch, length, M]``.

        It is the length of the mean of the unit vectors, in a modality's block, of the events that have the modality: 1
        if all point the same way, near 0 if they scatter, 0 without events. Users who choose by looks have a history
        that is consistent in looks. Arguments as for :meth:`forward`.
        """
        own = F.embedding(history.rows, history.table.detach()[:, -self.n_modalities * self.block :])
        present = modality_mask(history, has)
        directions = F.normalize(self._blocks(own), dim=-1) * present[..., None]
        lengths: Tensor = torch.linalg.vector_norm(directions.cumsum(1), dim=-1)
        return lengths / present.cumsum(1).clamp(min=1.0)

    def weight_states(self, states: Tensor, history: VisibleHistory, has: Tensor) -> Tensor:
        """Return the states with each modality's block multiplied by its weight; arguments as :meth:`forward`."""
        shared, own = states.tensor_split([-self.n_modalities * self.block], dim=-1)
        blocks = self._blocks(own)
        return torch.cat([shared, (blocks * self(states, history, has)[..., None]).flatten(-2)], dim=-1)

    def _blocks(self, own: Tensor) -> Tensor:
        return own.reshape(*own.shape[:-1], self.n_modalities, self.block)


def modality_mask(history: VisibleHistory, has: Tensor) -> Tensor:
    """Return 1 where a visible event's item has a modality, else 0, ``[batch, length, M]``.

    Args:
        history: as ``Plugin.state``.
        has: bool ``[n_items, M]``.
    """
    return history.visible[:, :, None] * has[history.rows]
