"""Cross-entropy over the whole catalogue, without ever holding the whole logit matrix.

The loss of a state ``s`` with the target ``t`` is ``logsumexp_i(s . v_i) - s . v_t``. With a teacher it becomes the
cross-entropy against the mixture ``(1 - w) onehot(t) + w softmax(teacher)``, which has the gradient of
``(1 - w) CE + w KL`` (Hinton et al., "Distilling the Knowledge in a Neural Network", 2015,
https://arxiv.org/abs/1503.02531, at temperature 1).

Rows are taken in chunks; the gradient of a chunk is made while its logits are at hand, so memory is two matrices
``[chunk, n_items]`` whatever the batch. Where the processor multiplies bfloat16 natively, products are bfloat16 and
sums float32.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

# Logits and rows of a chunk. On a processor 3 MB in float32, which stay in the cache: chunks of 12 MB take 1.2 to 2
# times as long on Beauty. An accelerator wants large products.
_CPU_LOGITS, _CPU_ROWS = 800_000, 256
_ACCELERATOR_LOGITS, _ACCELERATOR_ROWS = 64_000_000, 8192
_LEAST_ROWS = 8


@dataclass(frozen=True, slots=True)
class Teacher:
    """What a student imitates.

    Attributes:
        states: the teacher's states at the same positions, ``[rows, teacher_dim]``.
        table: its item vectors, ``[n_items, teacher_dim]``.
        weight: share of the teacher in the target, in [0, 1].
    """

    states: Tensor
    table: Tensor
    weight: float


def full_cross_entropy(
    states: Tensor,
    table: Tensor,
    targets: Tensor,
    *,
    teacher: Teacher | None = None,
    weights: Tensor | None = None,
    product_dtype: torch.dtype,
) -> Tensor:
    """Return the mean loss over rows, a scalar that can be differentiated once.

    Args:
        states: ``[rows, dim]``.
        table: item vectors, ``[n_items, dim]``.
        targets: the true next items, int64 ``[rows]``.
        teacher: soft targets to mix in.
        weights: how much each row counts in the mean, ``[rows]``, not negative, constant; equal where None.
        product_dtype: of the matrix products, see :func:`fast_product_dtype`.

    Raises:
        ValueError: there is no row, or no row counts.
    """
    if len(targets) == 0:
        raise ValueError("cross-entropy needs at least one row, got 0")
    share = torch.full_like(states[:, 0], 1.0 / len(targets)).detach()
    if weights is not None:
        total = weights.detach().sum()
        if not total > 0:
            raise ValueError(f"cross-entropy needs weights that sum to more than 0, got {float(total)}")
        share = weights.detach() / total
    soft = (teacher.states, teacher.table, teacher.weight) if teacher is not None else (None, None, 0.0)
    loss: Tensor = _ChunkedCrossEntropy.apply(states, table, targets, share, *soft, product_dtype)  # type: ignore[no-untyped-call]  # torch types Function.apply so
    return loss


def fast_product_dtype(device: torch.device) -> torch.dtype:
    """Return bfloat16 where the processor has instructions for it, else float32 (emulation is slower than float32)."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        return torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") else torch.float32
    return torch.float32


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Loss and gradient in one pass; backward only scales what forward has made."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - autograd's own context object
        states: Tensor,
        table: Tensor,
        targets: Tensor,
        share: Tensor,
        teacher_states: Tensor | None,
        teacher_table: Tensor | None,
        weight: float,
        product_dtype: torch.dtype,
    ) -> Tensor:
        student = _Softmax(table, product_dtype)
        teacher = None if teacher_table is None else _Softmax(teacher_table, product_dtype)
        state_gradient = torch.empty_like(states)
        table_gradient = torch.zeros_like(table)
        loss = states.new_zeros(())
        for start in range(0, len(targets), student.most_rows):
            rows = slice(start, start + student.most_rows)
            chunk, row_share = states[rows], share[rows]
            expected = (1.0 - weight) * table[targets[rows]]
            error, normaliser = student(chunk)
            error.scatter_add_(1, targets[rows, None], error.new_full((len(chunk), 1), weight - 1.0))
            if teacher is not None and teacher_states is not None:
                soft, _ = teacher(teacher_states[rows])
                expected = expected + weight * student.mean(soft)
                error.sub_(soft, alpha=weight)
            state_gradient[rows] = student.mean(error) * row_share[:, None]
            student.add_outer(table_gradient, error, chunk * row_share[:, None])
            # sum_i e_i (logsumexp - s . v_i) = logsumexp - s . (sum_i e_i v_i), since the expectation e sums to 1.
            loss = loss + ((normaliser - (expected * chunk).sum(1)) * row_share).sum()
        ctx.save_for_backward(state_gradient, table_gradient)
        return loss

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        state_gradient, table_gradient = ctx.saved_tensors
        return state_gradient * gradient, table_gradient * gradient, None, None, None, None, None, None


class _Softmax:
    """Softmax over one item table, chunk by chunk, in buffers that are made once.

    A fresh matrix a chunk costs more than the product that fills it: the system hands out new pages each time. Small
    chunks stay in the processor's cache between the product, the softmax and the two products of the gradient.
    """

    def __init__(self, table: Tensor, product_dtype: torch.dtype) -> None:
        on_cpu = table.device.type == "cpu"
        logits, rows = (_CPU_LOGITS, _CPU_ROWS) if on_cpu else (_ACCELERATOR_LOGITS, _ACCELERATOR_ROWS)
        self.most_rows = max(_LEAST_ROWS, min(rows, logits // len(table)))
        self._table = table.to(product_dtype)
        self._logits = self._table.new_empty(self.most_rows, len(table))
        self._probability = table.new_empty(self.most_rows, len(table), dtype=torch.float32)

    def __call__(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return the probabilities ``[rows, n_items]`` (valid until the next call) and logsumexp ``[rows]``."""
        logits = torch.mm(states.to(self._table.dtype), self._table.T, out=self._logits[: len(states)])
        highest = logits.amax(1).float()
        probability = torch.softmax(logits, 1, dtype=torch.float32, out=self._probability[: len(states)])
        # The highest logit x has p = exp(x - logsumexp), at least 1 / n_items: its logarithm is safe.
        return probability, highest - probability.amax(1).log()

    def mean(self, weights: Tensor) -> Tensor:
        """Return the items' weighted sum, ``[rows, n_items]`` to ``[rows, dim]``, float32."""
        return (weights.to(self._table.dtype) @ self._table).float()

    def add_outer(self, total: Tensor, weights: Tensor, states: Tensor) -> None:
        """Add ``weights.T @ states`` to ``total`` ``[n_items, dim]``, in place."""
        if self._table.dtype == total.dtype:
            total.addmm_(weights.T, states)
        else:
            total += (weights.to(self._table.dtype).T @ states.to(self._table.dtype)).to(total.dtype)
