"""A catalogue's name is chosen once and kept: devices refuse a release of another name."""

from pathlib import Path

import msgspec
import pytest

from edge_runtime.bundle import open_folder
from edge_runtime.bundle.manifest import MANIFEST_NAME, dump_manifest
from edge_runtime.errors import BundleError
from export.naming import catalogue_name
from tests.tiny_bundle import make_tiny_bundle
from train.distill.student import load_student
from train.errors import RunError


def bundle(out: Path, target: str, name: str) -> None:
    make_tiny_bundle(out / target)
    manifest = open_folder(out / target).manifest
    (out / target / MANIFEST_NAME).write_bytes(dump_manifest(msgspec.structs.replace(manifest, name=name)))


def test_the_first_bundle_takes_the_name_of_the_data(tmp_path: Path) -> None:
    assert catalogue_name(tmp_path / "out", "laptop", requested=None, default="my-shop") == "my-shop"


def test_a_renamed_data_folder_changes_no_name(tmp_path: Path) -> None:
    bundle(tmp_path, "laptop", "my-shop")

    assert catalogue_name(tmp_path, "laptop", requested=None, default="my-shop-2027") == "my-shop"
    assert catalogue_name(tmp_path, "browser", requested=None, default="my-shop-2027") == "my-shop"


def test_a_requested_name_is_used_for_new_bundles(tmp_path: Path) -> None:
    assert catalogue_name(tmp_path, "laptop", requested="Tea & more", default="data") == "Tea & more"


def test_another_name_for_a_bundle_that_devices_follow_is_refused(tmp_path: Path) -> None:
    bundle(tmp_path, "laptop", "my-shop")

    with pytest.raises(BundleError, match="holds releases of 'my-shop'"):
        catalogue_name(tmp_path, "laptop", requested="other", default="data")


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_a_name_that_no_bundle_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError, match="--name"):
        catalogue_name(tmp_path, "laptop", requested=name, default="data")


def test_bundles_of_two_names_leave_the_choice_to_the_data(tmp_path: Path) -> None:
    bundle(tmp_path, "laptop", "one")
    bundle(tmp_path, "browser", "two")

    assert catalogue_name(tmp_path, "phone", requested=None, default="three") == "three"


def test_a_full_model_in_place_of_a_student_is_refused_with_the_name_of_the_command_that_distils_it(
    tmp_path: Path,
) -> None:
    run = tmp_path / "teacher"
    run.mkdir()
    (run / "run.json").write_text('{"kind": "teacher"}')

    with pytest.raises(RunError, match="Distil it first with `pocketrec distill`"):
        load_student(run)
