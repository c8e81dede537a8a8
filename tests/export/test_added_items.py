"""New items are added to a bundle without training, and nothing else of it changes more than it must."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import typer
from numpy.typing import NDArray

from edge_runtime.bundle import open_folder, write_folder
from edge_runtime.bundle.release import foreign_change
from edge_runtime.contents import Contents, open_contents
from edge_runtime.recommender import Recommender
from export.added_items import Grown, add_items
from export.commands import add_items as add_items_command
from export.self_tests import check_engines
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_transitions import ALONE, WITH_ENGINES, TinyTransitions
from train.data.folder import read_folder
from train.data.kept_rows import bundle_items
from train.errors import DataError

N_KNOWN, N_NEW = 40, 3
NOW = datetime(2026, 11, 28, tzinfo=UTC)
LIKE = (7, 7, 20)


def write_data(folder: Path, bundle: Path, new: int = N_NEW, left_out: int = 0) -> Path:
    """Write a data folder with the items of the bundle, the last ones first, and new ones among them."""
    items = bundle_items(open_folder(bundle))
    lines = [json.dumps({"item_id": f"new-{index}", "title": f"New {index}"}) for index in range(new)]
    lines += [
        json.dumps({"item_id": items.item_id[row], "title": items.title[row], "brand": items.facts(row).get("brand")})
        for row in reversed(range(left_out, N_KNOWN))
    ]
    folder.mkdir()
    (folder / "items.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    rows = [f"u,item-{row},{1_700_000_000 + row}" for row in range(20, 25)]
    (folder / "interactions.csv").write_text("\n".join(["user_id,item_id,timestamp", *rows, ""]), "utf-8")
    return folder


def texts() -> NDArray[np.float32]:
    """Return vectors in which each new item is like one known item, and all others are unlike each other."""
    known = np.eye(N_KNOWN, dtype=np.float32)
    return np.concatenate([known, known[list(LIKE)]])


def grown_bundle(tmp_path: Path, transitions: TinyTransitions | None, *, share: float = 1.0, **data: int) -> Grown:
    make_tiny_bundle(tmp_path / "old", transitions=transitions, pictures=True)
    folder = open_folder(tmp_path / "old")
    dataset = read_folder(write_data(tmp_path / "data", folder.path, **data), earlier=bundle_items(folder))
    grown = add_items(folder, dataset, texts(), share=share, created=NOW)
    write_folder(tmp_path / "new", grown.manifest, grown.files, check=check_engines)
    return grown


def opened(path: Path) -> Contents:
    return open_contents(open_folder(path))


@pytest.mark.parametrize("transitions", [None, TinyTransitions(), WITH_ENGINES, ALONE])
def test_known_items_keep_rows_codes_and_popularity(tmp_path: Path, transitions: TinyTransitions | None) -> None:
    grown = grown_bundle(tmp_path, transitions)

    old, new = opened(tmp_path / "old"), opened(tmp_path / "new")
    known = np.arange(N_KNOWN)
    assert list(new.items.item_id) == [*old.items.item_id, "new-0", "new-1", "new-2"]
    np.testing.assert_array_equal(new.codes.decode(known), old.codes.decode(known))
    assert new.popularity.levels.tolist() == [*old.popularity.levels.tolist(), 0, 0, 0]
    assert (grown.manifest.release, grown.n_new, grown.n_without_text) == (2, N_NEW, 0)
    assert foreign_change(old.folder.manifest, new.folder.manifest, "codebook") is None
    for name in ("encoder.safetensors", "prompts.safetensors", "adapter.safetensors"):
        if (tmp_path / "old" / name).exists():
            assert (tmp_path / "new" / name).read_bytes() == (tmp_path / "old" / name).read_bytes()


def test_a_new_item_is_like_the_known_ones_with_its_text(tmp_path: Path) -> None:
    grown_bundle(tmp_path, None)

    vectors = opened(tmp_path / "new").codes.decode(np.arange(N_KNOWN + N_NEW))
    for index, row in enumerate(LIKE):
        distances = np.linalg.norm(vectors[:N_KNOWN] - vectors[N_KNOWN + index], axis=1)
        assert distances[row] < np.median(distances)


def test_a_new_item_follows_and_is_followed_as_the_items_like_it(tmp_path: Path) -> None:
    grown_bundle(tmp_path, TinyTransitions(largest=20))

    with Recommender.open(tmp_path / "new", language_model=False) as recommender:
        shown = {entry.item_id for row in range(20) for entry in recommender.recommend(10, history=[f"item-{row}"])}
        after = recommender.recommend(10, history=["new-0"])

    assert shown & {"new-0", "new-1", "new-2"}
    assert len(after) == 10


def test_an_item_has_no_more_followers_than_before(tmp_path: Path) -> None:
    grown_bundle(tmp_path, TinyTransitions(largest=5))

    most = [
        int(folder.arrays("transitions")["count"].max())
        for folder in (open_folder(tmp_path / "old"), open_folder(tmp_path / "new"))
    ]
    assert most[1] <= most[0]


def test_with_a_share_of_nothing_no_transition_changes(tmp_path: Path) -> None:
    grown_bundle(tmp_path, TinyTransitions(), share=0.0)

    old, new = (open_folder(tmp_path / name).arrays("transitions") for name in ("old", "new"))
    assert new["follower"].tobytes() == old["follower"].tobytes()
    assert new["count"].tolist() == [*old["count"].tolist(), 0, 0, 0]


def test_items_that_are_gone_are_retired(tmp_path: Path) -> None:
    grown_bundle(tmp_path, None, left_out=2)

    assert opened(tmp_path / "new").retired.tolist() == [0, 1]


def test_a_bundle_that_lacks_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing to add"):
        grown_bundle(tmp_path, None, new=0)


def test_the_command_writes_the_next_release_and_no_used_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_tiny_bundle(tmp_path / "old", transitions=TinyTransitions())
    data = write_data(tmp_path / "data", tmp_path / "old")

    add_items_command(tmp_path / "old", data, tmp_path / "new", as_json=True)
    printed = json.loads(capsys.readouterr().out)

    assert (printed["new_items"], printed["release"]) == (N_NEW, 2)
    assert opened(tmp_path / "new").folder.manifest.release == 2
    with pytest.raises(typer.BadParameter, match="is not empty"):
        add_items_command(tmp_path / "old", data, tmp_path / "new")
