"""Invalid array files: malformed containers, and well-formed arrays with invalid values."""

import json
from collections.abc import Callable

import numpy as np

from edge_runtime.bundle.arrays import Array
from tests.attacks.draft import Attack, Json


def containers() -> dict[str, Attack]:
    """Return malformed containers, in place of the adapter with its two small tensors."""
    good: Json = {
        "a": {"dtype": "F32", "shape": [16, 2], "data_offsets": [0, 128]},
        "b": {"dtype": "F32", "shape": [2, 16], "data_offsets": [128, 256]},
    }

    def header(size: int = 256, **changes: Json) -> Attack:
        tensors = {name: good[name] | changes.get(name, {}) for name in good} | {
            name: entry for name, entry in changes.items() if name not in good
        }
        return _adapter(_pack(json.dumps(tensors).encode(), bytes(size)))

    def special(value: float) -> Attack:
        return lambda draft: draft.replace_arrays("adapter.safetensors", b=np.full((2, 16), value, dtype=np.float32))

    nested = b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    return {
        "format/array-file-empty": _adapter(b""),
        "format/array-file-of-seven-bytes": _adapter(b"\0" * 7),
        "format/header-length-huge": _adapter((1 << 63).to_bytes(8, "little") + b"{}"),
        "format/header-longer-than-file": _adapter((300).to_bytes(8, "little") + b"{}"),
        "format/header-over-a-mebibyte": _adapter(_pack(b"{" + b" " * (1 << 20) + b"}", b"")),
        "format/header-not-json": _adapter(_pack(b"{nonsense", b"")),
        "format/header-a-list": _adapter(_pack(b"[]", b"")),
        "format/header-nested": _adapter(_pack(nested, b"")),
        "format/header-not-utf8": _adapter(_pack(b'{"\xff\xfe": 1}', b"")),
        "format/header-tensor-twice": _adapter(
            _pack(b'{"a": ' + json.dumps(good["a"]).encode() + b", " + json.dumps(good).encode()[1:], bytes(256))
        ),
        "format/header-empty": _adapter(_pack(b"{}", b"")),
        "format/tensors-overlap": header(192, b={"data_offsets": [64, 192]}),
        "format/tensors-with-a-gap": header(260, b={"data_offsets": [132, 260]}),
        "format/bytes-behind-the-tensors": header(257),
        "format/tensor-beyond-the-file": header(255),
        "format/offsets-backwards": header(b={"data_offsets": [256, 128]}),
        "format/offsets-negative": header(a={"data_offsets": [-128, 0]}),
        "format/offsets-of-three": header(a={"data_offsets": [0, 128, 128]}),
        "format/shape-does-not-fit": header(a={"shape": [16, 3]}),
        "format/shape-negative": header(a={"shape": [-16, -2]}),
        "format/shape-huge": header(a={"shape": [1 << 62, 1 << 62]}),
        "format/shape-overflows-to-the-right-size": header(a={"shape": [1 << 32, 1 << 32, 32]}),
        "format/shape-with-nothing-times-much": header(128, a={"shape": [0, 1 << 40], "data_offsets": [0, 0]}),
        "format/shape-with-nothing-times-the-most-of-each": header(
            128, a={"shape": [0, *[(1 << 31) - 1] * 3], "data_offsets": [0, 0]}
        ),
        "format/shape-of-nine-dimensions": header(a={"shape": [16, 2, *[1] * 7]}),
        "format/shape-nested": header(a={"shape": [[[16]], 2]}),
        "format/shape-of-integers-with-fractions": header(a={"shape": [16.0, 2]}),
        "format/offsets-with-fractions": header(a={"data_offsets": [0, 128.0]}),
        "format/shape-of-fractions": header(a={"shape": [16.5, 2]}),
        "format/dtype-unknown": header(a={"dtype": "F128"}),
        "format/dtype-of-the-wrong-size": header(a={"dtype": "U8"}),
        "format/dtype-integer-for-float": header(a={"dtype": "I32"}),
        "format/tensor-missing": _adapter(_pack(json.dumps({"a": good["a"]}).encode(), bytes(128))),
        "format/tensor-unknown-field": header(a={"strides": [1]}),
        "format/nan": special(float("nan")),
        "format/infinity": special(float("-inf")),
    }


