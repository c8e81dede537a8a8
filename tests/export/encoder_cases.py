"""Inputs on which all implementations of the encoder must agree."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from edge_runtime.bundle.manifest import Encoder
from edge_runtime.engines.protocol import Engine, SmallMatrices
from tests.tiny_student import CONFIG, N_PROMPTS, RANK
from train.distill.student import DeviceEncoder

SIZES = Encoder(
    dim=CONFIG.dim,
    max_length=CONFIG.max_length,
    n_blocks=CONFIG.n_blocks,
    n_heads=CONFIG.n_heads,
    n_prompts=N_PROMPTS,
    adapter_rank=RANK,
    input_scale=CONFIG.input_scale,
)
# Fewer heads and channels in either block, as pruning leaves them.
NARROW = CONFIG.with_blocks((1, 2), (5, 12))
LENGTHS = (1, 2, 5, CONFIG.max_length)

# Maximum difference of states between two implementations with the same weights; states are of order 1.
ROUNDING = 2e-5


@dataclass(frozen=True, slots=True)
class Case:
    """One sequence of item vectors ``[l, d]``, with prompts and adapter."""

    embeddings: NDArray[np.float32]
    small: SmallMatrices


def cases(*, adapted: bool) -> list[Case]:
    """Return one case per length; unless ``adapted``, knowledge and the adapter's B are zero and have no effect."""
    rng = np.random.default_rng(5)
    factor = 1.0 if adapted else 0.0
    small = SmallMatrices(
        prompts=_floats(rng, N_PROMPTS, CONFIG.dim),
        knowledge=factor * _floats(rng, N_PROMPTS, CONFIG.dim),
        adapter_a=_floats(rng, CONFIG.dim, RANK),
        adapter_b=factor * _floats(rng, RANK, CONFIG.dim),
    )
    return [Case(_floats(rng, length, CONFIG.dim), small) for length in LENGTHS]


def torch_state(encoder: DeviceEncoder, case: Case, *, n_padding: int = 0) -> NDArray[np.float32]:
    """Return PyTorch's state ``[d]``, with ``n_padding`` positions of padding in front."""
    padded = np.concatenate([np.full((n_padding, CONFIG.dim), 7.0, np.float32), case.embeddings])
    mask = np.r_[np.zeros(n_padding), np.ones(len(case.embeddings))].astype(np.float32)
    small = case.small
    matrices = (small.prompts, small.knowledge, small.adapter_a, small.adapter_b)
    with torch.inference_mode():
        inputs = (torch.from_numpy(array.copy()) for array in (padded[None], mask[None], *matrices))
        state: NDArray[np.float32] = encoder(*inputs)[0].numpy()
    return state


def largest_error(engine: Engine, encoder: DeviceEncoder, *, adapted: bool) -> float:
    """Return the largest difference between an engine's states and PyTorch's."""
    return max(
        float(np.abs(engine.encode(case.embeddings, case.small) - torch_state(encoder, case)).max())
        for case in cases(adapted=adapted)
    )


def _floats(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return (0.3 * rng.normal(size=shape)).astype(np.float32)
