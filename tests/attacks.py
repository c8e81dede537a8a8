"""Malformed bundles, one folder each, for every reader of the format: none of them may get through.

The first part of a name says how a reader must answer:

``integrity``  a file does not match the manifest: refused
``version``    made for a newer reader: refused, with a version error
``format``     digests are right, the content breaks SPEC.md: refused
``pictures``   as ``format``, for a reader that shows pictures
``engine``     the bundle can be used, but its first engine must not be
"""

import json
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.bundle.arrays import Array, dump_arrays, load_arrays
from edge_runtime.bundle.folder import describe
from edge_runtime.bundle.manifest import MANIFEST_NAME, MAX_MANIFEST_BYTES
from tests.tiny_bundle import make_tiny_bundle

Json = dict[str, Any]
_SPECIAL_NAMES = {
    "parent": "../secret", "absolute": "/etc/passwd", "folder": "a/b", "backslash": "a\\b", "dots": "..",
    "hidden": ".hidden", "drive": "C:x", "empty": "", "newline": "a\n", "long": "a" * 101, "nul": "a\0b",
    "manifest": MANIFEST_NAME, "not-ascii": "ä.bin",
}  # fmt: skip


@dataclass
class Draft:
    """A good bundle, taken apart to be spoilt: change ``files`` or ``manifest``, then write."""

    manifest: Json
    files: dict[str, bytes]
    raw_manifest: bytes | None = None

    def arrays(self, name: str) -> dict[str, Array]:
        """Return the arrays of a file."""
        return dict(load_arrays(self.files[name], name))

    def replace(self, name: str, data: bytes) -> None:
        """Put other content into a file, its digest in the manifest made to fit."""
        self.files[name] = data
        role = next(entry["role"] for entry in self.manifest["files"] if entry["name"] == name)
        entry = describe(name, role, data)
        fresh = {"name": name, "role": role, "bytes": entry.bytes, "sha256": entry.sha256}
        self.manifest["files"] = [fresh if old["name"] == name else old for old in self.manifest["files"]]

    def replace_arrays(self, name: str, **arrays: Array) -> None:
        """Put other arrays into a file; those not named stay."""
        self.replace(name, dump_arrays(self.arrays(name) | arrays))

    def write(self, folder: Path) -> None:
        """Write what is there, whatever it is."""
        folder.mkdir(parents=True)
        for name, data in self.files.items():
            (folder / name).write_bytes(data)
        manifest = json.dumps(self.manifest).encode() if self.raw_manifest is None else self.raw_manifest
        (folder / MANIFEST_NAME).write_bytes(manifest)


Attack = Callable[[Draft], None]


def attacks(root: Path) -> Iterator[tuple[str, Path]]:
    """Write every malformed bundle into a folder below ``root``; yield its name and the folder."""
    good = root / "good"
    make_tiny_bundle(good, pictures=True)
    for name, attack in table().items():
        draft = read_draft(good)
        attack(draft)
        folder = root / name.replace("/", "-")
        draft.write(folder)
        yield name, folder
    shutil.rmtree(good)


def read_draft(folder: Path) -> Draft:
    """Return a good bundle as a draft."""
    manifest = json.loads((folder / MANIFEST_NAME).read_bytes())
    return Draft(manifest, {entry["name"]: (folder / entry["name"]).read_bytes() for entry in manifest["files"]})


def table() -> dict[str, Attack]:
    """Return name to attack."""
    return _integrity() | _versions() | _manifests() | _safetensors() | _contents() | _items() | _engines()


FILES = (
    "encoder.safetensors", "codes.safetensors", "prompts.safetensors", "adapter.safetensors", "items.json.z",
    "popularity.safetensors", "golden.safetensors", "pictures.safetensors",
)  # fmt: skip


