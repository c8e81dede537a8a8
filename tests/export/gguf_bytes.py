"""Makes the bytes of small GGUF files, right or wrong, by hand."""

import struct
from collections.abc import Sequence

U8, U32, F32, BOOL, STRING, ARRAY, U64 = 0, 4, 6, 7, 8, 9, 10
_LAYOUTS = {U8: "<B", U32: "<I", F32: "<f", BOOL: "<?", U64: "<Q"}

Entry = tuple[str, int, object]
Place = tuple[str, tuple[int, ...], int, int]
"""Name, shape, number of the type, and offset of a tensor."""

METADATA: tuple[Entry, ...] = (
    ("general.architecture", STRING, "llama"),
    ("general.license", STRING, "apache-2.0"),
    ("llama.context_length", U32, 512),
    ("llama.embedding_length", U32, 4),
    ("llama.block_count", U32, 1),
    ("tokenizer.ggml.model", STRING, "gpt2"),
    ("tokenizer.ggml.tokens", ARRAY, (STRING, ["a", "b", "é"])),
    ("tokenizer.ggml.token_type", ARRAY, (U32, [1, 1, 1])),
    ("tokenizer.ggml.eos_token_id", U32, 2),
)
TENSORS: tuple[Place, ...] = (("token_embd.weight", (4, 3), 0, 0), ("output_norm.weight", (4,), 0, 64))


def text(value: str | bytes) -> bytes:
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(data)) + data


def one(kind: int, value: object) -> bytes:
    if kind == ARRAY:
        assert isinstance(value, tuple)
        inner, values = value
        return struct.pack("<IQ", inner, len(values)) + b"".join(one(inner, each) for each in values)
    return text(value) if kind == STRING else struct.pack(_LAYOUTS[kind], value)  # type: ignore[arg-type]


def changed(*changes: Entry, without: Sequence[str] = ()) -> list[Entry]:
    """Return the entries of a right file with some replaced, added or left out."""
    keys = {key for key, _, _ in changes}
    return [entry for entry in METADATA if entry[0] not in keys and entry[0] not in without] + list(changes)


def gguf(
    entries: Sequence[Entry] = METADATA,
    tensors: Sequence[Place] = TENSORS,
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    n_tensors: int | None = None,
    n_entries: int | None = None,
    n_data: int = 64 + 16,
) -> bytes:
    """Return a file; the numbers of tensors and entries are the true ones unless they are given."""
    head = magic + struct.pack(
        "<IQQ",
        version,
        len(tensors) if n_tensors is None else n_tensors,
        len(entries) if n_entries is None else n_entries,
    )
    for key, kind, value in entries:
        head += text(key) + struct.pack("<I", kind) + one(kind, value)
    for name, shape, kind, offset in tensors:
        head += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)
    return head + bytes(-len(head) % 32) + bytes(n_data)
