"""Reads the header of a GGUF file from others in bounds: llama.cpp crashes on some headers, and loads some wrong ones.

Every count and length is checked against a limit and against the bytes that are left before anything is read or
allocated. Of arrays only the kind and the length are kept, and the numbers of short ones. The tensors themselves are
not read; their places must follow each other within the file, as llama.cpp expects.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from train.errors import RunError

MAGIC: Final = b"GGUF"
VERSIONS: Final = (2, 3)
MAX_ENTRIES: Final = 1024
MAX_TENSORS: Final = 1 << 14
MAX_KEY: Final = 256
MAX_TENSOR_NAME: Final = 63
"""Bytes: llama.cpp keeps 64, with the end."""

MAX_STRING: Final = 1 << 20
MAX_ELEMENTS: Final = 1 << 21
"""Elements of an array: Gemma's vocabulary has 262,144 tokens and twice as many merges."""

MAX_NUMBERS: Final = 1024
"""Elements of an array that are kept: one a block of the model, at most."""

MAX_DIMENSIONS: Final = 4
MAX_EXTENT: Final = 1 << 31
MAX_ALIGNMENT: Final = 1 << 16
DEFAULT_ALIGNMENT: Final = 32

# Number of a value's type -> its format; strings and arrays have their own readers.
_SCALARS: Final = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_BOOL, _STRING, _ARRAY = 7, 8, 9

# Number of a tensor's type -> its name, elements of a block, and bytes of a block (ggml.h); retired types are left out.
TENSOR_TYPES: Final = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136), 29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
}  # fmt: skip

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Array:
    """An array of the metadata: the number of its type, and of its elements; ``numbers`` of a short integer array."""

    kind: int
    length: int
    numbers: tuple[int, ...] = ()

    @property
    def is_text(self) -> bool:
        """Whether the elements are strings."""
        return self.kind == _STRING