def _integrity() -> dict[str, Attack]:
    def change(name: str, spoil: Callable[[bytes], bytes]) -> Attack:
        def attack(draft: Draft) -> None:
            draft.files[name] = spoil(draft.files[name])

        return attack

    def remove(name: str) -> Attack:
        def attack(draft: Draft) -> None:
            del draft.files[name]

        return attack

    def flip(data: bytes) -> bytes:
        middle = len(data) // 2
        return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]

    found: dict[str, Attack] = {}
    for name in FILES:
        found[f"integrity/flipped-byte-{name}"] = change(name, flip)
        found[f"integrity/truncated-{name}"] = change(name, lambda data: data[:-1])
        found[f"integrity/longer-{name}"] = change(name, lambda data: data + b"\0")
        found[f"integrity/missing-{name}"] = remove(name)
    found["integrity/emptied"] = change("codes.safetensors", lambda _: b"")
    found["integrity/wrong-digest"] = _in_file("codes.safetensors", sha256="0" * 64)
    found["integrity/wrong-length"] = _in_file("codes.safetensors", bytes=1)
    return found


def _versions() -> dict[str, Attack]:
    return {
        "version/newer-schema": _set(schema=2),
        "version/unknown-feature": _set(required_features=["shared-codebooks", "holograms"]),
        "version/newer-runtime": _set(minimum_runtime="999.0.0"),
        "version/newer-schema-of-another-shape": _raw(
            b'{"schema": 9, "required_features": [], "minimum_runtime": "0.1.0", "files": {}}'
        ),
    }


def _manifests() -> dict[str, Attack]:
    found: dict[str, Attack] = {f"format/name-{what}": _rename(name) for what, name in _SPECIAL_NAMES.items()}
    for role in ("codes", "prompts", "adapter", "items", "popularity", "golden", "encoder"):
        found[f"format/no-{role}"] = _drop_role(role)
    found |= {
        "format/manifest-empty": _raw(b""),
        "format/manifest-not-json": _raw(b"\x89PNG"),
        "format/manifest-a-list": _raw(b"[]"),
        "format/manifest-not-utf8": _replace_in_manifest(b"tiny shop", b"tiny \xff\xfe"),
        "format/manifest-nan": _replace_in_manifest(b'"input_scale": 4.0', b'"input_scale": NaN'),
        "format/manifest-infinity": _replace_in_manifest(b'"input_scale": 4.0', b'"input_scale": 1e999'),
        "format/manifest-nested": _raw(b'{"schema": 1, "x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
        "format/manifest-too-large": _pad_manifest,
        "format/manifest-cut": _cut_manifest,
        "format/duplicate-names": _duplicate("codes.safetensors"),
        "format/duplicate-names-in-capitals": _duplicate("CODES.safetensors"),
        "format/two-files-of-codes": _in_file("pictures.safetensors", role="codes"),
        "format/no-files": _set(files=[]),
        "format/too-many-files": _many_files,
        "format/too-many-bytes": _in_file("pictures.safetensors", bytes=(4 << 30) + 1),
        "format/negative-length": _in_file("pictures.safetensors", bytes=-1),
        "format/digest-in-capitals": _upper_digest,
        "format/digest-too-short": _in_file("codes.safetensors", sha256="00"),
        "format/chunks-of-a-small-file": _in_file("codes.safetensors", chunk_sha256=["0" * 64]),
        "format/chunks-missing": _in_file("codes.safetensors", bytes=(4 << 20) + 1),
        "format/no-engines": _set(engines=[]),
        "format/engine-without-file": _in_part("engines", 0, file="nothing.onnx"),
        "format/engine-on-another-role": _in_part("engines", 0, file="codes.safetensors"),
        "format/engine-tolerance-zero": _in_part("engines", 0, max_state_error=0.0),
        "format/engine-overlap-above-one": _in_part("engines", 0, min_overlap=1.5),
        "format/language-model-without-file": _set(
            language_model={"file": "nothing.gguf", "context": 512, "prompt": "facts-v1"}
        ),
        "format/tiers-do-not-add-up": _in_part("catalogue", None, n_items=41),
        "format/tier-does-not-divide": _tier(0, n_codes=7),
        "format/books-do-not-divide": _tier(0, n_books=3),
        "format/books-zero": _tier(0, n_books=0),
        "format/no-tiers": _in_part("catalogue", None, tiers=[]),
        "format/five-tiers": _in_part("catalogue", None, tiers=[{"n_items": 8, "n_codes": 2}] * 5),
        "format/dim-huge": _in_part("catalogue", None, dim=1 << 40),
        "format/items-huge": _in_part("catalogue", None, n_items=1 << 40),
        "format/codewords-257": _in_part("catalogue", None, n_codewords=257),
        "format/heads-do-not-divide": _in_part("encoder", None, n_heads=3),
        "format/dims-differ": _in_part("encoder", None, dim=8),
        "format/input-scale-zero": _in_part("encoder", None, input_scale=0.0),
        "format/release-zero": _set(release=0),
        "format/version-not-a-version": _set(minimum_runtime="one"),
    }
    return found


def _safetensors() -> dict[str, Attack]:
    """Attacks on the container, tried on the adapter: two small float tensors."""
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
        "format/shape-of-fractions": header(a={"shape": [16.5, 2]}),
        "format/dtype-unknown": header(a={"dtype": "F128"}),
        "format/dtype-of-the-wrong-size": header(a={"dtype": "U8"}),
        "format/dtype-integer-for-float": header(a={"dtype": "I32"}),
        "format/tensor-missing": _adapter(_pack(json.dumps({"a": good["a"]}).encode(), bytes(128))),
        "format/tensor-unknown-field": header(a={"strides": [1]}),
        "format/nan": special(float("nan")),
        "format/infinity": special(float("-inf")),
    }


