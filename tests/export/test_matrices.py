"""Other prompts or another adapter change the files that hold them, and the golden vectors."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.bundle import open_folder, write_folder
from edge_runtime.bundle.release import foreign_change
from edge_runtime.contents import Contents, open_contents
from edge_runtime.errors import PocketRecError
from export.matrices import with_matrices
from export.self_tests import check_engines
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_transitions import ALONE


@pytest.fixture
def before(tmp_path: Path) -> Contents:
    make_tiny_bundle(tmp_path / "old")
    return open_contents(open_folder(tmp_path / "old"))


@pytest.mark.parametrize(
    ("matrix", "component", "file"),
    [("knowledge", "prompts", "prompts.safetensors"), ("adapter_b", "adapter", "adapter.safetensors")],
)
def test_a_device_accepts_what_only_the_owner_of_the_matrix_may_change(
    before: Contents, tmp_path: Path, matrix: str, component: str, file: str
) -> None:
    other = replace(before.small, **{matrix: getattr(before.small, matrix) + np.float32(0.5)})

    manifest, files = with_matrices(before, other)

    write_folder(tmp_path / "new", manifest, files, check=check_engines)
    after = open_contents(open_folder(tmp_path / "new"))
    changed = {
        name for name, (_, data) in files.items() if data != before.folder.read(before.folder.manifest.file(name))
    }
    assert changed == {file, "golden.safetensors"}
    assert foreign_change(before.folder.manifest, after.folder.manifest, component) is None
    np.testing.assert_array_equal(getattr(after.small, matrix), getattr(other, matrix))


def test_the_same_matrices_give_the_same_files(before: Contents) -> None:
    _, files = with_matrices(before, before.small)

    changed = [
        name for name, (_, data) in files.items() if data != before.folder.read(before.folder.manifest.file(name))
    ]
    assert set(changed) <= {"golden.safetensors"}


def test_a_bundle_without_an_encoder_is_refused(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "alone", transitions=ALONE)
    contents = open_contents(open_folder(tmp_path / "alone"))

    with pytest.raises(PocketRecError, match="no encoder for the reference engine"):
        with_matrices(contents, contents.small)
