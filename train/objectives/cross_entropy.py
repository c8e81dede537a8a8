"""Cross-entropy over the whole catalogue without materializing the logit matrix.

The loss of a state ``s`` with the target ``t`` is ``logsumexp_i(s . v_i) - s . v_t``. With a teacher it becomes the
cross-entropy against the mixture ``(1 - w) onehot(t) + w softmax(teacher)``, which has the gradient of
``(1 - w) CE + w KL`` (Hinton et al., "Distilling the Knowledge in a Neural Network", 2015,
https://arxiv.org/abs/1503.02531, at temperature 1).

Rows are processed in chunks, and the gradient of a chunk is computed together with its probabilities, so memory is two
matrices ``[chunk, n_items]`` for any batch size. A chunk is computed in tiles of items, each with its own maximum, as
in the online softmax (Milakov and Gimelshein 2018, https://arxiv.org/abs/1805.02867). If the processor supports
bfloat16, products are in bfloat16 and sums in float32.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

# Logits of a chunk, rows of a chunk, items of a tile. On a CPU a tile of 2 MB stays in the cache between its products,
# which run up to three times as fast as over a whole catalogue of 12,000. Accelerators are faster with large ones.
_CPU_SIZES = (6_400_000, 512, 1024)
_ACCELERATOR_SIZES = (64_000_000, 8192, 1 << 20)
_MIN_ROWS = 8


# Maps a range of rows to values that are added to a teacher's logits, ``[range, n_items]``, without gradients.
AddedScores = Callable[[slice], Tensor]


@dataclass(frozen=True, slots=True)
class Teacher:
    """The teacher of a distillation.

    Attributes:
        states: the teacher's states at the same positions, ``[rows, teacher_dim]``.
        table: the teacher's item vectors, ``[n_items, teacher_dim]``.
        weight: share of the teacher in the target, in [0, 1].
        added: maps a range of rows to values added to the teacher's products, ``[range, n_items]``, such as the
            log-scores of another expert; None for products alone.
    """

    states: Tensor
    table: Tensor
    weight: float
    added: AddedScores | None = None


def full_cross_entropy(
    states: Tensor,
    table: Tensor,
    targets: Tensor,
    *,
    teacher: Teacher | None = None,
    weights: Tensor | None = None,
    product_dtype: torch.dtype,
) -> Tensor:
    """Return the mean loss over rows, a scalar that is differentiable once.

    Args:
        states: ``[rows, dim]``.
        table: item vectors, ``[n_items, dim]``.
        targets: the true next items, int64 ``[rows]``.
        teacher: soft targets to mix in.
        weights: weight of each row in the mean, ``[rows]``, at least 0, without gradients; equal if None.
        product_dtype: dtype of the matrix products, see :func:`fast_product_dtype`.

    Raises:
        ValueError: there is no row, or all weights are 0.
    """
    if len(targets) == 0:
        raise ValueError("cross-entropy needs at least one row, got 0")
    share = torch.full_like(states[:, 0], 1.0 / len(targets)).detach()
    if weights is not None:
        total = weights.detach().sum()
        if not total > 0:
            raise ValueError(f"cross-entropy needs weights that sum to more than 0, got {float(total)}")
        share = weights.detach() / total
    soft: tuple[object, ...] = (None, None, 0.0, None)
    if teacher is not None:
        soft = (teacher.states, teacher.table, teacher.weight, teacher.added)
    loss: Tensor = _ChunkedCrossEntropy.apply(states, table, targets, share, *soft, product_dtype)  # type: ignore[no-untyped-call]  # torch types Function.apply so
    return loss


def fast_product_dtype(device: torch.device) -> torch.dtype:
    """Return bfloat16 if the processor has instructions for it, else float32 (emulation is slower than float32).

    On an accelerator it is float32 too: there kernel launches dominate, not products, and metrics stay those of a CPU.
    """
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        return torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") else torch.float32
    return torch.float32


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Loss and gradient in one pass; backward only scales the gradients that forward computed."""

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
        added: AddedScores | None,
        product_dtype: torch.dtype,
    ) -> Tensor:
        student = _Softmax(table, table, product_dtype)
        teacher = None if teacher_table is None else _Softmax(teacher_table, table, product_dtype)
        state_gradient = torch.empty_like(states)
        table_gradient = torch.zeros_like(table)
        loss = states.new_zeros(())
        for start in range(0, len(targets), student.max_rows):
            rows = slice(start, start + student.max_rows)
            chunk, scaled = states[rows], states[rows] * share[rows, None]
            ours = student(chunk)
            expected = (1.0 - weight) * table[targets[rows]]
            table_gradient.index_add_(0, targets[rows], scaled, alpha=weight - 1.0)
            if teacher is not None and teacher_states is not None:
                soft = teacher(teacher_states[rows], None if added is None else added(rows))
                expected = expected + weight * soft.mean
                ours.subtract(soft, weight)
            ours.add_outer(table_gradient, scaled)
            state_gradient[rows] = (ours.mean - expected) * share[rows, None]
            # sum_i e_i (logsumexp - s . v_i) = logsumexp - s . (sum_i e_i v_i), since the expectation e sums to 1.
            loss = loss + ((ours.normalizer - (expected * chunk).sum(1)) * share[rows]).sum()
        ctx.save_for_backward(state_gradient, table_gradient)
        return loss

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        state_gradient, table_gradient = ctx.saved_tensors
        return state_gradient * gradient, table_gradient * gradient, None, None, None, None, None, None, None


