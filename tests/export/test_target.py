"""Built-in targets, and targets from TOML files."""

import re
from pathlib import Path

import pytest

from edge_runtime.errors import TargetError
from edge_runtime.probe.target import parse_target
from export.target import known_targets, read_target

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


def test_there_is_a_target_for_laptops_phones_boards_and_browsers_and_one_without_libraries() -> None:
    assert set(known_targets()) == {
        "android-arm64", "browser-wasm", "browser-webgpu", "ios", "laptop-arm64", "laptop-x86_64", "minimal",
        "raspberry-pi-3", "raspberry-pi-5",
    }  # fmt: skip


@pytest.mark.parametrize("name", known_targets())
def test_limits_of_time_and_memory_belong_to_a_python_process(name: str) -> None:
    target = read_target(name)
    limits = (target.budgets.peak_memory_bytes, target.budgets.p95_ms)

    # Nothing here can check them in a browser, or on iOS, which has no Python of ours.
    checked = not name.startswith("browser") and name != "ios"
    assert [limit is not None for limit in limits] == [checked, checked]


def test_a_target_says_which_modalities_its_bundles_have() -> None:
    assert read_target("browser-wasm").modalities == ("text", "images")
    assert read_target("minimal").modalities == ("text",)


def test_the_error_for_an_unknown_target_names_the_nearest_one() -> None:
    with pytest.raises(TargetError, match=r"'raspbery-pi-5' not found\. Did you mean 'raspberry-pi-5'\?"):
        read_target("raspbery-pi-5")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL.replace("bundle_bytes", "bundle_byte"), "line 10: budgets.bundle_byte: unknown entry. Did you mean"),
        (MINIMAL.replace("precision", "precison"), "line 5: engines[0].precison: unknown entry. Did you mean"),
        (MINIMAL.replace("min_overlap = 0.98", "min_overlap = 1.5"), "line 7: engines[0].min_overlap: Expected"),
        (MINIMAL.replace("bundle_bytes = 2000", ""), "line 8: budgets: Object missing required field `bundle_bytes`"),
        ("opset = 18" + MINIMAL, "line 1: opset: Expected `int` >= 20"),
        (MINIMAL + "p95_ms = 0.0", "line 11: budgets.p95_ms: Expected `float` >= 0.001"),
        (MINIMAL.replace("[budgets]", "[budgets"), "at line 8"),
        (MINIMAL + '[transitions]\nfollowers = "all"', "line 12: transitions.followers: "),
        (MINIMAL + "[transitions]\nfollowers = 300", "line 12: transitions.followers: "),
        (MINIMAL + "[transitions]\nfollowers = 3\nat_least = 2", "transitions.at_least is for followers = 'as-many-as"),
        ("colour = 3" + MINIMAL, "line 1: colour: unknown entry; expected description, engines"),
    ],
)
def test_the_error_has_the_line_and_the_entry(text: str, message: str) -> None:
    with pytest.raises(TargetError, match=re.escape(message)):
        parse_target(text.encode(), "kiosk")


def test_the_second_of_two_engines_is_the_one_that_the_error_names() -> None:
    second = MINIMAL[MINIMAL.index("[[engines]]") : MINIMAL.index("[budgets]")].replace("0.98", "98")
    text = MINIMAL.replace("[budgets]", f"{second}[budgets]")

    with pytest.raises(TargetError, match=re.escape("line 12: engines[1].min_overlap")):
        parse_target(text.encode(), "kiosk")


def test_variants_of_one_file_are_not_listed_twice() -> None:
    target = read_target("browser-webgpu")

    assert [choice.file for choice in target.engines] == ["encoder.onnx", "encoder.onnx", "encoder.safetensors"]


def test_the_error_for_an_unknown_target_lists_the_built_in_targets() -> None:
    with pytest.raises(TargetError, match=r"'toaster'.*android-arm64, browser-wasm, .*, raspberry-pi-5"):
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
