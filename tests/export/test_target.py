"""Built-in targets, and targets from TOML files."""

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
def test_every_built_in_target_can_be_read(name: str) -> None:
    target = read_target(name)

    assert target.name == name
    assert target.engines[-1].engine == "reference"


def test_the_targets_of_the_demo_exist() -> None:
    assert {"laptop-x86_64", "browser-wasm", "android-arm64"} <= set(known_targets())


def test_the_error_for_an_unknown_target_lists_the_built_in_targets() -> None:
    with pytest.raises(TargetError, match=r"'toaster'.*android-arm64, browser-wasm, laptop-x86_64"):
        read_target("toaster")


def test_a_target_from_a_file_has_the_name_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "kiosk.toml").write_text(MINIMAL)

    assert read_target(str(tmp_path / "kiosk.toml")).name == "kiosk"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="file not found"):
        read_target(str(tmp_path / "nothing.toml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL + "colour = 3", "colour"),
        (MINIMAL.replace('"onnxruntime"', '"abacus"'), "no engine 'abacus'"),
        (MINIMAL.replace("ranking_bytes = 1000", "ranking_bytes = 0"), "ranking_bytes"),
        (MINIMAL.replace("min_overlap = 0.98", "min_overlap = 1.5"), "min_overlap"),
        (
            MINIMAL.replace("[budgets]", MINIMAL.split("[budgets]")[0].split('test"')[1] + "[budgets]"),
            "is listed twice",
        ),
        ("= nonsense", "kiosk.toml"),
    ],
)
def test_a_target_with_an_invalid_entry_is_refused(text: str, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        parse_target(text.encode(), "kiosk")


def test_the_ranking_budget_grows_with_the_catalogue() -> None:
    budgets = read_target("laptop-x86_64").budgets

    assert budgets.ranking_limit(12_101) <= 288 * 1024
    assert budgets.ranking_limit(600) < budgets.ranking_limit(12_101)
