"""A release follows an earlier one: rows never move, the name stays, and items that are gone are retired."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edge_runtime.bundle import open_folder
from edge_runtime.contents import open_contents
from edge_runtime.errors import BundleError
from edge_runtime.probe.target import Target
from export.bundle import Exporter, Release
from export.target import read_target
from tests.tiny_student import TinyStudent
from train.data.dataset import Dataset
from train.data.folder import read_folder
from train.data.kept_rows import earlier_items
from train.errors import RunError


@pytest.fixture
def target() -> Target:
    return read_target("browser-wasm")


@pytest.fixture
def shuffled(tiny: TinyStudent, tmp_path: Path) -> Path:
    """Return the data folder with its items in another order, and without the last one."""
    folder = Path(shutil.copytree(tiny.data_path, tmp_path / "shuffled"))
    lines = (folder / "items.jsonl").read_text("utf-8").splitlines(keepends=True)
    (folder / "items.jsonl").write_text("".join(reversed(lines[:-1])), "utf-8")
    return folder


def exporter(tiny: TinyStudent, dataset: Dataset, out: Path) -> Exporter:
    about = tiny.student.about | {"data_digest": dataset.digest}
    return Exporter(replace(tiny.student, about=about), dataset, out)


def test_a_shuffled_items_file_gives_the_same_rows_and_retires_what_is_gone(
    tiny: TinyStudent, bundles: Path, shuffled: Path, tmp_path: Path, target: Target
) -> None:
    first = open_folder(bundles / target.name)
    dataset = read_folder(shuffled, earlier=earlier_items(first.path))

    exported = exporter(tiny, dataset, tmp_path / "out").export(target, Release(after=first, name=first.manifest.name))

    old, new = open_contents(first), open_contents(open_folder(exported.path))
    assert list(new.items.item_id) == list(old.items.item_id)
    assert [new.items.facts(row) for row in range(60)] == [old.items.facts(row) for row in range(60)]
    assert new.retired.tolist() == [59]
    assert [walk.tolist() for walk in new.golden.sequences] == [walk.tolist() for walk in old.golden.sequences]
    assert exported.manifest.release == first.manifest.release + 1


def test_moved_rows_are_refused_against_the_release_to_follow(
    tiny: TinyStudent, bundles: Path, tmp_path: Path, target: Target
) -> None:
    first = open_folder(bundles / target.name)
    ids = tiny.dataset.catalogue.item_ids
    moved = replace(tiny.dataset, catalogue=replace(tiny.dataset.catalogue, item_ids=(ids[1], ids[0], *ids[2:])))
    release = Release(after=first, name=first.manifest.name)

    with pytest.raises(RunError, match=r"'i0', which is in row 0 there and in row 1 here.*--rows-of"):
        exporter(tiny, moved, tmp_path / "out").export(target, release)
    assert not (tmp_path / "out" / target.name).exists()


def test_moved_rows_are_refused_against_the_bundle_in_the_folder(
    tiny: TinyStudent, bundles: Path, tmp_path: Path, target: Target
) -> None:
    out = Path(shutil.copytree(bundles, tmp_path / "out"))
    ids = tiny.dataset.catalogue.item_ids
    moved = replace(tiny.dataset, catalogue=replace(tiny.dataset.catalogue, item_ids=(*ids[1:], ids[0])))

    with pytest.raises(RunError, match="60 of its 60 items would move"):
        exporter(tiny, moved, out).export(target, Release())


def test_the_release_to_follow_decides_the_number_and_the_name(
    tiny: TinyStudent, bundles: Path, tmp_path: Path, target: Target
) -> None:
    first = open_folder(bundles / target.name)
    manifest = first.manifest

    with pytest.raises(BundleError, match="release numbers must increase"):
        Exporter(tiny.student, tiny.dataset, tmp_path / "out").export(
            target, Release(after=first, name=manifest.name, number=manifest.release)
        )
    with pytest.raises(BundleError, match="would refuse one of 'another'"):
        Exporter(tiny.student, tiny.dataset, tmp_path / "out").export(target, Release(after=first, name="another"))
    later = Exporter(tiny.student, tiny.dataset, tmp_path / "out").export(
        target, Release(after=first, name=manifest.name, number=9)
    )
    assert later.manifest.release == 9
    assert json.loads((later.path / "manifest.json").read_bytes())["name"] == manifest.name