def _contents() -> dict[str, Attack]:
    """Arrays that are well formed and mean something impossible."""
    codes, golden, pictures = "codes.safetensors", "golden.safetensors", "pictures.safetensors"

    def change(name: str, array: str, spoil: Callable[[Array], Array]) -> Attack:
        return lambda draft: draft.replace_arrays(name, **{array: spoil(draft.arrays(name)[array])})

    def put(row: int, column: int, value: int) -> Callable[[Array], Array]:
        def spoil(array: Array) -> Array:
            changed = array.copy()
            changed[row, column] = value
            return changed

        return spoil

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


def _items() -> dict[str, Attack]:
    name = "items.json.z"

    def bytes_(data: bytes) -> Attack:
        return lambda draft: draft.replace(name, data)

    def text(spoil: Callable[[Json], object]) -> Attack:
        def attack(draft: Draft) -> None:
            items = json.loads(zlib.decompress(draft.files[name]))
            spoil(items)
            draft.replace(name, zlib.compress(json.dumps(items).encode()))

        return attack

    def inside(old: bytes, new: bytes) -> Attack:
        def attack(draft: Draft) -> None:
            inflated = zlib.decompress(draft.files[name])
            draft.replace(name, zlib.compress(inflated.replace(old, new, 1)))

        return attack

    def column(key: str, row: int, value: object) -> Attack:
        return text(lambda items: items[key].__setitem__(row, value))

    return {
        "format/items-not-zlib": bytes_(b"plain text"),
        "format/items-empty": bytes_(b""),
        "format/items-bomb": bytes_(zlib.compress(b" " * ((64 << 20) + 1))),
        "format/items-stream-cut": lambda draft: draft.replace(name, draft.files[name][:-4]),
        "format/items-with-a-tail": lambda draft: draft.replace(name, draft.files[name] + b"tail"),
        "format/items-not-json": bytes_(zlib.compress(b"{nonsense")),
        "format/items-nested": bytes_(zlib.compress(b'{"x": ' + b"[" * 500_000 + b"]" * 500_000 + b"}")),
        "format/items-not-utf8": inside(b"Aster", b"\xff\xfe\xfd\xfc\xfb"),
        "format/items-lone-surrogate": inside(b'"Aster"', b'"\\ud800"'),
        "format/items-too-few": text(lambda items: items["title"].pop()),
        "format/items-id-twice": column("item_id", 1, "item-0"),
        "format/items-id-empty": column("item_id", 1, ""),
        "format/items-id-too-long": column("item_id", 1, "i" * 257),
        "format/items-id-a-number": column("item_id", 1, 7),
        "format/items-title-empty": column("title", 1, ""),
        "format/items-fact-outside": text(lambda items: items["fields"]["brand"]["rows"][0].append(99)),
        "format/items-fact-negative": text(lambda items: items["fields"]["brand"]["rows"][0].append(-1)),
        "format/items-facts-too-few": text(lambda items: items["fields"]["brand"]["rows"].pop()),
    }


