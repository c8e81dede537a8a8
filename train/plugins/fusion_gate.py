r"""How much each modality counts: for an item, and for a user at a moment. Knows no encoder.

After the description of RecFusion, "the contribution of each modality is weighted by item and user context". A ranking
is one product of a state and a fixed table, so the user's part must act on the state alone. Coordinates are therefore
owned: the first ones belong to all modalities, and each modality ``m`` owns a block of its own. With an item's gate
:math:`g_i` (a softmax over what it has, times how much that is: mean 1), a user's gate :math:`\gamma_u` (mean 1), the
maps :math:`W_m = [W_m^0\ W_m^m]` of pooled vectors :math:`e_{i,m}`, and the vector :math:`v_i` that the item had
before,

.. math::
    \langle s'_u, v'_i \rangle
    = \Bigl\langle s_u^0, v_i^0 + \sum_m g_{i,m} W_m^0 e_{i,m} \Bigr\rangle
    + \sum_m \gamma_{u,m} \Bigl\langle s_u^m, v_i^m + g_{i,m} W_m^m e_{i,m} \Bigr\rangle ,

which is exact: :math:`s'` is the state with block ``m`` multiplied by :math:`\gamma_{u,m}`, and :math:`v'` is one table
for everybody. The price: what only one modality knows has the coordinates of one block, the shared coordinates are
weighted by the item alone, and the user's gate also weighs :math:`v_i^m`, which is what behaviour says there, even of
an item that lacks ``m``.

A missing modality is masked on both sides. An item's has :math:`g_{i,m} = 0`. A user's gate listens to a modality only
where it is there: with the visible events :math:`E_{u,m}` whose items have ``m``, and :math:`K_u` the modalities that
have such events,

.. math::
    \gamma_{u,m} = \begin{cases}
        |K_u| \, e^{a_{u,m}} \big/ \sum_{k \in K_u} e^{a_{u,k}} & m \in K_u \\
        1 & \text{otherwise}
    \end{cases},
    \qquad a_u = A\,[\mathrm{LN}(s_u);\ \lambda_u] + b,
    \qquad \lambda_{u,m} = \Bigl\| \frac{1}{|E_{u,m}|} \sum_{i \in E_{u,m}} \frac{v_i'^m}{\|v_i'^m\|} \Bigr\| .

A modality of which the past says nothing is neither preferred nor held back: it keeps the weight that it has before
training. Its :math:`\lambda_{u,m}` is 0, so that it adds nothing to the logits of the others.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.plugins.plugin import Past


def masked_softmax(logits: Tensor, mask: Tensor) -> Tensor:
    """Return a softmax over what the mask allows, in the last dimension; zeros where it allows nothing.

    Args:
        logits: ``[..., n]``.
        mask: bool ``[..., n]``.
    """
    return logits.masked_fill(~mask, torch.finfo(logits.dtype).min).softmax(dim=-1) * mask


def block_width(dim: int, n_modalities: int, private: float) -> int:
    """Return how many of ``dim`` coordinates each modality owns alone, when all together own the share ``private``.

    A single modality owns none: there is nothing to weigh it against.
    """
    return int(dim * private) // n_modalities if n_modalities > 1 else 0


class ItemGate(nn.Module):
    """Weighs the modalities of an item by what they say; all count the same before training."""

    def __init__(self, width: int, n_modalities: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_modalities, width))
        self.bias = nn.Parameter(torch.zeros(n_modalities))

    def forward(self, pooled: Tensor, has: Tensor) -> Tensor:
        """Return weights of mean 1 over what the item has, ``[items, M]``; zeros for what it has not.

        Args:
            pooled: ``[items, M, width]``.
            has: bool ``[items, M]``.
        """
        shares = masked_softmax((pooled * self.weight).sum(-1) + self.bias, has)
        return shares * has.sum(-1, keepdim=True)


class UserGate(nn.Module):
    """Weighs the modalities for a user at a moment, by the state and by how alike the past is in each modality."""

    def __init__(self, dim: int, n_modalities: int, block: int) -> None:
        """Prepare a gate that changes nothing before training.

        Args:
            dim: width of states.
            n_modalities: more than one.
            block: coordinates that each modality owns, the last ``n_modalities * block`` of ``dim``.
        """
        super().__init__()
        self.n_modalities = n_modalities
        self.block = block
        self.linear = nn.Linear(dim + n_modalities, n_modalities)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, states: Tensor, past: Past, has: Tensor) -> Tensor:
        """Return weights of mean 1 over the modalities, ``[batch, positions, M]``.

        Args:
            states: as ``Plugin.state``.
            past: as ``Plugin.state``.
            has: which modalities the vectors of ``past.table`` were made of, bool ``[n_items, M]``.
        """
        alike = self.likeness(past, has)[:, -states.shape[1] :]
        seen = torch.cat([F.layer_norm(states, states.shape[-1:]), alike], dim=-1)
        known = self.known(past, has)[:, -states.shape[1] :]
        weights = masked_softmax(self.linear(seen), known) * known.sum(-1, keepdim=True)
        return torch.where(known, weights, 1.0)

    def known(self, past: Past, has: Tensor) -> Tensor:
        """Return of which modalities the visible events up to each position say something, bool ``[batch, length, M]``.

        Arguments as :meth:`forward`.
        """
        return telling(past, has).cumsum(1) > 0

    def likeness(self, past: Past, has: Tensor) -> Tensor:
        """Return how alike the visible events up to each position are in each modality's block, ``[batch, length, M]``.

        It is the length of the mean of the directions of those that have the modality: 1 when all point the same way,
        near 0 when they scatter, 0 when there are none. A person who chooses by looks has a past that is alike in
        looks. Arguments as :meth:`forward`.
        """
        own = F.embedding(past.rows, past.table.detach()[:, -self.n_modalities * self.block :])
        told = telling(past, has)
        directions = F.normalize(self._blocks(own), dim=-1) * told[..., None]
        lengths: Tensor = torch.linalg.vector_norm(directions.cumsum(1), dim=-1)
        return lengths / told.cumsum(1).clamp(min=1.0)

    def weigh(self, states: Tensor, past: Past, has: Tensor) -> Tensor:
        """Return the states with each modality's block multiplied by its weight; arguments as :meth:`forward`."""
        shared, own = states.tensor_split([-self.n_modalities * self.block], dim=-1)
        blocks = self._blocks(own)
        return torch.cat([shared, (blocks * self(states, past, has)[..., None]).flatten(-2)], dim=-1)

    def _blocks(self, own: Tensor) -> Tensor:
        return own.reshape(*own.shape[:-1], self.n_modalities, self.block)


def telling(past: Past, has: Tensor) -> Tensor:
    """Return 1 where a visible event's item has a modality, else 0, ``[batch, length, M]``.

    Args:
        past: as ``Plugin.state``.
        has: bool ``[n_items, M]``.
    """
    return past.visible[:, :, None] * has[past.rows]
