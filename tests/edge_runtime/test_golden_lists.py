"""The shared cases of filters and lists are those that Python computes."""

import json
from pathlib import Path

from tests import golden_lists, golden_where


def test_filters_are_the_shared_cases() -> None:
    assert json.loads(golden_where.PATH.read_text("utf-8")) == golden_where.make_all()


def test_lists_are_the_shared_cases(bundle: Path) -> None:
    assert json.loads(golden_lists.PATH.read_text("utf-8")) == golden_lists.make_all(bundle)
