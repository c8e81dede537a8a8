"""What a language model costs a device, from the header of its GGUF file: weights that are read, and the cache."""

from typing import Final

from edge_runtime.bundle.manifest import ModelSizes
from export.gguf_header import Array, Header

_HALF: Final = 2
"""Bytes of a number in the cache, which is float16."""

_PADDING: Final = 256
"""Tokens to a multiple of which llama.cpp rounds the cache up."""

_INPUT, _OUTPUT = "token_embd.weight", "output.weight"


def model_sizes(header: Header, context: int) -> ModelSizes:
    """Return the sizes of a model that is opened with a context of so many tokens.

    A header with per-block sizes that are missing or no numbers gives a cache of 0 bytes.
    """
    tensors = header.tensors
    matrices = [one for one in tensors.values() if one.name.startswith("blk.") and len(one.shape) > 1]
    head = tensors.get(_OUTPUT, tensors.get(_INPUT))
    looked_up = tensors[_INPUT].n_bytes if _INPUT in tensors and _OUTPUT in tensors else 0
    return ModelSizes(
        architecture=str(header.metadata.get("general.architecture", "unknown")),
        block_parameters=sum(one.n_elements for one in matrices),
        head_parameters=0 if head is None else head.n_elements,
        token_bytes=sum(one.n_bytes for one in tensors.values()) - looked_up,
        cache_bytes=_cache_bytes(header, -(-context // _PADDING) * _PADDING),
    )


def _cache_bytes(header: Header, n_tokens: int) -> int:
    """Return the bytes of keys and values of all blocks."""
    name = str(header.metadata.get("general.architecture"))
    n_heads = sum(_per_block(header, f"{name}.attention.head_count")) or 1
    n_blocks = _number(header, f"{name}.block_count")
    head = _number(header, f"{name}.embedding_length") * n_blocks // n_heads
    widths = [_number(header, f"{name}.attention.{part}_length") or head for part in ("key", "value")]
    n_kv_heads = sum(_per_block(header, f"{name}.attention.head_count_kv")) or n_heads
    return _HALF * n_tokens * n_kv_heads * sum(widths)


def _number(header: Header, key: str) -> int:
    value = header.metadata.get(key)
    return value if isinstance(value, int) and value >= 0 else 0


def _per_block(header: Header, key: str) -> tuple[int, ...]:
    """Return a number for each block; a file may state one for all."""
    name = str(header.metadata.get("general.architecture"))
    value = header.metadata.get(key)
    if isinstance(value, Array):
        return value.numbers
    return (_number(header, key),) * _number(header, f"{name}.block_count")
