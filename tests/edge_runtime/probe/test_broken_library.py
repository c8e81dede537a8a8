"""An engine whose library is installed and cannot be imported is not called usable."""

from pathlib import Path

import pytest

from edge_runtime.probe.probe import probe
from edge_runtime.probe.subjects import from_target


def test_a_library_that_cannot_be_imported_is_a_fix_and_no_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").write_text("raise ImportError('libgomp.so.1: cannot open')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    found = probe(from_target("browser-wasm", 300))

    by_engine = {one.engine: one for one in found.engines}
    assert not by_engine["onnxruntime"].usable
    assert "libgomp.so.1" in by_engine["onnxruntime"].fix
    assert by_engine["reference"].usable