def contents() -> dict[str, Attack]:
    """Return well-formed arrays with invalid values."""
    codes, golden, pictures = "codes.safetensors", "golden.safetensors", "pictures.safetensors"

    def change(name: str, array: str, modify: Callable[[Array], Array]) -> Attack:
        return lambda draft: draft.replace_arrays(name, **{array: modify(draft.arrays(name)[array])})

    def put(row: int, column: int, value: int) -> Callable[[Array], Array]:
        def modify(array: Array) -> Array:
            changed = array.copy()
            changed[row, column] = value
            return changed

        return modify

    return {
        "format/tier-counts-off": change(codes, "tier", lambda tier: np.zeros_like(tier)),
        "format/tier-unknown": change(codes, "tier", lambda tier: np.full_like(tier, 255)),
        "format/tier-too-short": change(codes, "tier", lambda tier: tier[:-1]),
        "format/code-beyond-the-codebook": change(codes, "codes.2", put(0, 0, 16)),
        "format/codes-too-few": change(codes, "codes.2", lambda array: array[:-1]),
        "format/codebook-of-another-shape": change(codes, "codebook.0", lambda array: array[:, :-1]),
        "format/scale-zero": change(codes, "scale.0", np.zeros_like),
        "format/scale-negative": change(codes, "scale.0", np.negative),
        "format/scale-huge": change(codes, "scale.0", lambda scale: np.full_like(scale, 3e38)),
        "format/scale-of-each-part": change(codes, "scale.0", lambda scale: np.repeat(scale, 2)),
        "format/centre-huge": change(codes, "centre.0", lambda centre: np.full_like(centre, 3e38)),
        "format/centre-not-a-number": change(codes, "centre.0", lambda centre: np.full_like(centre, np.nan)),
        "format/centre-too-short": change(codes, "centre.0", lambda centre: centre[:-1]),
        "format/prompts-of-another-shape": change("prompts.safetensors", "prompts", lambda array: array[:-1]),
        "format/popularity-too-short": change("popularity.safetensors", "popularity", lambda array: array[:-1]),
        "format/golden-empty": lambda draft: draft.replace_arrays(
            golden,
            rows=np.empty((0, 8), dtype=np.int32),
            state=np.empty((0, 16), dtype=np.float32),
            top_rows=np.empty((0, 10), dtype=np.int32),
        ),
        "format/golden-without-end": lambda draft: draft.replace_arrays(
            golden,
            rows=np.repeat(draft.arrays(golden)["rows"], 200, axis=0),
            state=np.repeat(draft.arrays(golden)["state"], 200, axis=0),
            top_rows=np.repeat(draft.arrays(golden)["top_rows"], 200, axis=0),
        ),
        "format/golden-outside-the-catalogue": change(golden, "rows", put(0, 0, 40)),
        "format/golden-below-minus-one": change(golden, "rows", put(0, 7, -2)),
        "format/golden-with-a-gap": change(golden, "rows", put(5, 3, -1)),
        "format/golden-sequence-empty": change(golden, "rows", put(0, 0, -1)),
        "format/golden-top-outside": change(golden, "top_rows", put(0, 0, 40)),
        "format/golden-counts-differ": change(golden, "state", lambda array: array[:-1]),
        "pictures/offsets-descend": change(pictures, "offset", lambda array: _swapped(array, 1, 2)),
        "pictures/offsets-beyond-the-data": change(pictures, "offset", lambda array: array + np.uint32(1)),
        "pictures/offsets-too-few": change(pictures, "offset", lambda array: array[:-1]),
    }


def _adapter(data: bytes) -> Attack:
    return lambda draft: draft.replace("adapter.safetensors", data)


def _pack(header: bytes, body: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header + body


def _swapped(array: Array, one: int, other: int) -> Array:
    changed = array.copy()
    changed[one], changed[other] = array[other] + 1, array[one]
    return changed
