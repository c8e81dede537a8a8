r"""Cross-attention from prompts to a language model's output for recent items, and from a user's state to the prompts.

Implements the description of CoCo. With the state ``h``, the selected prompts and the shared one ``z_k``, ``k in S``,
and the language model's output ``m_t`` for the newest visible events ``t in T``:

.. math::
    p_k = \sum_{t \in T} a_{kt}\, m_t W_V, \qquad
    a_{k\cdot} = softmax_t\bigl(z_k W_Q \cdot m_t W_K / \sqrt d\bigr)

.. math::
    h' = h + \Bigl(w_0\, h + \sum_{k \in S} w_k\, p_k\Bigr) U_V U_O, \qquad
    w = softmax_{\{0\} \cup S}\bigl(h U_Q \cdot [h;\, p_k]\, U_K / \sqrt d\bigr)

The first is the disentangling cross-attention, ``h_pure = [p_k]``, the second the alignment with keys and values
``[h; h_pure]``. Deviations: a residual connection around the alignment, with ``U_O`` starting at zero so that training
starts from the backbone alone; one head and no biases.

Both sums are linear in the values, so ``p_k`` need not be computed: ``p_k U_K . h U_Q = sum_t a_kt (m_t W_V U_K . h
U_Q)`` and ``sum_k w_k p_k U_V = sum_t (sum_k w_k a_kt) m_t W_V U_V`` need a number for each prompt and event, not a
vector.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.backbones.attention import masked_softmax


class KnowledgeAttention(nn.Module):
    """Both attentions. A state attends to the newest ``window`` events up to its own position."""

    def __init__(self, dim: int, *, window: int, disentangle: bool) -> None:
        """Create the projections; initial values come from torch's global generator.

        Args:
            dim: width of states, prompts and the language model's mapped output.
            window: maximum number of events that a state attends to.
            disentangle: False gives all prompts the mean of the language model's output.
        """
        super().__init__()
        self._window = window
        self._disentangle = disentangle
        self.query, self.key, self.value = _linear(dim), _linear(dim), _linear(dim)
        self.align_query, self.align_key, self.align_value = _linear(dim), _linear(dim), _linear(dim)
        self.output = _linear(dim)
        nn.init.zeros_(self.output.weight)

    def forward(
        self, states: Tensor, prompts: Tensor, nudge: Tensor, chosen: Tensor, mix: Tensor, mask: Tensor
    ) -> Tensor:
        """Return the aligned states, ``[batch, positions, dim]``; a state without visible events attends to itself.

        Args:
            states: at the newest positions, ``[batch, positions, dim]``.
            prompts: ``[K, dim]``.
            nudge: zeros that carry a gradient, added to all prompts of a state, ``[batch, positions, dim]``.
            chosen: which prompts are selected for a state, bool ``[batch, positions, K]``.
            mix: the language model's mapped output for each event, ``[batch, length, dim]``.
            mask: 1 for an event that may be used and has such an output, else 0, ``[batch, length]``.
        """
        n_positions, scale = states.shape[1], states.shape[2] ** -0.5
        seen = self._windows(mask[:, :, None], n_positions)[:, :, 0] > 0
        values = self.value(mix)
        shares = self._shares(prompts, nudge, mix, seen)
        query = self.align_query(states) * scale
        by_event = torch.einsum("npd,npdt->npt", query, self._windows(self.align_key(values), n_positions))
        of_prompts = torch.einsum("npkt,npt->npk", shares, by_event)
        of_state = (query * self.align_key(states)).sum(-1, keepdim=True)
        usable = F.pad(chosen & seen.any(-1, keepdim=True), (1, 0), value=True)
        weights = masked_softmax(torch.cat([of_state, of_prompts], dim=-1), usable)
        event_weights = torch.einsum("npk,npkt->npt", weights[:, :, 1:], shares)
        added = torch.einsum("npt,npdt->npd", event_weights, self._windows(self.align_value(values), n_positions))
        aligned: Tensor = states + self.output(weights[:, :, :1] * self.align_value(states) + added)
        return aligned

    def _shares(self, prompts: Tensor, nudge: Tensor, mix: Tensor, seen: Tensor) -> Tensor:
        """Return ``a_kt``, ``[batch, positions, K, window]``; 0 where an event is not ``seen``."""
        n_positions, scale = nudge.shape[1], nudge.shape[2] ** -0.5
        if not self._disentangle:
            even = seen[:, :, None].float().expand(-1, -1, len(prompts), -1)
            return masked_softmax(torch.zeros_like(even), even > 0)
        keys = self.key(mix) * scale
        scores = self._windows(keys @ self.query(prompts).T, n_positions)
        nudged = torch.einsum("npd,npdt->npt", self.query(nudge), self._windows(keys, n_positions))
        return masked_softmax(scores + nudged[:, :, None], seen[:, :, None])

    def _windows(self, events: Tensor, n_positions: int) -> Tensor:
        """Return the newest events up to each position, ``[batch, positions, width, window]``."""
        padded = F.pad(events, (0, 0, max(0, n_positions + self._window - 1 - events.shape[1]), 0))
        return padded[:, -(n_positions + self._window - 1) :].unfold(1, self._window, 1)


def helped(aligned: Tensor, plain: Tensor, targets: Tensor, table: Tensor) -> Tensor:
    """Return ``M``, bool ``[n]``: whether ``aligned`` ranks the target by a larger margin than ``plain`` does."""
    return score_margin(aligned, targets, table) > score_margin(plain, targets, table)


def score_margin(states: Tensor, targets: Tensor, table: Tensor) -> Tensor:
    r"""Return ``h . v_t - max_j h . v_j`` over all other items ``j``, ``[n]``; positive if the target comes first.

    Args:
        states: ``h``, ``[n, dim]``.
        targets: row ``t`` of each state's target, int64 ``[n]``.
        table: item vectors, ``[n_items, dim]``.
    """
    scores, own = states @ table.T, targets[:, None]
    return scores.gather(1, own)[:, 0] - scores.scatter(1, own, -torch.inf).amax(1)


def _linear(dim: int) -> nn.Linear:
    linear = nn.Linear(dim, dim, bias=False)
    nn.init.xavier_uniform_(linear.weight)
    return linear
