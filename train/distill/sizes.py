"""The sizes of a student that fits a number of bytes: how many codes an item has, and how many blocks the encoder."""

import re
from dataclasses import dataclass, replace

import numpy as np

from train.backbones.encoder import EncoderConfig
from train.distill.codes import CodePlan
from train.distill.teacher_knowledge import DEVICE_PROMPTS
from train.errors import RunError

# Shares of four lengths, each half of the one before, at the mean of ``CodePlan()`` and at the least. Without training,
# such plans rank Beauty 4 % better than three lengths of half the size in the same bytes.
_SHARES = ((0.05, 0.18, 0.77, 0.0), (0.02, 0.06, 0.22, 0.70))
_LENGTHS = ((32, 16, 8, 4), (16, 8, 4, 2), (8, 4, 2, 1))
# With fewer codes per item than these, an encoder block is left out: on Beauty a student without one of its two blocks
# has 1.4 % less NDCG@10 before any further training, and one with 12 codes in place of 14 loses more.
_CODES_WORTH_A_BLOCK = 12.0
# What an int8 encoder has besides its weights: the graph of `encoder.onnx`, which is larger than `encoder.safetensors`.
_GRAPH_BYTES, _BLOCK_GRAPH_BYTES = 2_300, 2_400
_HEADER_BYTES = 160
_UNITS = {"": 1, "B": 1, "BYTES": 1} | {
    unit: base**power for base, units in ((1000, ("KB", "MB", "GB")), (1024, ("KIB", "MIB", "GIB")))
    for power, unit in enumerate(units, start=1)
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentSizes:
    """The sizes of a student, and what its files for ranking weigh.

    Attributes:
        plan: numbers of codes.
        n_blocks: number of encoder blocks.
        n_prompts: rows of the prompts and of the knowledge.
        adapter_rank: rank of the adapter.
        codes_bytes, encoder_bytes, matrices_bytes: sizes of ``codes.safetensors``, of the int8 encoder as ONNX, and of
            prompts and adapter.
    """

    plan: CodePlan
    n_blocks: int
    n_prompts: int
    adapter_rank: int
    codes_bytes: int
    encoder_bytes: int
    matrices_bytes: int

    @property
    def ranking_bytes(self) -> int:
        """Bytes of all files for ranking, without transitions."""
        return self.codes_bytes + self.encoder_bytes + self.matrices_bytes

    def describe(self) -> str:
        """Return a sentence with the choices and their weight."""
        tiers = ", ".join(f"{n} for {share:.0%}" for n, share in zip(self.plan.n_codes, self.plan.shares, strict=True))
        return (
            f"{self.plan.mean_codes:.1f} codes an item ({tiers} of the items, the most popular first), "
            f"{_kib(self.codes_bytes)}; {self.n_blocks} encoder block{'s' * (self.n_blocks > 1)}, "
            f"{_kib(self.encoder_bytes)}; prompts and adapter {_kib(self.matrices_bytes)}; "
            f"together {_kib(self.ranking_bytes)}."
        )


def parse_bytes(text: str) -> int:
    """Return the number of bytes in a text such as ``192KiB``, ``1.5 MiB``, ``200 kB`` or ``196608``.

    Raises:
        ValueError: it is not a size of at least one byte.
    """
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*", text)
    if match is None or match[2].upper() not in _UNITS:
        raise ValueError(f"expected a size such as 192KiB, 200KB, 1.5MiB or 196608, got {text!r}")
    n_bytes = int(float(match[1]) * _UNITS[match[2].upper()])
    if n_bytes < 1:
        raise ValueError(f"expected at least 1 byte, got {text!r}")
    return n_bytes


def encoder_bytes(config: EncoderConfig) -> int:
    """Return the size of an int8 encoder as ``encoder.onnx``, up to 1 %; ``encoder.safetensors`` is smaller."""
    dim, length = config.dim, config.max_length
    n_bytes = _GRAPH_BYTES + length * (dim + 4) + 8 * dim
    for heads, feed in zip(config.block_heads, config.block_feed, strict=True):
        joined = heads * (dim // config.n_heads)
        # A byte for each weight; eight for each row of a matrix, its scale and its bias; two layer norms.
        n_bytes += (4 * joined + 2 * feed) * dim + 8 * (3 * joined + feed + 2 * dim) + 16 * dim + _BLOCK_GRAPH_BYTES
    return n_bytes


def sizes_within(n_bytes: int, n_items: int, config: EncoderConfig, *, has_knowledge: bool) -> StudentSizes:
    """Return the sizes for which the files for ranking, without transitions, have at most ``n_bytes``.

    Args:
        n_bytes: the budget.
        n_items: number of items.
        config: the teacher's sizes; blocks are left out if codes would become shorter than they are worth.
        has_knowledge: whether the student will have knowledge; without, prompts and adapter are as small as possible.

    Raises:
        RunError: the smallest student is larger.
    """
    n_prompts, rank = (DEVICE_PROMPTS, 4) if has_knowledge else (1, 1)
    matrices = 2 * _HEADER_BYTES + 4 * config.dim * 2 * (n_prompts + rank)
    for n_blocks in range(config.n_blocks, 0, -1):
        encoder = encoder_bytes(replace(config, n_blocks=n_blocks))
        plan = plan_within(n_bytes - matrices - encoder, n_items, config.dim)
        if n_blocks == 1 or (plan is not None and plan.mean_codes >= min(_CODES_WORTH_A_BLOCK, config.dim)):
            break
    if plan is None:
        least = matrices + encoder + smallest_codes(n_items, config.dim)
        raise RunError(
            f"a student of {n_items:,} items and {config.dim} dimensions needs at least {_kib(least)} "
            f"({least:,} bytes), {least - n_bytes:,} more than the budget. Raise the budget, or train the full model "
            "with a smaller --dim."
        )
    codes = plan.file_bytes(n_items, config.dim)
    return StudentSizes(
        plan=plan, n_blocks=n_blocks, n_prompts=n_prompts, adapter_rank=rank, codes_bytes=codes, encoder_bytes=encoder,
        matrices_bytes=matrices,
    )  # fmt: skip


def plan_within(n_bytes: int, n_items: int, dim: int) -> CodePlan | None:
    """Return the plan with the most codes whose file has at most ``n_bytes``; None if there is none."""
    fitting = [plan for plan in _plans(n_items, dim) if plan.file_bytes(n_items, dim) <= n_bytes]
    return max(fitting, key=lambda plan: plan.mean_codes, default=None)


def smallest_codes(n_items: int, dim: int) -> int:
    """Return the bytes of the smallest ``codes.safetensors``."""
    return min(plan.file_bytes(n_items, dim) for plan in _plans(n_items, dim))


def _plans(n_items: int, dim: int) -> list[CodePlan]:
    """Return plans with ever more codes. In a small catalogue few weigh more: their codewords are wide."""
    return [_plan_of_mean(float(mean), n_items, dim) for mean in np.geomspace(1.0, dim, 400)]


def _plan_of_mean(mean: float, n_items: int, dim: int) -> CodePlan:
    """Return a plan with about ``mean`` codes per item, at most."""
    plan = CodePlan.of_mean(mean, n_items, dim)
    if plan is not None:
        return plan
    for n_codes in _LENGTHS:
        if any(dim % each for each in n_codes):
            continue
        most, least = (sum(n * share for n, share in zip(n_codes, shares, strict=True)) for shares in _SHARES)
        if mean >= least:
            part = min((mean - least) / (most - least), 1.0)
            shares = tuple(part * high + (1.0 - part) * low for high, low in zip(*_SHARES, strict=True))
            if min(shares) * n_items >= 1.0:
                return CodePlan(n_codes=n_codes, shares=shares)
    return CodePlan(n_codes=(max(n for n in range(1, dim + 1) if dim % n == 0 and n <= max(mean, 1.0)),), shares=(1.0,))


def _kib(n_bytes: int) -> str:
    return f"{n_bytes / 1024:.1f} KiB"