@dataclass(frozen=True, slots=True)
class Tensor:
    """Place of a tensor: ``offset`` from the start of the data, in bytes; the shape has the length of a row first."""

    name: str
    shape: tuple[int, ...]
    kind: str
    offset: int
    n_bytes: int

    @property
    def n_elements(self) -> int:
        """Number of weights."""
        n = 1
        for extent in self.shape:
            n *= extent
        return n


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF file says about itself.

    Attributes:
        metadata: values by key; arrays without their elements.
        tensors: by name.
        data_start: bytes before the tensors.
    """

    metadata: dict[str, Scalar | Array]
    tensors: dict[str, Tensor]
    data_start: int


def read_header(path: Path) -> Header:
    """Return the checked header of a GGUF file.

    Raises:
        RunError: it is not a GGUF file, is damaged, or exceeds a limit.
    """
    with path.open("rb") as stream:
        return parse_header(stream, path.stat().st_size, str(path))


def parse_header(stream: BinaryIO, size: int, name: str) -> Header:
    """Return the checked header of a stream of so many bytes.

    Raises:
        RunError: as for :func:`read_header`; ``name`` is named.
    """
    return _Reader(stream, size, name).header()


class _Reader:
    """Reads values in order; never beyond the end of the file.

    Args:
        stream: the file, at its start.
        size: bytes of the file.
        name: of the file, for messages.
    """

    def __init__(self, stream: BinaryIO, size: int, name: str) -> None:
        self._stream = stream
        self._left = size
        self._size = size
        self._name = name

    def header(self) -> Header:
        """Return the header."""
        found = self._bytes(len(MAGIC), "the magic")
        if found != MAGIC:
            raise self._refused(f"starts with {found!r}, expected {MAGIC!r}")
        version = self._number("<I", "the version")
        if version not in VERSIONS:
            raise self._refused(f"found the version {version}, expected one of {VERSIONS} in little-endian order")
        n_tensors = self._count("tensors", 1, MAX_TENSORS)
        n_entries = self._count("entries of metadata", 1, MAX_ENTRIES)
        metadata: dict[str, Scalar | Array] = {}
        for _ in range(n_entries):
            key = self._text("a key", MAX_KEY)
            if key in metadata:
                raise self._refused(f"the key {key!r} is there twice")
            metadata[key] = self._value(key)
        return self._with_tensors(metadata, n_tensors)

    def _with_tensors(self, metadata: dict[str, Scalar | Array], n_tensors: int) -> Header:
        alignment = metadata.get("general.alignment", DEFAULT_ALIGNMENT)
        if not isinstance(alignment, int) or not 1 <= alignment <= MAX_ALIGNMENT or alignment & (alignment - 1):
            raise self._refused(f"found the alignment {alignment}, expected a power of two up to {MAX_ALIGNMENT}")
        tensors: dict[str, Tensor] = {}
        end = 0
        for _ in range(n_tensors):
            tensor = self._tensor()
            if tensor.name in tensors:
                raise self._refused(f"the tensor {tensor.name!r} is there twice")
            if tensor.offset != end:
                raise self._refused(f"the tensor {tensor.name!r} is at {tensor.offset}, expected at {end}")
            tensors[tensor.name] = tensor
            end = _aligned(end + tensor.n_bytes, alignment)
        start = _aligned(self._size - self._left, alignment)
        last = next(reversed(tensors.values()))
        needed = start + last.offset + last.n_bytes
        if needed > self._size:
            raise self._refused(f"has {self._size:,} bytes, but its tensors need {needed:,}; it was cut off")
        return Header(metadata, tensors, start)

    def _tensor(self) -> Tensor:
        name = self._text("the name of a tensor", MAX_TENSOR_NAME)
        n_dimensions = self._number("<I", "a tensor")
        if not 1 <= n_dimensions <= MAX_DIMENSIONS:
            raise self._refused(f"the tensor {name!r} has {n_dimensions} dimensions, expected 1 to {MAX_DIMENSIONS}")
        shape = tuple(self._number("<Q", "a shape") for _ in range(n_dimensions))
        number = self._number("<I", "the type of a tensor")
        if number not in TENSOR_TYPES:
            raise self._refused(f"the tensor {name!r} has the unknown type {number}")
        kind, block, block_bytes = TENSOR_TYPES[number]
        n_bytes = block_bytes
        for extent in shape:
            n_bytes *= extent
            if not 1 <= extent <= MAX_EXTENT or n_bytes // block > self._size:
                raise self._refused(f"the tensor {name!r} has the shape {shape}, which does not fit into the file")
        if shape[0] % block:
            raise self._refused(
                f"the tensor {name!r} has rows of {shape[0]}, expected a multiple of {block} for {kind}"
            )
        return Tensor(name, shape, kind, self._number("<Q", "an offset"), n_bytes // block)

    def _value(self, key: str) -> Scalar | Array:
        kind = self._number("<I", f"the type of {key!r}")
        if kind == _ARRAY:
            return self._array(key)
        return self._one(key, kind)

    def _one(self, key: str, kind: int) -> Scalar:
        if kind == _STRING:
            return self._text(f"the value of {key!r}", MAX_STRING)
        if kind not in _SCALARS:
            raise self._refused(f"the value of {key!r} has the unknown type {kind}")
        layout = _SCALARS[kind]
        data = self._bytes(struct.calcsize(layout), f"the value of {key!r}")
        if kind == _BOOL and data not in (b"\0", b"\1"):
            raise self._refused(f"the value of {key!r} is {data[0]}, expected 0 or 1")
        value: Scalar = struct.unpack(layout, data)[0]
        return value

    def _array(self, key: str) -> Array:
        kind = self._number("<I", f"the type of {key!r}")
        length = self._number("<Q", f"the length of {key!r}")
        if kind != _STRING and kind not in _SCALARS:
            raise self._refused(f"the elements of {key!r} have the type {kind}, expected numbers or strings")
        least = 8 if kind == _STRING else struct.calcsize(_SCALARS[kind])
        if length > MAX_ELEMENTS or length * least > self._left:
            raise self._refused(f"{key!r} has {length:,} elements, which exceeds {MAX_ELEMENTS:,} or the file")
        if kind == _STRING:
            for _ in range(length):
                self._text(f"an element of {key!r}", MAX_STRING)
            return Array(kind, length)
        data = self._bytes(length * least, key)
        letter = _SCALARS[kind][1]
        is_kept = letter not in "fd?" and length <= MAX_NUMBERS
        return Array(kind, length, struct.unpack(f"<{length}{letter}", data) if is_kept else ())

    def _count(self, what: str, least: int, most: int) -> int:
        number = self._number("<Q", f"the number of {what}")
        if not least <= number <= most:
            raise self._refused(f"found {number:,} {what}, expected {least} to {most:,}")
        return number

    def _number(self, layout: str, what: str) -> int:
        number: int = struct.unpack(layout, self._bytes(struct.calcsize(layout), what))[0]
        return number

    def _text(self, what: str, most: int) -> str:
        length = self._number("<Q", f"the length of {what}")
        if length > most:
            raise self._refused(f"{what} has {length:,} bytes, expected at most {most:,}")
        try:
            return self._bytes(length, what).decode()
        except UnicodeDecodeError as error:
            raise self._refused(f"{what} is not UTF-8 text") from error

    def _bytes(self, n: int, what: str) -> bytes:
        if n > self._left:
            raise self._refused(f"ends within {what}")
        data = self._stream.read(n)
        if len(data) != n:
            raise self._refused(f"ended within {what} while it was read")
        self._left -= n
        return data

    def _refused(self, found: str) -> RunError:
        return RunError(f"{self._name}: {found}. It is no GGUF file that can be used; fetch it again from its source.")


def _aligned(n_bytes: int, alignment: int) -> int:
    return -(-n_bytes // alignment) * alignment
