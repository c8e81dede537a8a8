"""Targets: the ones that come along, and a person's own."""

from pathlib import Path

import pytest

from export.errors import TargetError
from export.target import known_targets, parse_target, read_target

MINIMAL = """
description = "a test"
[[engines]]
engine = "onnxruntime"
precision = "int8"
max_state_error = 1e-3
min_overlap = 0.98
[budgets]
ranking_bytes = 1000
bundle_bytes = 2000
"""


@pytest.mark.parametrize("name", known_targets())
def test_every_target_that_comes_along_can_be_read(name: str) -> None:
    target = read_target(name)

    assert target.name == name
    assert target.engines[-1].engine == "reference"


def test_the_targets_of_the_demo_are_there() -> None:
    assert {"laptop-x86_64", "browser-wasm", "android-arm64"} <= set(known_targets())


def test_an_unknown_target_is_refused_with_a_list_of_those_that_exist() -> None:
    with pytest.raises(TargetError, match=r"'toaster'.*android-arm64, browser-wasm, laptop-x86_64"):
        read_target("toaster")


def test_a_target_of_ones_own_is_named_after_its_file(tmp_path: Path) -> None:
    (tmp_path / "kiosk.toml").write_text(MINIMAL)

    assert read_target(str(tmp_path / "kiosk.toml")).name == "kiosk"


def test_a_missing_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="no such file"):
        read_target(str(tmp_path / "nothing.toml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL + "colour = 3", "colour"),
        (MINIMAL.replace('"onnxruntime"', '"abacus"'), "no engine 'abacus'"),
        (MINIMAL.replace("ranking_bytes = 1000", "ranking_bytes = 0"), "ranking_bytes"),
        (MINIMAL.replace("min_overlap = 0.98", "min_overlap = 1.5"), "min_overlap"),
        (MINIMAL.replace("[budgets]", MINIMAL.split("[budgets]")[0].split('test"')[1] + "[budgets]"), "stands twice"),
        ("= nonsense", "kiosk.toml"),
    ],
)
def test_a_target_that_says_something_wrong_is_refused(text: str, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        parse_target(text.encode(), "kiosk")


def test_the_ranking_budget_grows_with_the_catalogue() -> None:
    budgets = read_target("laptop-x86_64").budgets

    assert budgets.ranking_limit(12_101) <= 288 * 1024
    assert budgets.ranking_limit(600) < budgets.ranking_limit(12_101)
