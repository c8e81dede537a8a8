"""Cross-entropy over the whole catalogue, without ever holding the whole logit matrix.

The loss of a state ``s`` with the target ``t`` is ``logsumexp_i(s . v_i) - s . v_t``. With a teacher it becomes the
cross-entropy against the mixture ``(1 - w) onehot(t) + w softmax(teacher)``, which has the gradient of
``(1 - w) CE + w KL`` (Hinton et al., "Distilling the Knowledge in a Neural Network", 2015,
https://arxiv.org/abs/1503.02531, at temperature 1).

Rows are taken in chunks; the gradient of a chunk is made while its logits are at hand, so memory is
``[chunk, n_items]`` whatever the batch. Where the processor multiplies bfloat16 natively, products are bfloat16 and
sums float32.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

CHUNK_ROWS = 256


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
    states: Tensor, table: Tensor, targets: Tensor, *, teacher: Teacher | None = None, product_dtype: torch.dtype
) -> Tensor:
    """Return the mean loss over rows, a scalar that can be differentiated once.

    Args:
        states: ``[rows, dim]``.
        table: item vectors, ``[n_items, dim]``.
        targets: the true next items, int64 ``[rows]``.
        teacher: soft targets to mix in.
        product_dtype: of the matrix products, see :func:`fast_product_dtype`.

    Raises:
        ValueError: there is no row.
    """
    if len(targets) == 0:
        raise ValueError("cross-entropy needs at least one row, got 0")
    soft = (teacher.states, teacher.table, teacher.weight) if teacher is not None else (None, None, 0.0)
    loss: Tensor = _ChunkedCrossEntropy.apply(states, table, targets, *soft, product_dtype)  # type: ignore[no-untyped-call]  # torch types Function.apply so
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
        teacher_states: Tensor | None,
        teacher_table: Tensor | None,
        weight: float,
        product_dtype: torch.dtype,
    ) -> Tensor:
        narrow_table = table.to(product_dtype)
        narrow_teacher = None if teacher_table is None else teacher_table.to(product_dtype).T
        state_gradient = torch.empty_like(states)
        table_gradient = torch.zeros_like(table)
        loss = states.new_zeros(())
        for start in range(0, len(targets), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            chunk = states[rows].to(product_dtype)
            probability, chunk_loss = _error(chunk, narrow_table, targets[rows], weight)
            if teacher_states is not None and narrow_teacher is not None:
                soft = torch.softmax((teacher_states[rows].to(product_dtype) @ narrow_teacher).float(), dim=-1)
                logits_expected = ((soft.to(product_dtype) @ narrow_table).float() * chunk.float()).sum()
                chunk_loss = chunk_loss - weight * logits_expected
                probability.sub_(soft, alpha=weight)
            narrow = probability.to(product_dtype)
            state_gradient[rows] = (narrow @ narrow_table).to(states.dtype)
            table_gradient += (narrow.T @ chunk).to(table.dtype)
            loss = loss + chunk_loss
        n = len(targets)
        ctx.save_for_backward(state_gradient.div_(n), table_gradient.div_(n))
        return loss / n

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        state_gradient, table_gradient = ctx.saved_tensors
        return state_gradient * gradient, table_gradient * gradient, None, None, None, None, None


def _error(chunk: Tensor, table: Tensor, targets: Tensor, weight: float) -> tuple[Tensor, Tensor]:
    """Return ``softmax - (1 - weight) onehot`` ``[rows, n_items]``, and the summed loss of the hard part."""
    logits = (chunk @ table.T).float()
    normaliser = torch.logsumexp(logits, dim=-1)
    hard = logits.gather(1, targets[:, None]).squeeze(1)
    probability = logits.sub_(normaliser[:, None]).exp_()
    probability.scatter_add_(1, targets[:, None], torch.full_like(hard, weight - 1.0)[:, None])
    return probability, (normaliser - (1.0 - weight) * hard).sum()
