"""Invalid lists of retired items; the bundle has 40 items, and so five bytes."""

import numpy as np

from edge_runtime.bundle.arrays import Array, dump_arrays
from edge_runtime.bundle.folder import describe
from tests.attacks.draft import Attack, Draft, flip

NAME = "retired.safetensors"


def retired() -> dict[str, Attack]:
    """Return name to attack."""
    return {
        "format/retired-of-fewer-items": _with(dump_arrays({"retired": np.zeros(4, dtype=np.uint8)})),
        "format/retired-of-more-items": _with(dump_arrays({"retired": np.zeros(6, dtype=np.uint8)})),
        "format/retired-a-byte-an-item": _with(dump_arrays({"retired": np.zeros(40, dtype=np.uint8)})),
        "format/retired-signed": _with(dump_arrays({"retired": np.zeros(5, dtype=np.int8)})),
        "format/retired-without-array": _with(dump_arrays({"rows": np.zeros(5, dtype=np.uint8)})),
        "format/retired-no-arrays": _with(b"not safetensors"),
        "format/retired-twice": _twice,
        "integrity/flipped-byte-retired": _flipped,
    }


def _with(data: bytes, name: str = NAME) -> Attack:
    def attack(draft: Draft) -> None:
        entry = describe(name, "retired", data)
        draft.files[name] = data
        draft.manifest["files"].append({"name": name, "role": "retired", "bytes": entry.bytes, "sha256": entry.sha256})

    return attack


def _valid() -> bytes:
    arrays: dict[str, Array] = {"retired": np.zeros(5, dtype=np.uint8)}
    return dump_arrays(arrays)


def _twice(draft: Draft) -> None:
    _with(_valid())(draft)
    _with(_valid(), "again.safetensors")(draft)


def _flipped(draft: Draft) -> None:
    _with(_valid())(draft)
    draft.files[NAME] = flip(draft.files[NAME])
