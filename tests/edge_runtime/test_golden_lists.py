"""The shared cases of filters and lists are those that Python computes."""

import json
from pathlib import Path

from tests import golden_lists, golden_where


def test_filters_are_the_shared_cases() -> None:
    assert json.loads(golden_where.PATH.read_text("utf-8")) == golden_where.make_all()


def test_lists_are_the_shared_cases(bundle: Path, tmp_path: Path) -> None:
    golden_lists.make_retired_bundle(tmp_path / "retired")

    assert json.loads(golden_lists.PATH.read_text("utf-8")) == golden_lists.make_all(bundle, tmp_path / "retired")


def test_no_shared_list_has_a_retired_item() -> None:
    retired = {f"item-{row}" for row in golden_lists.RETIRED}
    lists = [listed for _, listed in json.loads(golden_lists.PATH.read_text("utf-8"))["with_retired"]]

    assert max(map(len, lists)) == 35
    assert all(retired.isdisjoint(listed) for listed in lists)
