"""The language model of a bundle, with the real llama.cpp and random weights."""

from pathlib import Path

import msgspec
import pytest

from edge_runtime.bundle import open_folder
from edge_runtime.bundle.folder import write_folder
from edge_runtime.bundle.manifest import LanguageModel
from edge_runtime.profiling import reasons
from edge_runtime.profiling.limits import Peaks
from edge_runtime.profiling.variants import Instance, engine_variants
from edge_runtime.reasons.prompt import LAYOUT
from export.gguf import make_language_model as make_gguf
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_language_model import make_language_model

PEAKS = Peaks({1 << 20: 1e9}, operations_per_s=1e10, digest_bytes_per_s=1e8, disk_flush_ms=1.0)
HISTORIES = tuple((f"item-{row}", f"item-{row + 3}") for row in range(8))


@pytest.fixture(scope="module")
def worded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with a language model."""
    root = tmp_path_factory.mktemp("worded")
    make_gguf(make_language_model(root / "model"), root / "reasons.gguf", "Q8_0")
    return with_model(root / "bundle", (root / "reasons.gguf").read_bytes(), LAYOUT)


def with_model(folder: Path, gguf: bytes, layout: str) -> Path:
    manifest = make_tiny_bundle(folder)
    files = {one.name: (one.role, (folder / one.name).read_bytes()) for one in manifest.files}
    entry = LanguageModel("reasons.gguf", 512, layout)
    changed = msgspec.structs.replace(manifest, language_model=entry)
    write_folder(folder, changed, files | {"reasons.gguf": ("language_model", gguf)})
    return folder


def opened(folder: Path) -> Instance:
    return Instance.open(engine_variants(open_folder(folder))[0], None)


def test_the_writer_is_measured_against_llama_cpps_own_loop(worded: Path) -> None:
    found = reasons.measure(opened(worded), HISTORIES, 11, PEAKS, seed=0)

    assert found.note is None
    assert [row.step for row in found.rows] == ["first token", "a token", "a token"]
    assert {row.wall_ms.runs for row in found.rows} == {11}
    assert all(row.wall_ms.minimum > 0 and row.limit is not None for row in found.rows)
    assert found.model is not None
    assert min(found.model.rate, found.model.own_loop, found.model.prompt_tokens) > 0
    assert 1 <= (found.model.fresh_tokens or 0) <= found.model.prompt_tokens
    assert (found.model.memory or 0) > (found.model.least_memory or 0) > 0
    assert found.ratio is not None
    assert (found.ratio.against, found.ratio.pairs) == ("reference int8: llama.cpp's own loop", 11)


def test_a_bundle_without_a_language_model_has_nothing_to_measure(bundle: Path) -> None:
    assert reasons.measure(opened(bundle), HISTORIES, 3, PEAKS, seed=0) == reasons.ReasonResult()


@pytest.mark.parametrize(
    ("gguf", "layout", "note"),
    [(b"GGUF", "facts-v1", "needs the prompt layout 'facts-v1'"), (b"no model", LAYOUT, "cannot read reasons.gguf")],
)
def test_a_language_model_that_cannot_be_used_is_noted(tmp_path: Path, gguf: bytes, layout: str, note: str) -> None:
    folder = with_model(tmp_path / "bundle", gguf, layout)

    found = reasons.measure(opened(folder), HISTORIES, 3, PEAKS, seed=0)

    assert found.rows == ()
    assert found.note is not None
    assert note in found.note
