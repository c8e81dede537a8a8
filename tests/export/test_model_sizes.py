"""The sizes of a language model in the manifest are those of its file, whatever its shape."""

from pathlib import Path

import pytest

from export.gguf import write_gguf
from export.gguf_header import read_header
from export.language_model import store_model
from export.model_sizes import model_sizes
from export.parts import PartCache
from tests.export.gguf_bytes import gguf
from tests.tiny_language_model import Shape, make_language_model

HALF = 2  # bytes of a float16


# Key and value heads of all blocks together, times the width of a head.
@pytest.mark.parametrize(
    ("shape", "kv_width"),
    [("llama", 2 * 2 * 64), ("qwen3", 2 * 2 * 64), ("granite4", 2 * 2 * 64), ("gemma3", 7 * 2 * 64), ("lfm2", 2 * 64)],
)
def test_the_cache_has_keys_and_values_of_every_block_with_attention(
    shape: Shape, kv_width: int, tmp_path: Path
) -> None:
    write_gguf(make_language_model(tmp_path / "model", shape), tmp_path / "f16.gguf")

    sizes = model_sizes(read_header(tmp_path / "f16.gguf"), 512)

    assert sizes.architecture == {"granite4": "granite"}.get(shape, shape)
    assert sizes.cache_bytes == 512 * 2 * HALF * kv_width


def test_a_cache_is_rounded_up_to_256_tokens(tmp_path: Path) -> None:
    write_gguf(make_language_model(tmp_path / "model"), tmp_path / "f16.gguf")
    header = read_header(tmp_path / "f16.gguf")

    assert model_sizes(header, 257).cache_bytes == model_sizes(header, 512).cache_bytes


def test_a_token_reads_all_weights_but_the_table_in_which_it_is_looked_up(tmp_path: Path) -> None:
    sizes = {}
    for tied in (True, False):
        path = tmp_path / f"{tied}.gguf"
        write_gguf(make_language_model(tmp_path / str(tied), "llama", tied=tied), path)
        sizes[tied] = model_sizes(read_header(path), 512)

    # q, o: 256 x 256; k, v: 128 x 256; gate, up, down: 256 x 256; two blocks. The head has 384 tokens.
    assert sizes[True].block_parameters == 2 * 256 * (2 * 256 + 2 * 128 + 3 * 256)
    assert sizes[True].head_parameters == 384 * 256
    assert sizes[True] == sizes[False]


def test_a_header_without_sizes_of_blocks_has_a_cache_of_unknown_size(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(gguf())

    assert model_sizes(read_header(tmp_path / "a.gguf"), 512).cache_bytes == 512 * 2 * HALF * 4


def test_the_manifest_states_the_sizes_for_the_context_of_the_target(tmp_path: Path) -> None:
    stored = store_model(make_language_model(tmp_path / "model"), "F16", PartCache(tmp_path / "parts"), max_context=256)

    assert stored.entry.context == 256
    assert stored.entry.sizes == model_sizes(read_header(stored.path), 256)
