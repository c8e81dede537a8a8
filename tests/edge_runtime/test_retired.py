"""The file of retired items; `tests/golden/lists.json` has the lists without them."""

from pathlib import Path

import numpy as np
import pytest

from edge_runtime import Recommender
from edge_runtime.bundle.arrays import load_arrays
from edge_runtime.bundle.retired import dump_retired, read_retired
from edge_runtime.errors import BundleError
from tests.golden_lists import RETIRED, make_retired_bundle


@pytest.mark.parametrize(("rows", "n_items"), [([], 1), ([0, 8, 12], 13), ([7], 8), (list(range(9)), 9)])
def test_what_is_written_is_read(rows: list[int], n_items: int) -> None:
    data = dump_retired(reversed(rows), n_items)

    assert read_retired(load_arrays(data, "retired"), n_items).tolist() == rows


def test_a_bit_after_the_last_item_is_refused() -> None:
    with pytest.raises(BundleError, match="a bit after the last of 13 items"):
        read_retired({"retired": np.array([0, 0b100000], dtype=np.uint8)}, 13)


def test_retired_items_are_never_recommended_but_stay_known(tmp_path: Path) -> None:
    make_retired_bundle(tmp_path / "b")

    with Recommender.open(tmp_path / "b") as recommender:
        recommender.observe("item-3")
        recommender.observe("item-19", "like")

        for include_seen in (False, True):
            listed = {item.row for item in recommender.recommend(40, include_seen=include_seen)}
            assert listed == set(range(40)) - set(RETIRED) - (set() if include_seen else {3})
        assert recommender.recommend(40) == recommender.recommend(40, ["item-3", "item-19"])
        assert recommender.recommend(40) != recommender.recommend(40, ["item-3"])
        assert recommender.explain("item-19").text
        assert "item-19" in {item.item_id for item in recommender.search(recommender.items.title[19])}
