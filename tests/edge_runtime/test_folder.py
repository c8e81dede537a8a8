"""Writing a bundle folder: either the old or the new bundle exists, even after a kill between the two renames."""

from pathlib import Path

from edge_runtime.bundle import open_folder
from edge_runtime.files import recover_folder
from tests.tiny_bundle import make_tiny_bundle


def test_a_kill_between_the_two_renames_loses_no_bundle(tmp_path: Path) -> None:
    folder = tmp_path / "laptop-x86_64"
    make_tiny_bundle(folder, release=4)
    folder.rename(tmp_path / "laptop-x86_64.old")

    recover_folder(folder)

    assert open_folder(folder).manifest.release == 4


def test_an_existing_bundle_is_unchanged_by_recovery(tmp_path: Path) -> None:
    folder = tmp_path / "laptop-x86_64"
    make_tiny_bundle(tmp_path / "laptop-x86_64.old", release=3)
    make_tiny_bundle(folder, release=4)

    recover_folder(folder)

    assert open_folder(folder).manifest.release == 4


def test_a_new_bundle_replaces_the_old_one_without_leftovers(tmp_path: Path) -> None:
    folder = tmp_path / "laptop-x86_64"
    make_tiny_bundle(folder, release=1)

    make_tiny_bundle(folder, release=2)

    assert open_folder(folder).manifest.release == 2
    assert [path.name for path in tmp_path.iterdir()] == ["laptop-x86_64"]
