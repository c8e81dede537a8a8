"""Reads and writes arrays as safetensors bytes, restricted to the strict subset of SPEC section 9.

Format: https://huggingface.co/docs/safetensors, eight bytes of header length, a JSON header, the data. Callers pass
bytes that were already checked against their digest.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.parsing import JsonError, decode_json, parse_json
from edge_runtime.errors import BundleError

HEAD_BYTES = 8
"""Bytes of the length of the header, at the start of a file."""

MAX_HEADER_BYTES = 1 << 20
MAX_DIMENSION = 1 << 31
MAX_RANK = 8
MAX_EXTENT = 4 << 30
"""Maximum size of a tensor in bytes, computed without dimensions of 0: libraries do not check empty tensors."""

Array = NDArray[Any]


class Sized(Protocol):
    """An array in memory or on disk."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the dimensions."""
        ...


Kind = TypeVar("Kind", bound=Sized)

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


@dataclass(frozen=True, slots=True)
class Entry:
    """A tensor of a header that was checked; its bytes are ``start`` to ``stop`` after the header."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    stop: int


def load_arrays(data: bytes, source: str) -> dict[str, Array]:
    """Return the arrays of a safetensors file, read-only views of ``data``.

    Args:
        data: the whole file.
        source: file name, for error messages.

    Raises:
        BundleError: the bytes violate SPEC section 9.
    """
    length = header_bytes(data[:HEAD_BYTES], len(data), source)
    body = memoryview(data)[HEAD_BYTES + length :]
    return {
        entry.name: _view(body, entry, source)
        for entry in read_entries(data[HEAD_BYTES : HEAD_BYTES + length], len(body), source)
    }


def header_bytes(head: bytes, n_bytes: int, source: str) -> int:
    """Return the length of the header of a file of ``n_bytes``, from its first :data:`HEAD_BYTES` bytes.

    Raises:
        BundleError: it is longer than allowed, or than the file.
    """
    if n_bytes < HEAD_BYTES:
        raise BundleError(f"{source}: {n_bytes} bytes, too few for a safetensors file")
    length = int.from_bytes(head, "little")
    if length > min(MAX_HEADER_BYTES, n_bytes - HEAD_BYTES):
        raise BundleError(f"{source}: the header length is {length} bytes, more than allowed or present")
    return length


def read_entries(header: bytes, body_bytes: int, source: str) -> list[Entry]:
    """Return the tensors of a header in the order of their bytes, which they cover without gaps.

    Args:
        header: the JSON text.
        body_bytes: number of bytes after it.
        source: file name, for error messages.

    Raises:
        BundleError: the header violates SPEC section 9.
    """
    try:
        raw = parse_json(header, dict[str, msgspec.Raw])
        raw.pop("__metadata__", None)
        tensors = {name: decode_json(bytes(part), _Tensor) for name, part in raw.items()}
    except JsonError as error:
        raise BundleError(f"{source}: invalid safetensors header: {error}") from error
    entries = []
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda entry: entry[1].data_offsets):
        if tensor.data_offsets[0] != end:
            raise BundleError(f"{source}: tensor {name!r} starts at byte {tensor.data_offsets[0]}, expected {end}")
        entries.append(_entry(name, tensor, body_bytes, source))
        end = entries[-1].stop
    if end != body_bytes:
        raise BundleError(f"{source}: {body_bytes - end} bytes at the end belong to no tensor")
    return entries


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


def take(arrays: Mapping[str, Kind], name: str, dtype: str, shape: tuple[int, ...], source: str) -> Kind:
    """Return ``arrays[name]``, in memory or on disk, checked against the dtype and shape from the manifest.

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


def _entry(name: str, tensor: _Tensor, body_bytes: int, source: str) -> Entry:
    """Return one tensor, after checking shape and offsets."""
    dtype = DTYPES.get(tensor.dtype)
    if dtype is None:
        raise BundleError(f"{source}: tensor {name!r} has dtype {tensor.dtype!r}, expected one of {list(DTYPES)}")
    start, stop = tensor.data_offsets
    extent = dtype.itemsize * math.prod(n for n in tensor.shape if n > 0)  # also if another dimension is 0
    if any(not 0 <= n < MAX_DIMENSION for n in tensor.shape) or len(tensor.shape) > MAX_RANK or extent > MAX_EXTENT:
        raise BundleError(f"{source}: tensor {name[:100]!r} has the invalid shape {tensor.shape[:MAX_RANK]}")
    size = extent if all(tensor.shape) else 0
    if not 0 <= start <= stop <= body_bytes or stop - start != size:
        raise BundleError(f"{source}: tensor {name!r} has the byte range {start} to {stop}, expected {size} bytes")
    return Entry(name, dtype, tuple(tensor.shape), start, stop)


def _view(body: memoryview, entry: Entry, source: str) -> Array:
    """Return the data of one tensor as a view."""
    array = np.frombuffer(body[entry.start : entry.stop], dtype=entry.dtype).reshape(entry.shape)
    if entry.dtype.kind == "f" and not np.isfinite(array).all():
        raise BundleError(f"{source}: tensor {entry.name!r} contains NaN or infinity")
    return array