@dataclass(frozen=True, slots=True)
class _Probabilities:
    """A softmax over all items, in tiles; valid until the next one is computed.

    Attributes:
        tiles: ``exp(logit - maximum of the tile)``, each ``[rows, items of the tile]``.
        factors: factors that turn each tile into probabilities, each ``[rows, 1]``.
        normalizer: logsumexp of the logits, ``[rows]``.
        mean: expectation of the item values, ``[rows, dim]``.
    """

    tiles: list[Tensor]
    factors: list[Tensor]
    normalizer: Tensor
    mean: Tensor

    def subtract(self, other: "_Probabilities", weight: float) -> None:
        """Subtract the other's probabilities, times ``weight``, from these; ``mean`` is not updated."""
        for index, (tile, theirs) in enumerate(zip(self.tiles, other.tiles, strict=True)):
            tile.mul_(self.factors[index]).addcmul_(theirs, other.factors[index], value=-weight)
            self.factors[index] = torch.ones_like(self.factors[index])

    def add_outer(self, total: Tensor, states: Tensor) -> None:
        """Add ``probabilities.T @ states`` to ``total`` ``[n_items, dim]``, in place."""
        start = 0
        for tile, factor in zip(self.tiles, self.factors, strict=True):
            part = total[start : start + tile.shape[1]]
            if tile.dtype == total.dtype:
                part.addmm_(tile.T, states * factor)
            else:
                part += (tile.T @ (states * factor).to(tile.dtype)).to(total.dtype)
            start += tile.shape[1]


class _Softmax:
    """Softmax over one item table, in chunks, with reused buffers.

    Allocating a new matrix for each chunk would take longer than the product, because of page faults.
    """

    def __init__(self, table: Tensor, values: Tensor, product_dtype: torch.dtype) -> None:
        logits, rows, width = _CPU_SIZES if table.device.type == "cpu" else _ACCELERATOR_SIZES
        self.max_rows = max(_MIN_ROWS, min(rows, logits // len(table)))
        self._tables = torch.split(table.to(product_dtype), width)
        self._values = torch.split(values.to(product_dtype), width)
        self._buffers = [part.new_empty(self.max_rows, len(part)) for part in self._tables]

    def __call__(self, states: Tensor, added: Tensor | None = None) -> _Probabilities:
        """Return the probabilities of the items for states ``[rows, dim]``; ``added`` is added to the logits."""
        states = states.to(self._tables[0].dtype)
        tiles, tops, totals, means = [], [], [], []
        start = 0
        for table, values, buffer in zip(self._tables, self._values, self._buffers, strict=True):
            tile = torch.mm(states, table.T, out=buffer[: len(states)])
            if added is not None:
                tile.add_(added[:, start : start + len(table)])
                start += len(table)
            top = tile.amax(1, keepdim=True)
            tile.sub_(top).exp_()
            tiles.append(tile)
            tops.append(top.float())
            totals.append(tile.sum(1, keepdim=True, dtype=torch.float32))
            means.append((tile @ values).float())
        normalizer = torch.logsumexp(torch.cat(tops, 1) + torch.cat(totals, 1).log(), 1)
        factors = [torch.exp(top - normalizer[:, None]) for top in tops]
        mean = torch.stack([mean * factor for mean, factor in zip(means, factors, strict=True)]).sum(0)
        return _Probabilities(tiles, factors, normalizer, mean)