def _engines() -> dict[str, Attack]:
    name = "encoder.safetensors"

    def drop(tensor: str) -> Attack:
        def attack(draft: Draft) -> None:
            arrays = draft.arrays(name)
            del arrays[tensor]
            draft.replace(name, dump_arrays(arrays))

        return attack

    def change(tensor: str, spoil: Callable[[Array], Array]) -> Attack:
        return lambda draft: draft.replace_arrays(name, **{tensor: spoil(draft.arrays(name)[tensor])})

    return {
        "engine/weight-missing": drop("block.1.value.weight"),
        "engine/scale-missing": drop("position.scale"),
        "engine/weight-of-another-shape": change("block.0.query.weight", lambda array: array[:-1]),
        "engine/weight-of-another-dtype": change("norm.weight", lambda array: array.astype(np.int8)),
        "engine/feed-parts-differ": change("block.0.feed_out.weight", lambda array: array[:, :-1]),
        "engine/feed-of-no-width": change("block.0.feed_in.weight", lambda array: array[:0]),
        "engine/weights-changed": change("block.0.value.weight", lambda array: -array),
        "engine/scale-huge": change("position.scale", lambda scale: np.full_like(scale, 3e38)),
        "engine/state-overflows": change("norm.weight", lambda weight: np.full_like(weight, 3e38)),
        "engine/weights-large": change("block.0.output.weight.scale", lambda scale: np.full_like(scale, 9e5)),
        "engine/not-a-model": lambda draft: draft.replace(name, b"not a model at all"),
        "engine/unknown-kind": _in_part("engines", 0, engine="abacus"),
    }


def _adapter(data: bytes) -> Attack:
    return lambda draft: draft.replace("adapter.safetensors", data)


def _pack(header: bytes, body: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header + body


def _swapped(array: Array, one: int, other: int) -> Array:
    changed = array.copy()
    changed[one], changed[other] = array[other] + 1, array[one]
    return changed


def _raw(data: bytes) -> Attack:
    def attack(draft: Draft) -> None:
        draft.raw_manifest = data

    return attack


def _replace_in_manifest(old: bytes, new: bytes) -> Attack:
    def attack(draft: Draft) -> None:
        text = json.dumps(draft.manifest).encode()
        if old not in text:
            raise ValueError(f"the manifest does not hold {old!r}: this attack would attack nothing")
        draft.raw_manifest = text.replace(old, new, 1)

    return attack


def _pad_manifest(draft: Draft) -> None:
    draft.raw_manifest = json.dumps(draft.manifest).encode() + b" " * MAX_MANIFEST_BYTES


def _cut_manifest(draft: Draft) -> None:
    draft.raw_manifest = json.dumps(draft.manifest).encode()[:-20]


def _set(**values: object) -> Attack:
    return lambda draft: draft.manifest.update(values)


def _in_part(part: str, index: int | None, **values: object) -> Attack:
    def attack(draft: Draft) -> None:
        target: Json = draft.manifest[part] if index is None else draft.manifest[part][index]
        target.update(values)

    return attack


def _in_file(file: str, **values: object) -> Attack:
    def attack(draft: Draft) -> None:
        next(entry for entry in draft.manifest["files"] if entry["name"] == file).update(values)

    return attack


def _tier(index: int, **values: object) -> Attack:
    return lambda draft: draft.manifest["catalogue"]["tiers"][index].update(values)


def _rename(name: str) -> Attack:
    """Give the pictures, which are optional, another name in the manifest."""
    return _in_file("pictures.safetensors", name=name)


def _duplicate(name: str) -> Attack:
    return _rename(name)


def _drop_role(role: str) -> Attack:
    def attack(draft: Draft) -> None:
        kept: list[Mapping[str, object]] = [entry for entry in draft.manifest["files"] if entry["role"] != role]
        draft.manifest["files"] = kept

    return attack


def _many_files(draft: Draft) -> None:
    empty = describe("x", "other", b"")
    draft.manifest["files"] += [
        {"name": f"extra-{index}", "role": "other", "bytes": 0, "sha256": empty.sha256} for index in range(256)
    ]


def _upper_digest(draft: Draft) -> None:
    entry = draft.manifest["files"][1]
    entry["sha256"] = entry["sha256"].upper()
