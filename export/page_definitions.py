"""Constants that Python and the page share, and the interfaces of a bundle's JSON and of a history file, as TypeScript.

After a change, run ``python -m export.page_definitions`` and commit the files that it writes into
``web_demo/src/runtime``; ``tests/export/test_page_definitions.py`` fails while they differ.

``bundleJson.ts`` has an interface and a reader for each ``msgspec.Struct`` of the format. The reader checks the limits
of the fields; what relates several fields is checked by hand in both languages.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import NODEFAULT, inspect

from edge_runtime import dislikes, diversity, events, transitions
from edge_runtime.bundle import arrays, codes, golden, item_log, item_table, items, manifest, names, parsing, pictures
from edge_runtime.bundle.delta import cursor, edits, pack
from edge_runtime.engines import candidates, onnx_graph, onnx_values, protobuf, weights
from edge_runtime.learning import (
    adamw,
    adapter_step,
    decision,
    exact,
    examples,
    personal,
    record,
    session,
    status,
    training,
    utility,
)
from edge_runtime.list_text import case as list_case
from edge_runtime.list_text import prompt as list_prompt
from edge_runtime.reasons import assignment, claims, evidence, facts, preference, prompt
from edge_runtime.search import finder, vocabulary
from edge_runtime.state import history_file

FOLDER: Final = Path(__file__).parents[1] / "web_demo" / "src" / "runtime"

_HEADER: Final = "// Generated from edge_runtime by `python -m export.page_definitions`. Do not edit.\n"
_MAX_LINE: Final = 120
_STRUCTS: Final = (
    manifest.File, manifest.Tier, manifest.Catalogue, manifest.TransitionSettings, manifest.LearningSettings,
    manifest.Encoder, manifest.EngineVariant, manifest.LanguageAdapter, manifest.ModelSizes, manifest.LanguageModel,
    manifest.Preface, manifest.Manifest, items.Field, items.Items, history_file.StoredEvent,
)  # fmt: skip
# Names that the browser or the page has already.
_NAMES: Final = {
    "File": "FileEntry", "LanguageModel": "LanguageModelEntry", "Field": "FactField", "Items": "ItemColumns",
}  # fmt: skip
_VALUES: Final[Mapping[str, object]] = {
    "CLICK": events.CLICK,
    "LIKE": events.LIKE,
    "PURCHASE": events.PURCHASE,
    "WATCH": events.WATCH,
    "READ": events.READ,
    "DISLIKE": events.DISLIKE,
    "SCHEMA": manifest.SCHEMA,
    "MANIFEST_NAME": manifest.MANIFEST_NAME,
    "KNOWN_FEATURES": sorted(manifest.KNOWN_FEATURES),
    "REQUIRED_ROLES": manifest.REQUIRED_ROLES,
    "OPTIONAL_ROLES": manifest.OPTIONAL_ROLES,
    "TRANSITIONS": manifest.TRANSITIONS,
    "RETIRED": manifest.RETIRED,
    "LANGUAGE_ADAPTER": manifest.LANGUAGE_ADAPTER,
    "SHOP": manifest.SHOP,
    "VIDEO": manifest.VIDEO,
    "ARTICLES": manifest.ARTICLES,
    "MAX_FOLLOWERS": manifest.MAX_FOLLOWERS,
    "MIN_LENGTH": transitions.MIN_LENGTH,
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
    "ITEM_TABLE": manifest.ITEM_TABLE,
    "ITEM_LOG": manifest.ITEM_LOG,
    "MAX_STREAMS": item_log.MAX_STREAMS,
    "DELTA_MAGIC": pack.MAGIC.decode(),
    "MAX_DELTA_FILE_BYTES": pack.MAX_FILE_BYTES,
    "MAX_DELTA_RESULT_BYTES": pack.MAX_RESULT_BYTES,
    "MAX_NUMBER_BYTES": cursor.MAX_NUMBER_BYTES,
    "MAX_EDITS": edits.MAX_EDITS,
    "MAX_FACTS": item_table.MAX_FACTS,
    "MAX_ID": items.MAX_ID,
    "MAX_FACT": items.MAX_FACT,
    "MAX_TITLE": items.MAX_TITLE,
    "MAX_INFLATED_BYTES": items.MAX_INFLATED_BYTES,
    "INFLATED_BYTES": items.max_inflated_bytes(0),
    "INFLATED_BYTES_PER_ITEM": items.max_inflated_bytes(1) - items.max_inflated_bytes(0),
    "MAX_VALUES": items.max_values(0),
    "MAX_VALUES_PER_ITEM": items.max_values(1) - items.max_values(0),
    "MAX_PICTURE_SIDE": pictures.MAX_SIDE,
    "MAX_PICTURE_BYTES": pictures.MAX_PICTURE_BYTES,
    "MAX_GOLDEN_SEQUENCES": golden.MAX_SEQUENCES,
    "GOLDEN_TOP": golden.TOP,
    "MIN_TRANSITIONS_OVERLAP": candidates.MIN_TRANSITIONS_OVERLAP,
    "MAX_SELF_TEST_MS": 1000 * candidates.MAX_TEST_S,
    "ONNX_OPERATORS": sorted(onnx_graph.OPERATORS),
    "ONNX_DOMAINS": [domain.decode() for domain in onnx_graph.DOMAINS],
    "MAX_ONNX_FIELDS": protobuf.MAX_FIELDS,
    "MAX_ONNX_RANK": onnx_graph.MAX_RANK,
    "MAX_ONNX_JOINED": onnx_values.MAX_JOINED,
    "ONNX_MOVES": onnx_values.MOVES,
    "N_DISLIKES": dislikes.N_DISLIKES,
    "N_DISLIKE_EVENTS": dislikes.N_EVENTS,
    "DISLIKE_STRENGTH": dislikes.STRENGTH,
    "DIVERSITY_POOL": diversity.POOL,
    "KNOWLEDGE_MIN_EVENTS": utility.MIN_EVENTS,
    "KNOWLEDGE_MAX_EVENTS": utility.MAX_EVENTS,
    "MAX_TERMS": exact.MAX_TERMS,
    "MAX_EXPONENT": exact.MAX_EXPONENT,
    "EXCLUDED": adapter_step.EXCLUDED,
    "MAX_OPTIMIZER_BYTES": adamw.MAX_STATE_BYTES,
    "MAX_STEPS": adamw.MAX_STEPS,
    "LEARNING_MIN_EVENTS": examples.MIN_EVENTS,
    "LEARNING_MAX_EVENTS": examples.MAX_EVENTS,
    "MIN_HELD_OUT": examples.MIN_HELD_OUT,
    "MAX_HELD_OUT": examples.MAX_HELD_OUT,
    "HELD_OUT_SHARE": examples.HELD_OUT_SHARE,
    "LEARNING_CHUNK": training.CHUNK,
    "EVIDENCE": training.EVIDENCE,
    "LEARNING_SEED": session.SEED,
    "MIN_GAIN": decision.MIN_GAIN,
    "DECISION_TOP": decision.TOP,
    "NEW_EVENTS": status.NEW_EVENTS,
    "STEPS_A_DAY": personal.STEPS_A_DAY,
    "LEARNING_SETTING": record.SETTING,
    "LEARNING_SWITCH": record.SWITCH,
    "MAX_RECORD_BYTES": record.MAX_RECORD_BYTES,
    "FOLLOWS_PER_MILLE": facts.FOLLOWS_PER_MILLE,
    "FOLLOWS_LEVEL": facts.FOLLOWS_LEVEL,
    "MAX_CITABLE": evidence.MAX_EVENTS,
    "DROP_STEPS": evidence.STEPS,
    "ENOUGH_PERCENT": claims.ENOUGH_PERCENT,
    "FOLLOWS_COST": claims.FOLLOWS_COST,
    "BECAUSE_COST": claims.BECAUSE_COST,
    "WORDING_AGAIN": assignment.WORDING_AGAIN,
    "CITED_OFTEN": assignment.CITED_OFTEN,
    "OPENING_AGAIN": assignment.OPENING_AGAIN,
    "FACT_AGAIN": assignment.FACT_AGAIN,
    "GROUP_AGAIN": assignment.GROUP_AGAIN,
    "FREE_CITATIONS": assignment.FREE_CITATIONS,
    "N_NATURAL": assignment.N_NATURAL,
    "REASON_CHOICES": preference.SETTING,
    "N_REASON_CHOICES": preference.N_CHOICES,
    "PROMPT_LAYOUT": prompt.LAYOUT,
    "PROMPT_INSTRUCTION": prompt.INSTRUCTION,
    "LIST_LAYOUT": list_prompt.LAYOUT,
    "LIST_INSTRUCTION": list_prompt.INSTRUCTION,
    "LIST_TITLE_LENGTH": list_case.TITLE_LENGTH,
    "MAX_HISTORY_BYTES": history_file.MAX_FILE_BYTES,
    "MAX_HISTORY_EVENTS": history_file.MAX_EVENTS,
    "ITERATIONS": history_file.ITERATIONS,
    "MIN_ITERATIONS": history_file.MIN_ITERATIONS,
    "MAX_ITERATIONS": history_file.MAX_ITERATIONS,
    "MIN_PASSPHRASE": history_file.MIN_PASSPHRASE,
    "MAX_QUERY_CHARACTERS": finder.MAX_CHARACTERS,
    "MAX_QUERY_WORDS": finder.MAX_WORDS,
    "IMPORTANT_FIELDS": sorted(finder.IMPORTANT_FIELDS),
    "N_ITEMS_OF_A_RARE_WORD": finder.N_ITEMS_OF_A_RARE_WORD,
    "TITLE_WEIGHT": finder.TITLE_WEIGHT,
    "IMPORTANT_WEIGHT": finder.IMPORTANT_WEIGHT,
    "WHOLE": vocabulary.WHOLE,
    "FORM": vocabulary.FORM,
    "BEGINNING": vocabulary.BEGINNING,
    "TYPO": vocabulary.TYPO,
    "MIN_TYPO_LETTERS": vocabulary.MIN_TYPO_LETTERS,
    "MIN_TYPO_BEGINNING": vocabulary.MIN_TYPO_BEGINNING,
    "MIN_PART": vocabulary.MIN_PART,
}
"""The constants of the page by their names there."""


def page_definitions() -> dict[str, str]:
    """Return the text of each generated file, by its name in :data:`FOLDER`."""
    return {"constants.ts": _constants(), "bundleJson.ts": _bundle_json()}


def _constants() -> str:
    constants = "".join(f"export const {name} = {_literal(name, value)};\n" for name, value in _VALUES.items())
    dtypes = ", ".join(f"{name}: {dtype.itemsize}" for name, dtype in arrays.DTYPES.items())
    return "\n".join(
        [
            _HEADER,
            constants,
            f"/** A plain name (SPEC section 1). */\nexport const PLAIN_NAME = /^{names.PLAIN_NAME}$/;\n",
            f"/** Bytes of one element of each dtype. */\nexport const DTYPE_BYTES = {{ {dtypes} }} as const;\n",
            "export type EventName = typeof CLICK | typeof LIKE | typeof PURCHASE | typeof DISLIKE;\n",
        ]
    )


def _literal(name: str, value: object) -> str:
    """Return a JavaScript literal, broken into lines as Biome does."""
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    text = _decimal(value) if isinstance(value, float) else json.dumps(value)
    if not isinstance(value, list | tuple) or len(f"export const {name} = {text};") <= _MAX_LINE:
        return text
    return "[\n" + "".join(f"  {json.dumps(entry)},\n" for entry in value) + "]"


def _bundle_json() -> str:
    imports = 'import type { Fields } from "./fields";\n'
    return "\n".join([_HEADER, imports, *(part for struct in _STRUCTS for part in _definitions(struct))])


def _definitions(struct: type[msgspec.Struct]) -> Iterator[str]:
    """Yield the interface of a struct, and the function that reads it."""
    name, doc = _name(struct), (struct.__doc__ or "").splitlines()[0]
    fields = _fields(struct)
    properties = "".join(f"  readonly {_camel(field.encode_name)}: {_type(field.type)};\n" for field in fields)
    yield f"/** {doc} */\nexport interface {name} {{\n{properties}}}\n"
    entries = "".join(f"    {_camel(field.encode_name)}: {_value(field)},\n" for field in fields)
    yield f"export function read{name}(fields: Fields): {name} {{\n  return {{\n{entries}  }};\n}}\n"


def _fields(struct: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(struct)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"{struct} is not a struct")
    return info.fields


def _name(struct: type) -> str:
    return _NAMES.get(struct.__name__, struct.__name__)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _type(kind: inspect.Type) -> str:
    """Return the TypeScript type of one value."""
    match kind:
        case inspect.IntType() | inspect.FloatType():
            return "number"
        case inspect.StrType():
            return "string"
        case inspect.StructType(cls=struct):
            return _name(struct)
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            inner = _type(item)
            return f"readonly ({inner})[]" if " " in inner else f"readonly {inner}[]"
        case inspect.DictType(value_type=item):
            return f"ReadonlyMap<string, {_type(item)}>"
        case inspect.UnionType(types=(inner, inspect.NoneType())):
            return f"{_type(inner)} | null"
    raise TypeError(f"no TypeScript type for {kind}")


def _value(field: inspect.Field) -> str:
    """Return the expression that reads one field."""
    name = json.dumps(field.encode_name)
    given = _reader(name, field.type, "fields")
    if field.required or isinstance(field.type, inspect.UnionType):
        return given
    default = field.default_factory() if field.default is NODEFAULT else field.default
    return f"fields.has({name}) ? {given} : {'new Map()' if isinstance(default, dict) else json.dumps(default)}"


def _reader(name: str, kind: inspect.Type, owner: str) -> str:
    """Return the expression that reads the value ``name`` of the object ``owner``."""
    match kind:
        case inspect.IntType():
            return f"{owner}.integer({name}, {_limits(kind)})"
        case inspect.FloatType():
            return f"{owner}.number({name}, {_limits(kind)})"
        case inspect.StrType(pattern=str()):
            return f"{owner}.matching({name}, {_limits(kind)})"
        case inspect.StrType():
            return f"{owner}.text({', '.join(filter(None, [name, _limits(kind)]))})"
        case inspect.StructType(cls=struct):
            return f"read{_name(struct)}({owner}.nested({name}))"
        case inspect.UnionType(types=(inspect.StructType(cls=struct), inspect.NoneType())):
            return f"{owner}.optional({name}, read{_name(struct)})"
        case inspect.DictType(value_type=item):
            return f"{owner}.map({name}, {_limits(kind)}, (values, key) => {_reader('key', item, 'values')})"
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            return _list_reader(name, item, _limits(kind), owner)
    raise TypeError(f"no reader for {kind}")


def _list_reader(name: str, item: inspect.Type, limits: str, owner: str) -> str:
    match item:
        case inspect.StructType(cls=struct):
            return f"{owner}.objects({name}, {limits}).map(read{_name(struct)})"
        case inspect.StrType():
            return f"{owner}.texts({name}, {limits})"
        case inspect.ListType(item_type=inspect.IntType()):
            return f"{owner}.integerLists({name})"
    raise TypeError(f"no reader for a list of {item}")


def _limits(kind: inspect.Type) -> str:
    """Return the limits of one value as an object or regular expression; empty if its type says it all."""
    match kind:
        case inspect.IntType(ge=low, le=high) if low is not None and high is not None:
            return f"{{ min: {low}, max: {high} }}"
        case inspect.FloatType(gt=0.0):
            return "{ above: 0 }"
        case inspect.FloatType(ge=low, le=high) if low is not None and high is not None:
            return f"{{ min: {_decimal(low)}, max: {_decimal(high)} }}"
        case inspect.StrType(pattern=str() as pattern):
            return f"/{pattern.replace(chr(92) + 'A', '^').replace(chr(92) + 'Z', '$')}/"
        case inspect.StrType(min_length=low, max_length=int() as high):
            return f"{{ min: {low or 0}, max: {high} }}"
        case inspect.StrType():
            return ""
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            each = "" if isinstance(item, inspect.StructType | inspect.ListType) else _limits(item)
            return _collection(kind.min_length, kind.max_length, each=each)
        case inspect.DictType(key_type=key):
            return _collection(kind.min_length, kind.max_length, key=_limits(key))
    raise TypeError(f"no limits for {kind}")


def _decimal(value: float) -> str:
    """Return a number without an exponent, whose form in JavaScript differs."""
    return f"{value:.12f}".rstrip("0").rstrip(".")


def _collection(low: int | None, high: int | None, **parts: str) -> str:
    size = f"min: {low or 0}, max: {'Number.POSITIVE_INFINITY' if high is None else high}"
    return "{ " + ", ".join([size, *(f"{name}: {limits}" for name, limits in parts.items() if limits)]) + " }"


if __name__ == "__main__":
    for file_name, text in page_definitions().items():
        (FOLDER / file_name).write_text(text, encoding="utf-8")
