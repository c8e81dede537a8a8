r"""New codes for trained item vectors, chosen for the scores of real users instead of plain distances.

The error of a score ``s . v`` by codes is ``s . (v - v')``, so over users it is ``(v - v')^T C (v - v')`` with the
second moment ``C`` of the states, as in the calibration of weights by inputs (Frantar et al., "GPTQ", ICLR 2023,
https://arxiv.org/abs/2210.17323; for product codes Guo et al., "Accelerating Large-Scale Inference with Anisotropic
Vector Quantization", ICML 2020). With ``C`` the parts of a vector make up for each other's errors: each code in turn is
chosen given the others (iterated conditional modes), and codebooks follow the gradient. Vectors are inputs of the
encoder too, so some of the plain distance stays:

.. math::
    \sum_i \sqrt{1 + n_i} \; (v_i - v'_i)^T \big((1 - \lambda) C + \lambda I\big) (v_i - v'_i)

with the number :math:`n_i` of events of an item. On Beauty this gives a student without further training 1 to 2 % more
NDCG@10 at 12 codes an item, and 8 % more at 6.5.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.distill.codes import CodedTable

# Share of the plain distance; 0.05 to 0.2 are as good.
_PLAIN = 0.15
_ROUNDS, _STEPS = 8, 12
# Step of Adam relative to the spread of the vectors.
_RATE = 0.01


def calibrate_codes(table: CodedTable, states: Tensor, counts: NDArray[np.int64]) -> None:
    """Choose codes and codebooks of ``table`` anew for its latent vectors.

    Args:
        table: a table with start values; its latent vectors are not changed.
        states: user states ``[n, dim]``, at least one.
        counts: number of events of each item, ``[n_items]``.
    """
    vectors, metric = table.latent.detach(), _metric(states)
    factor = torch.linalg.cholesky(metric)
    weight = torch.from_numpy(np.sqrt(1.0 + counts)).to(vectors.dtype)[:, None] / np.sqrt(1.0 + counts).sum()
    optimizer = torch.optim.Adam(table.books(), lr=_RATE * float(vectors.std()))
    for _ in range(_ROUNDS):
        reassign_by(table, metric)
        for _ in range(_STEPS):
            optimizer.zero_grad(set_to_none=True)
            (weight * ((vectors - table.decoded()) @ factor).square()).sum().backward()
            optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    reassign_by(table, metric)


@torch.no_grad()
def reassign_by(table: CodedTable, metric: Tensor) -> None:
    """Choose each code in turn, given the others, so that ``(v - v')^T metric (v - v')`` is least."""
    for tier, rows in enumerate(torch.split(table.rows, table.sizes)):
        codes, books = table.codes(tier), table.codebooks[tier]
        n_parts, width = codes.shape[1], books.shape[2]
        rest = table.latent[rows] - table.decoded()[rows]
        for part in range(n_parts):
            place = slice(part * width, (part + 1) * width)
            book = books[part * len(books) // n_parts]
            rest[:, place] += book[codes[:, part]]
            own = ((book @ metric[place, place]) * book).sum(1)
            codes[:, part] = (own - 2.0 * (rest @ metric[:, place]) @ book.T).argmin(1)
            rest[:, place] -= book[codes[:, part]]


def _metric(states: Tensor) -> Tensor:
    """Return the second moment of the states with a mean of 1 on its diagonal, mixed with the identity."""
    moment = states.T @ states / len(states)
    scale = moment.diagonal().mean().clamp(min=torch.finfo(states.dtype).tiny)
    return (1.0 - _PLAIN) * moment / scale + _PLAIN * torch.eye(len(moment))
