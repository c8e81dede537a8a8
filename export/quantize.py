"""Weight-only int8: one grid for every engine (SPEC section 3).

The weights of the linear maps and the positions are rounded to int8, symmetric, one scale a row. The rounded weights
go back into the PyTorch encoder before anything is exported, so that all graphs hold the same numbers and engines
differ by their rounding alone. Layer norms and biases stay float32: they are 4 % of the bytes.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import Array
from train.distill.student import DeviceEncoder

LEVELS = 127
_SMALLEST_SCALE = np.float32(1e-30)
_LOW_BITS = np.uint32(0xFF)


@dataclass(frozen=True, slots=True)
class QuantizedRows:
    """One matrix on its grid.

    Attributes:
        values: int8 ``[rows, columns]``, within -127..127.
        scale: float32 ``[rows]``, above 0.
    """

    values: NDArray[np.int8]
    scale: NDArray[np.float32]

    def dequantize(self) -> NDArray[np.float32]:
        """Return ``values * scale[row]``, float32 ``[rows, columns]``; the products are exact."""
        return self.values.astype(np.float32) * self.scale[:, None]


@dataclass(frozen=True, slots=True)
class QuantizedEncoder:
    """An encoder whose matrices are on the int8 grid.

    Attributes:
        encoder: the PyTorch encoder with the dequantized weights, in evaluation mode.
        rows: each quantized matrix, by its name in SPEC section 3.
    """

    encoder: DeviceEncoder
    rows: Mapping[str, QuantizedRows]

    def arrays(self) -> dict[str, Array]:
        """Return the tensors of ``encoder.safetensors``, sorted by name."""
        arrays: dict[str, Array] = {}
        for name, tensor in sorted(self.encoder.state_dict().items()):
            if name in self.rows:
                arrays[name] = self.rows[name].values
                arrays[f"{name}.scale"] = self.rows[name].scale
            else:
                arrays[name] = tensor.numpy().astype(np.float32)
        return arrays


def quantize_rows(weight: NDArray[np.float32]) -> QuantizedRows:
    """Round a matrix ``[rows, columns]`` to int8, one scale a row: ``scale = max |w| / 127``.

    The scale is rounded up to 16 significant bits, so that every product ``int8 * scale`` is exact in float32:
    quantizing twice changes nothing, and no engine can dequantize differently.

    Raises:
        ValueError: it is not a matrix, or holds NaN or infinity.
    """
    if weight.ndim != 2 or not np.isfinite(weight).all():
        raise ValueError(f"expected a finite matrix, got shape {weight.shape} with NaN or infinity in it or no matrix")
    exact = (np.abs(weight).max(axis=1) / np.float32(LEVELS)).astype(np.float32)
    # Adding below the kept bits, then clearing them, rounds up; a carry into the exponent is the next power of two.
    scale = ((exact.view(np.uint32) + _LOW_BITS) & ~_LOW_BITS).view(np.float32)
    # A row of zeros has no scale of its own; any will do.
    scale = np.where(exact < _SMALLEST_SCALE, np.float32(1.0), scale)
    values = np.clip(np.rint(weight / scale[:, None]), -LEVELS, LEVELS).astype(np.int8)
    return QuantizedRows(values, scale)


def quantize_encoder(encoder: DeviceEncoder) -> QuantizedEncoder:
    """Return a copy of ``encoder`` with every matrix on its int8 grid; ``encoder`` itself is not touched."""
    rows = {
        name: quantize_rows(tensor.detach().numpy())
        for name, tensor in encoder.state_dict().items()
        if tensor.ndim == 2
    }
    rounded = deepcopy(encoder).eval()
    rounded.load_state_dict(
        {
            name: torch.from_numpy(rows[name].dequantize()) if name in rows else tensor
            for name, tensor in encoder.state_dict().items()
        }
    )
    return QuantizedEncoder(rounded, rows)
