"""Files that do not match the manifest, manifests for newer readers, and invalid manifests."""

import json
from collections.abc import Callable

from edge_runtime.bundle.folder import describe
from edge_runtime.bundle.manifest import MANIFEST_NAME, MAX_MANIFEST_BYTES
from tests.attacks.draft import Attack, Draft, drop_role, flip, in_part, replace_in_manifest

_SPECIAL_NAMES = {
    "parent": "../secret", "absolute": "/etc/passwd", "folder": "a/b", "backslash": "a\\b", "dots": "..",
    "hidden": ".hidden", "drive": "C:x", "empty": "", "newline": "a\n", "long": "a" * 101, "nul": "a\0b",
    "manifest": MANIFEST_NAME, "not-ascii": "ä.bin",
}  # fmt: skip

FILES = (
    "encoder.safetensors", "codes.safetensors", "prompts.safetensors", "adapter.safetensors", "items.json.z",
    "popularity.safetensors", "golden.safetensors", "pictures.safetensors",
)  # fmt: skip


def integrity() -> dict[str, Attack]:
    def change(name: str, spoil: Callable[[bytes], bytes]) -> Attack:
        def attack(draft: Draft) -> None:
            draft.files[name] = spoil(draft.files[name])

        return attack

    def remove(name: str) -> Attack:
        def attack(draft: Draft) -> None:
            del draft.files[name]

        return attack

    attacks: dict[str, Attack] = {}
    for name in FILES:
        attacks[f"integrity/flipped-byte-{name}"] = change(name, flip)
        attacks[f"integrity/truncated-{name}"] = change(name, lambda data: data[:-1])
        attacks[f"integrity/longer-{name}"] = change(name, lambda data: data + b"\0")
        attacks[f"integrity/missing-{name}"] = remove(name)
    attacks["integrity/emptied"] = change("codes.safetensors", lambda _: b"")
    attacks["integrity/wrong-digest"] = _in_file("codes.safetensors", sha256="0" * 64)
    attacks["integrity/wrong-length"] = _in_file("codes.safetensors", bytes=1)
    return attacks


def versions() -> dict[str, Attack]:
    return {
        "version/newer-schema": _set(schema=2),
        "version/unknown-feature": _set(required_features=["shared-codebooks", "holograms"]),
        "version/newer-runtime": _set(minimum_runtime="999.0.0"),
        "version/newer-schema-of-another-shape": _raw(
            b'{"schema": 9, "required_features": [], "minimum_runtime": "0.1.0", "files": {}}'
        ),
    }


