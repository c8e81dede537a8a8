"""Reads and writes arrays as safetensors bytes, restricted to the strict subset of SPEC section 9.

Format: https://huggingface.co/docs/safetensors, eight bytes of header length, a JSON header, the data. Callers pass
bytes that were already checked against their digest.
"""

import math
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.parsing import JsonError, decode_json, parse_json
from edge_runtime.errors import BundleError

MAX_HEADER_BYTES = 1 << 20
MAX_DIMENSION = 1 << 31
MAX_RANK = 8
MAX_EXTENT = 4 << 30
"""Maximum size of a tensor in bytes, computed without dimensions of 0: libraries do not check empty tensors."""

Array = NDArray[Any]

DTYPES: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "I32": np.dtype("<i4"),
    "U32": np.dtype("<u4"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
}
_NAME_OF = {dtype: name for name, dtype in DTYPES.items()}


class _Tensor(msgspec.Struct, forbid_unknown_fields=True):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


def load_arrays(data: bytes, source: str) -> dict[str, Array]:
    """Return the arrays of a safetensors file, read-only views of ``data``.

    Args:
        data: the whole file.
        source: file name, for error messages.

    Raises:
        BundleError: the bytes violate SPEC section 9.
    """
    header, body = _split(data, source)
    arrays: dict[str, Array] = {}
    end = 0
    for name, tensor in sorted(header.items(), key=lambda entry: entry[1].data_offsets):
        start, stop = tensor.data_offsets
        if start != end:
            raise BundleError(f"{source}: tensor {name!r} starts at byte {start}, expected {end}")
        arrays[name] = _read(body, name, tensor, source)
        end = stop
    if end != len(body):
        raise BundleError(f"{source}: {len(body) - end} bytes at the end belong to no tensor")
    return arrays


def dump_arrays(arrays: Mapping[str, Array]) -> bytes:
    """Return the safetensors bytes of ``arrays``, in the given order; equal arrays give equal bytes."""
    header: dict[str, object] = {}
    parts: list[bytes] = []
    end = 0
    for name, array in arrays.items():
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        part = little.tobytes()
        header[name] = {
            "dtype": _NAME_OF[little.dtype],
            "shape": list(array.shape),
            "data_offsets": [end, end + len(part)],
        }
        parts.append(part)
        end += len(part)
    head = msgspec.json.encode(header)
    head += b" " * (-len(head) % 8)
    return len(head).to_bytes(8, "little") + head + b"".join(parts)


def take(arrays: Mapping[str, Array], name: str, dtype: str, shape: tuple[int, ...], source: str) -> Array:
    """Return ``arrays[name]``, checked against the dtype and shape from the manifest.

    Raises:
        BundleError: the tensor is missing, or its dtype or shape differ.
    """
    array = arrays.get(name)
    if array is None:
        raise BundleError(f"{source}: tensor {name!r} is missing; the file has {', '.join(sorted(arrays)[:8])}")
    if array.dtype != np.dtype(dtype) or array.shape != shape:
        raise BundleError(
            f"{source}: tensor {name!r} is {array.dtype}{list(array.shape)}, expected {dtype}{list(shape)}"
        )
    return array


def _split(data: bytes, source: str) -> tuple[dict[str, _Tensor], memoryview]:
    """Return the parsed header and the data after it."""
    if len(data) < 8:
        raise BundleError(f"{source}: {len(data)} bytes, too few for a safetensors file")
    length = int.from_bytes(data[:8], "little")
    if length > min(MAX_HEADER_BYTES, len(data) - 8):
        raise BundleError(f"{source}: the header length is {length} bytes, more than allowed or present")
    try:
        raw = parse_json(data[8 : 8 + length], dict[str, msgspec.Raw])
        raw.pop("__metadata__", None)
        header = {name: decode_json(bytes(part), _Tensor) for name, part in raw.items()}
    except JsonError as error:
        raise BundleError(f"{source}: invalid safetensors header: {error}") from error
    return header, memoryview(data)[8 + length :]


def _read(body: memoryview, name: str, tensor: _Tensor, source: str) -> Array:
    """Return one tensor as a view, after checking shape and offsets."""
    dtype = DTYPES.get(tensor.dtype)
    if dtype is None:
        raise BundleError(f"{source}: tensor {name!r} has dtype {tensor.dtype!r}, expected one of {list(DTYPES)}")
    start, stop = tensor.data_offsets
    extent = dtype.itemsize * math.prod(n for n in tensor.shape if n > 0)  # also if another dimension is 0
    if any(not 0 <= n < MAX_DIMENSION for n in tensor.shape) or len(tensor.shape) > MAX_RANK or extent > MAX_EXTENT:
        raise BundleError(f"{source}: tensor {name[:100]!r} has the invalid shape {tensor.shape[:MAX_RANK]}")
    size = extent if all(tensor.shape) else 0
    if not 0 <= start <= stop <= len(body) or stop - start != size:
        raise BundleError(f"{source}: tensor {name!r} has the byte range {start} to {stop}, expected {size} bytes")
    array = np.frombuffer(body[start:stop], dtype=dtype).reshape(tensor.shape)
    if dtype.kind == "f" and not np.isfinite(array).all():
        raise BundleError(f"{source}: tensor {name!r} contains NaN or infinity")
    return array
