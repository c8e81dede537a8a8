"""Sizes are measured on the installed packages and the built page."""

from pathlib import Path

import pytest

from benchmarks.footprint import installed_sizes, page_sizes
from edge_runtime.errors import PocketRecError


def test_the_size_of_the_installation_includes_dependencies_without_extras() -> None:
    sizes = installed_sizes("pocketrec")

    assert {"pocketrec", "numpy", "msgspec"} <= sizes.keys()
    assert not {"onnxruntime", "torch", "transformers", "litestar"} & sizes.keys()
    assert sizes["numpy"] > sizes["msgspec"] > 0


def test_downloads_of_the_page_are_summed_by_part_with_compressed_sizes(tmp_path: Path) -> None:
    for name, size in (("index.js.br", 5), ("style.css.br", 2), ("ort-wasm.wasm.br", 11), ("wllama.wasm.br", 7)):
        (tmp_path / name).write_bytes(bytes(size))

    sizes = page_sizes(tmp_path, None)

    assert sorted(sizes.values()) == [7, 7, 11]
    assert sizes["page: HTML, CSS and JavaScript"] == 7


def test_a_page_that_was_not_built_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PocketRecError, match="make web"):
        page_sizes(tmp_path, None)
