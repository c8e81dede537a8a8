"""What differs between two bundles."""

import json
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge_runtime.bundle import open_folder
from edge_runtime.cli import main
from edge_runtime.contents import Contents, open_contents
from export.difference import compare_bundles, field_differences, file_differences
from tests.tiny_bundle import make_tiny_bundle
from train.data.dataset import Catalogue, Dataset, Report
from train.data.sequences import Sequences
from train.errors import DataError

N_ITEMS, N_USERS = 40, 30


def contents(folder: Path, *, seed: int = 0) -> Contents:
    make_tiny_bundle(folder, seed=seed)
    return open_contents(open_folder(folder))


def dataset(item_ids: tuple[str, ...]) -> Dataset:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, len(item_ids), 6 * N_USERS).astype(np.int32)
    none: tuple[None, ...] = (None,) * len(item_ids)
    catalogue = Catalogue(item_ids, item_ids, {}, none, none, ((),) * len(item_ids))
    users = tuple(f"u{user}" for user in range(N_USERS))
    sequences = Sequences(users, np.arange(0, len(rows) + 1, 6), rows, np.arange(len(rows)))
    report = Report(n_event_rows=len(rows), n_item_rows=len(item_ids), kept_out={}, skipped={}, warnings=())
    return Dataset(Path("made"), "made", catalogue, sequences, "0" * 64, report)


def test_a_bundle_does_not_differ_from_itself(tmp_path: Path) -> None:
    one = contents(tmp_path / "a")

    found = compare_bundles(one, one, dataset(tuple(one.items.item_id)))

    assert (found.fields, found.items_added, found.items_removed) == ([], 0, 0)
    assert not any(file.changed for file in found.files)
    assert found.lists is not None
    assert {part.overlap for part in found.lists.segments} == {1.0}
    assert {one.difference for part in found.lists.segments for one in part.metrics} == {0.0}


def test_other_weights_change_files_and_lists(tmp_path: Path) -> None:
    first, second = contents(tmp_path / "a"), contents(tmp_path / "b", seed=1)

    found = compare_bundles(first, second, dataset(tuple(first.items.item_id)))

    assert "codes.safetensors" in {file.file for file in found.files if file.changed}
    assert found.lists is not None
    assert found.lists.segments[0].overlap < 0.9


def test_fields_are_named_by_their_path(tmp_path: Path) -> None:
    before = contents(tmp_path / "a").folder.manifest
    after = msgspec.structs.replace(before, release=before.release + 1, budgets={"ranking_bytes": 5})

    found = {one.field: (one.before, one.after) for one in field_differences(before, after)}

    assert found["release"] == (before.release, before.release + 1)
    assert found["budgets.ranking_bytes"][1] == 5


def test_files_of_one_bundle_only_have_no_size_in_the_other(tmp_path: Path) -> None:
    after = contents(tmp_path / "a").folder.manifest
    before = msgspec.structs.replace(after, files=after.files[1:])

    (added,) = [one for one in file_differences(before, after) if one.before is None]

    assert (added.file, added.after, added.changed) == (after.files[0].name, after.files[0].bytes, True)


def test_items_that_one_bundle_lacks_are_left_out_of_the_comparison(tmp_path: Path) -> None:
    one = contents(tmp_path / "a")
    more = dataset((*one.items.item_id, "new-1", "new-2"))

    found = compare_bundles(one, one, more)

    assert found.lists is not None
    assert 0 < found.lists.segments[0].n_users <= N_USERS


def test_data_of_other_items_is_refused(tmp_path: Path) -> None:
    one = contents(tmp_path / "a")

    with pytest.raises(DataError, match="both bundles"):
        compare_bundles(one, one, dataset(("x", "y", "z")))


def test_the_command_prints_tables_or_one_json_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contents(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")

    def run(*more: str) -> str:
        with pytest.raises(SystemExit) as stopped:
            main(["diff", str(tmp_path / "a"), str(tmp_path / "b"), *more])
        assert not stopped.value.code
        return capsys.readouterr().out

    assert "equal" in run()
    printed = json.loads(run("--json"))
    assert printed["ok"]
    assert printed["fields"] == []