def manifests() -> dict[str, Attack]:
    attacks: dict[str, Attack] = {f"format/name-{what}": _rename(name) for what, name in _SPECIAL_NAMES.items()}
    for role in ("codes", "prompts", "adapter", "items", "popularity", "golden", "encoder"):
        attacks[f"format/no-{role}"] = drop_role(role)
    attacks |= {
        "format/manifest-empty": _raw(b""),
        "format/manifest-not-json": _raw(b"\x89PNG"),
        "format/manifest-a-list": _raw(b"[]"),
        "format/manifest-not-utf8": replace_in_manifest(b"tiny shop", b"tiny \xff\xfe"),
        "format/manifest-not-utf8-where-nobody-looks": replace_in_manifest(b"{", b'{"x": "\xff", '),
        "format/manifest-not-utf8-in-an-unknown-name": replace_in_manifest(b"{", b'{"\xff": 1, '),
        "format/manifest-with-an-encoded-surrogate": replace_in_manifest(b"{", b'{"x": "\xed\xa0\x80", '),
        "format/manifest-with-an-escaped-surrogate": replace_in_manifest(b"{", b'{"x": "\\ud800", '),
        "format/manifest-with-a-surrogate-in-a-name": replace_in_manifest(b"{", b'{"\\udc00": 1, '),
        "format/manifest-name-twice": replace_in_manifest(b"{", b'{"release": 1, '),
        "format/manifest-unknown-name-twice": replace_in_manifest(b"{", b'{"x": 1, "\\u0078": 1, '),
        "format/manifest-name-twice-in-an-unknown-object": replace_in_manifest(b"{", b'{"x": [{"y": 1, "y": 1}], '),
        "format/release-with-a-fraction": replace_in_manifest(b'"release": 1', b'"release": 1.0'),
        "format/release-with-an-exponent": replace_in_manifest(b'"release": 1', b'"release": 1e0'),
        "format/budget-with-a-fraction": replace_in_manifest(b'"ranking_bytes": 1', b'"ranking_bytes": 1.0e1'),
        "format/manifest-nan": replace_in_manifest(b'"input_scale": 4.0', b'"input_scale": NaN'),
        "format/manifest-infinity": replace_in_manifest(b'"input_scale": 4.0', b'"input_scale": 1e999'),
        "format/manifest-nested": _raw(b'{"schema": 1, "x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
        "format/manifest-too-large": _pad_manifest,
        "format/manifest-cut": _cut_manifest,
        "format/duplicate-names": _rename("codes.safetensors"),
        "format/duplicate-names-in-capitals": _rename("CODES.safetensors"),
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
        "format/engine-without-file": in_part("engines", 0, file="nothing.onnx"),
        "format/engine-on-another-role": in_part("engines", 0, file="codes.safetensors"),
        "format/engine-tolerance-zero": in_part("engines", 0, max_state_error=0.0),
        "format/engine-overlap-above-one": in_part("engines", 0, min_overlap=1.5),
        "format/language-model-without-file": _set(
            language_model={"file": "nothing.gguf", "context": 512, "prompt": "facts-v2"}
        ),
        "format/tiers-do-not-add-up": in_part("catalogue", None, n_items=41),
        "format/tier-does-not-divide": _tier(0, n_codes=7),
        "format/books-do-not-divide": _tier(0, n_books=3),
        "format/books-zero": _tier(0, n_books=0),
        "format/no-tiers": in_part("catalogue", None, tiers=[]),
        "format/five-tiers": in_part("catalogue", None, tiers=[{"n_items": 8, "n_codes": 2}] * 5),
        "format/dim-huge": in_part("catalogue", None, dim=1 << 40),
        "format/items-huge": in_part("catalogue", None, n_items=1 << 40),
        "format/codewords-257": in_part("catalogue", None, n_codewords=257),
        "format/heads-do-not-divide": in_part("encoder", None, n_heads=3),
        "format/dims-differ": in_part("encoder", None, dim=8),
        "format/input-scale-zero": in_part("encoder", None, input_scale=0.0),
        "format/release-zero": _set(release=0),
        "format/release-beyond-doubles": _set(release=1 << 53),
        "format/release-without-end": replace_in_manifest(b'"release": 1', b'"release": 1' + b"0" * 4000),
        "format/budget-without-end": replace_in_manifest(b'"ranking_bytes": 1', b'"ranking_bytes": 1' + b"0" * 400),
        "format/budget-negative": _set(budgets={"ranking_bytes": -1}),
        "format/budget-a-text": _set(budgets={"ranking_bytes": "all"}),
        "format/too-many-budgets": _set(budgets=dict.fromkeys(map(str, range(65)), 1)),
        "format/budget-without-name": _set(budgets={"": 1}),
        "format/input-scale-without-end": replace_in_manifest(b'"input_scale": 4.0', b'"input_scale": 4' + b"0" * 400),
        "format/schema-without-end": replace_in_manifest(b'"schema": 1', b'"schema": 1' + b"0" * 4000),
        "format/created-long": _set(created="2026-01-01T00:00:00" + "0" * 50_000 + "Z"),
        "format/created-markup": _set(created="[/x]"),
        "format/created-elsewhere": _set(created="2026-01-01T00:00:00+01:00"),
        "format/created-in-arabic-digits": _set(created="\u0662\u0660\u0662\u0666-01-31T12:00:00Z"),
        "format/role-markup": _in_file("pictures.safetensors", role="[/x]"),
        "format/target-markup": _set(target="[/x]"),
        "format/engine-with-escapes": in_part("engines", 0, engine="reference\x1b[31m"),
        "format/precision-markup": in_part("engines", 0, precision="[/x]"),
        "format/feature-long": _set(required_features=["x" * 101]),
        "format/too-many-features": _set(required_features=["shared-codebooks"] * 65),
        "format/provenance-long": _set(provenance={"seed": "x" * 1001}),
        "format/provenance-a-number": _set(provenance={"seed": 1}),
        "format/too-much-provenance": _set(provenance=dict.fromkeys(map(str, range(257)), "x")),
        "format/licence-long": _set(licences=["x" * 1001]),
        "format/too-many-licences": _set(licences=["x"] * 65),
        "format/manifest-nested-where-nobody-looks": _set(x=_nested(40)),
        "format/version-in-arabic-digits": _set(minimum_runtime="\u0660.\u0661.\u0660"),
        "format/version-not-a-version": _set(minimum_runtime="one"),
    }
    return attacks


def _nested(depth: int) -> object:
    return [_nested(depth - 1)] if depth else []


def _raw(data: bytes) -> Attack:
    def attack(draft: Draft) -> None:
        draft.raw_manifest = data

    return attack


def _pad_manifest(draft: Draft) -> None:
    draft.raw_manifest = json.dumps(draft.manifest).encode() + b" " * MAX_MANIFEST_BYTES


def _cut_manifest(draft: Draft) -> None:
    draft.raw_manifest = json.dumps(draft.manifest).encode()[:-20]


def _set(**values: object) -> Attack:
    return lambda draft: draft.manifest.update(values)


def _in_file(file: str, **values: object) -> Attack:
    def attack(draft: Draft) -> None:
        next(entry for entry in draft.manifest["files"] if entry["name"] == file).update(values)

    return attack


def _tier(index: int, **values: object) -> Attack:
    return lambda draft: draft.manifest["catalogue"]["tiers"][index].update(values)


def _rename(name: str) -> Attack:
    """Rename the pictures, which are optional, in the manifest."""
    return _in_file("pictures.safetensors", name=name)


def _many_files(draft: Draft) -> None:
    empty = describe("x", "other", b"")
    draft.manifest["files"] += [
        {"name": f"extra-{index}", "role": "other", "bytes": 0, "sha256": empty.sha256} for index in range(256)
    ]


def _upper_digest(draft: Draft) -> None:
    entry = draft.manifest["files"][1]
    entry["sha256"] = entry["sha256"].upper()
