"""The limits of the bundle format as TypeScript, so that the page's reader checks the same ones as Python's.

After a change of a limit, run ``python -m export.page_limits`` and commit ``web_demo/src/runtime/limits.ts``;
``tests/export/test_page_limits.py`` fails while the two differ.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import inspect

from edge_runtime.bundle import arrays, codes, golden, items, manifest, parsing, pictures
from edge_runtime.engines import candidates, onnx_graph, onnx_values, protobuf, weights

PATH: Final = Path(__file__).parents[1] / "web_demo" / "src" / "runtime" / "limits.ts"

_HEADER: Final = "// Generated from edge_runtime by `python -m export.page_limits`. Do not edit.\n"
_MAX_LINE: Final = 120
_MANIFEST: Final = (
    manifest.File, manifest.Tier, manifest.Catalogue, manifest.Encoder, manifest.EngineVariant, manifest.LanguageModel,
    manifest.Manifest,
)  # fmt: skip


def page_limits() -> str:
    """Return the text of ``limits.ts``."""
    constants = "".join(f"export const {name} = {_literal(value)};\n" for name, value in _constants().items())
    structs = [*_struct_limits("MANIFEST", _MANIFEST), *_struct_limits("ITEMS", (items.Field, items.Items))]
    return "\n".join([_HEADER, constants, *structs])


def _constants() -> dict[str, object]:
    return {
        "SCHEMA": manifest.SCHEMA,
        "MANIFEST_NAME": manifest.MANIFEST_NAME,
        "KNOWN_FEATURES": sorted(manifest.KNOWN_FEATURES),
        "REQUIRED_ROLES": manifest.REQUIRED_ROLES,
        "OPTIONAL_ROLES": manifest.OPTIONAL_ROLES,
        "MAX_MANIFEST_BYTES": manifest.MAX_MANIFEST_BYTES,
        "MAX_TOTAL_BYTES": manifest.MAX_TOTAL_BYTES,
        "CHUNK_BYTES": manifest.CHUNK_BYTES,
        "MAX_JSON_DEPTH": parsing.MAX_DEPTH,
        "MAX_HEADER_BYTES": arrays.MAX_HEADER_BYTES,
        "MAX_DIMENSION": arrays.MAX_DIMENSION,
        "MAX_RANK": arrays.MAX_RANK,
        "MAX_EXTENT": arrays.MAX_EXTENT,
        "MAX_CODE_SCALE": codes.MAX_SCALE,
        "MAX_FEED": weights.MAX_FEED,
        "MAX_WEIGHT_SCALE": weights.MAX_SCALE,
        "MAX_INFLATED_BYTES": items.MAX_INFLATED_BYTES,
        "INFLATED_BYTES": items.max_inflated_bytes(0),
        "INFLATED_BYTES_PER_ITEM": items.max_inflated_bytes(1) - items.max_inflated_bytes(0),
        "MAX_VALUES": items.max_values(0),
        "MAX_VALUES_PER_ITEM": items.max_values(1) - items.max_values(0),
        "MAX_PICTURE_SIDE": pictures.MAX_SIDE,
        "MAX_PICTURE_BYTES": pictures.MAX_PICTURE_BYTES,
        "MAX_GOLDEN_SEQUENCES": golden.MAX_SEQUENCES,
        "GOLDEN_TOP": golden.TOP,
        "MAX_SELF_TEST_MS": 1000 * candidates.MAX_TEST_S,
        "ONNX_OPERATORS": sorted(onnx_graph.OPERATORS),
        "ONNX_DOMAINS": [domain.decode() for domain in onnx_graph.DOMAINS],
        "MAX_ONNX_FIELDS": protobuf.MAX_FIELDS,
        "MAX_ONNX_RANK": onnx_graph.MAX_RANK,
        "MAX_ONNX_JOINED": onnx_values.MAX_JOINED,
        "ONNX_MOVES": onnx_values.MOVES,
    }


def _literal(value: object) -> str:
    """Return a JavaScript literal, broken into lines as Biome does."""
    if isinstance(value, float):
        return f"{value:.0f}"
    text = json.dumps(value)
    if not isinstance(value, list | tuple) or len(text) + len("export const ONNX_OPERATORS = ;") <= _MAX_LINE:
        return text
    return "[\n" + "".join(f"  {json.dumps(entry)},\n" for entry in value) + "]"


def _struct_limits(name: str, structs: tuple[type[msgspec.Struct], ...]) -> Iterator[str]:
    """Yield one object literal: for each struct the limits of its fields, by their names in JSON."""
    yield (
        f"/** Limits of the fields of each object, by its name in Python. */\nexport const {name} = {{\n"
        + "".join(
            f"  {struct.__name__}: {{\n"
            + "".join(
                f"    {field.encode_name}: {limits},\n" for field in _fields(struct) if (limits := _limits(field.type))
            )
            + "  },\n"
            for struct in structs
        )
        + "};\n"
    )


def _fields(struct: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(struct)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"{struct} is not a struct")
    return info.fields


def _limits(kind: inspect.Type) -> str:
    """Return the limits of one value as an object or regular expression; empty if its type says it all."""
    match kind:
        case inspect.IntType(ge=low, le=high) if low is not None and high is not None:
            return f"{{ min: {low}, max: {high} }}"
        case inspect.FloatType(gt=0.0):
            return "{ above: 0 }"
        case inspect.FloatType(ge=low, le=high) if low is not None and high is not None:
            return f"{{ min: {low:g}, max: {high:g} }}"
        case inspect.StrType(pattern=str() as pattern):
            return f"/{pattern.replace(chr(92) + 'A', '^').replace(chr(92) + 'Z', '$')}/"
        case inspect.StrType(min_length=low, max_length=int() as high):
            return f"{{ min: {low or 0}, max: {high} }}"
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            return _collection(kind.min_length, kind.max_length, each=_limits(item))
        case inspect.DictType(key_type=key, value_type=item):
            return _collection(kind.min_length, kind.max_length, key=_limits(key), each=_limits(item))
    return ""


def _collection(low: int | None, high: int | None, **parts: str) -> str:
    size = f"min: {low or 0}, max: {'Number.POSITIVE_INFINITY' if high is None else high}"
    return "{ " + ", ".join([size, *(f"{name}: {limits}" for name, limits in parts.items() if limits)]) + " }"


if __name__ == "__main__":
    PATH.write_text(page_limits(), encoding="utf-8")
