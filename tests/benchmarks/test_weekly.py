"""The benchmark of a week: what is held back, and what a release costs a device."""

from pathlib import Path

import numpy as np

from benchmarks.weekly import download
from benchmarks.weekly_data import make_weeks
from edge_runtime.bundle import open_folder
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_shop import write_shop
from train.data.folder import read_folder


def test_a_week_is_the_newest_events_of_some_users_and_all_of_the_new_items(tmp_path: Path) -> None:
    shop = write_shop(tmp_path / "shop")

    weeks = make_weeks(shop, tmp_path / "weeks", n_users=None, share=0.2, new_items=0.1)

    before, after, whole = (read_folder(path) for path in (weeks.before, weeks.after, shop))
    assert after.sequences.n_events == whole.sequences.n_events
    assert after.sequences.n_events - before.sequences.n_events == weeks.n_events
    assert abs(weeks.n_events - 0.2 * whole.sequences.n_events) < 10
    assert len(after.catalogue) - len(before.catalogue) == weeks.n_new_items == 4
    assert set(before.catalogue.item_ids) < set(after.catalogue.item_ids)
    order = [whole.catalogue.item_ids.index(item_id) for item_id in after.catalogue.item_ids]
    assert order != sorted(order)


def test_what_stays_before_the_week_is_the_beginning_of_each_history(tmp_path: Path) -> None:
    shop = write_shop(tmp_path / "shop")

    weeks = make_weeks(shop, tmp_path / "weeks", n_users=None, share=0.2, new_items=0.0)

    before, after = (read_folder(path) for path in (weeks.before, weeks.after))
    ids = dict(zip(after.sequences.user_ids, after.sequences, strict=True))
    for user, rows in zip(before.sequences.user_ids, before.sequences, strict=True):
        now = [after.catalogue.item_ids[row] for row in ids[user]]
        assert [before.catalogue.item_ids[row] for row in rows] == now[: len(rows)]


def test_a_sample_of_users_has_the_items_that_they_had(tmp_path: Path) -> None:
    shop = write_shop(tmp_path / "shop")

    weeks = make_weeks(shop, tmp_path / "weeks", n_users=3, share=0.1, new_items=0.0)

    after = read_folder(weeks.after)
    assert len(after.sequences) == 3
    assert len(np.unique(after.sequences.rows)) == len(after.catalogue)


def test_equal_releases_cost_nothing_and_others_what_changed(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "old")
    make_tiny_bundle(tmp_path / "new", seed=1, release=2)
    old, new = (open_folder(tmp_path / name) for name in ("old", "new"))

    assert download(old, old) == {"all": 0}
    costs = download(old, new)
    assert costs["all"] > 0
    assert costs["all"] <= sum(entry.bytes for entry in new.manifest.files) + 1000
    assert {"codes.safetensors", "encoder.safetensors"} <= costs.keys()
