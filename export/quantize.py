"""Weight-only int8 quantization, the same for all engines (SPEC section 3).

Weights of linear layers and position embeddings are rounded to int8, symmetric, with one scale per row. The rounded
weights are put back into the PyTorch encoder before the export, so that all graphs have the same weights and engines
differ only in floating-point rounding. Layer norms and biases stay float32: they are 4 % of the bytes.
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
    """A quantized matrix.

    Attributes:
        values: int8 ``[rows, columns]``, from -127 to 127.
        scale: float32 ``[rows]``, greater than 0.
    """

    values: NDArray[np.int8]
    scale: NDArray[np.float32]

    def dequantize(self) -> NDArray[np.float32]:
        """Return ``values * scale[row]``, float32 ``[rows, columns]``; the products are exact."""
        return self.values.astype(np.float32) * self.scale[:, None]


@dataclass(frozen=True, slots=True)
class QuantizedEncoder:
    """An encoder with quantized matrices.

    Attributes:
        encoder: PyTorch encoder with the dequantized weights, in evaluation mode.
        rows: quantized matrices by their names in SPEC section 3.
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
    """Quantize a matrix ``[rows, columns]`` to int8 with one scale per row, ``scale = max |w| / 127``.

    The scale is rounded up to 16 significant bits, so that every product ``int8 * scale`` is exact in float32:
    quantizing twice changes nothing, and all engines dequantize to the same values.

    Raises:
        ValueError: ``weight`` is not a matrix, or contains NaN or infinity.
    """
    if weight.ndim != 2 or not np.isfinite(weight).all():
        raise ValueError(f"expected a finite matrix, got shape {weight.shape}, or values that are NaN or infinite")
    exact = (np.abs(weight).max(axis=1) / np.float32(LEVELS)).astype(np.float32)
    # Adding the low bits and then clearing them rounds up; a carry into the exponent gives the next power of two.
    scale = ((exact.view(np.uint32) + _LOW_BITS) & ~_LOW_BITS).view(np.float32)
    # Any scale is correct for a row of zeros.
    scale = np.where(exact < _SMALLEST_SCALE, np.float32(1.0), scale)
    values = np.clip(np.rint(weight / scale[:, None]), -LEVELS, LEVELS).astype(np.int8)
    return QuantizedRows(values, scale)


def quantize_encoder(encoder: DeviceEncoder) -> QuantizedEncoder:
    """Return a quantized copy of ``encoder``; ``encoder`` is not modified."""
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
