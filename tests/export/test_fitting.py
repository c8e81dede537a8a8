"""The search for the best use of a number of bytes: from a student to one that is exported and verified."""

import json
import shutil
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest
import torch

from edge_runtime.bundle.arrays import dump_arrays
from edge_runtime.probe.target import Target
from export.bundle import Exporter, Release
from export.fitting.chart import chart
from export.fitting.measure import Measured, reduced_rows, widest_rows
from export.fitting.points import MIN_POINTS, Encoder, Point
from export.fitting.report import CHART_FILE, RESULT_FILE, Fitted, fit_students
from export.fitting.search import Found, Row, best_within, pareto_front, words
from export.fitting.toml import dump_toml
from export.fitting.write import write_target
from export.target import known_targets, read_target
from export.verify import verify_bundle
from tests.tiny_student import TinyStudent, make_tiny_student
from train.data.split import leave_one_out
from train.distill.codes import CodedTable, CodePlan
from train.distill.device_transitions import DeviceSettings, DeviceTransitions
from train.distill.student import Student, load_student
from train.errors import RunError
from train.transitions.graph import GraphConfig, transition_counts

SETTINGS = DeviceSettings(newest=3, recency=0.5, second_hop=1.0, smoothing=1e-3, similarity=1.0, weight=0.5)
BUDGETS = {"13KiB": 13 << 10, "24KiB": 24 << 10}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyStudent:
    return make_tiny_student(tmp_path_factory.mktemp("tiny"), adapted=False)


@pytest.fixture(scope="module")
def student(tiny: TinyStudent) -> Student:
    """Return the tiny student with transitions and texts as codes."""
    path = tiny.student.path.with_name("with-transitions")
    shutil.copytree(tiny.student.path, path)
    train = leave_one_out(tiny.dataset.sequences).train
    counts = transition_counts(train.rows, train.users(), tiny.student.sizes.n_items, GraphConfig())
    texts = CodedTable(torch.randn(60, 16), CodePlan(n_codes=(16,), shares=(1.0,)), np.zeros(60, dtype=np.uint8), 0)
    (path / "transitions.safetensors").write_bytes(dump_arrays(DeviceTransitions(counts, SETTINGS).arrays()))
    (path / "texts.safetensors").write_bytes(dump_arrays(texts.arrays()))
    about = tiny.student.about | {
        "transitions": asdict(SETTINGS),
        "texts": {"sizes": msgspec.to_builtins(texts.catalogue())} | asdict(SETTINGS),
    }
    (path / "student.json").write_text(json.dumps(about))
    return load_student(path)


def fitted(
    student: Student, tiny: TinyStudent, out: Path, *, epochs: int = 0, tell: Callable[[str], None] = lambda _: None
) -> Fitted:
    return fit_students(
        [student], tiny.dataset, BUDGETS, out, target="laptop-x86_64", n_users=60, recover_epochs=epochs, seed=0,
        tell=tell,
    )  # fmt: skip


@pytest.fixture(scope="module")
def told() -> list[str]:
    """Return what the search says while it runs."""
    return []


@pytest.fixture(scope="module")
def result(student: Student, tiny: TinyStudent, told: list[str], tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return fitted(student, tiny, tmp_path_factory.mktemp("fitted") / "out", epochs=1, tell=told.append)


@pytest.fixture(scope="module", autouse=True)
def _less_is_cut_out() -> Iterator[None]:
    """Keep more of the tiny encoder, whose heads and channels are a small share of its bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("export.fitting.material.SHARES", (1.0, 0.85))
        yield


def test_points_use_codes_blocks_followers_and_texts_and_fit_a_budget(result: Fitted) -> None:
    points = [each.point for each in result.found]

    assert max(each.n_bytes for each in result.found) <= max(BUDGETS.values())
    assert {point.encoder for point in points} == {Encoder(n, share) for n in (1, 2) for share in (1.0, 0.85)}
    assert any(point.followers for point in points)
    assert any(point.text_codes for point in points)
    assert all(point.followers for point in points if point.text_codes)


def test_a_search_has_enough_points_with_rows_of_at_most_the_same_bytes_beside_each(result: Fitted) -> None:
    assert len(result.found) >= MIN_POINTS
    for each in result.found:
        rows = result.beside[each.point]
        assert {row.kind for row in rows} <= {"int8", "int4", "truncated"}
        assert all(row.n_bytes <= each.n_bytes for row in rows)
    assert {row.kind for row in result.rows} == {"int8", "int4", "truncated"}


def test_a_baseline_that_stands_beside_several_points_is_measured_and_told_once(
    result: Fitted, told: list[str]
) -> None:
    baselines = [text for text in told if text.startswith("baseline: ")]

    assert len(baselines) < sum(len(result.beside[each.point]) for each in result.found)
    assert len(set(baselines)) == len(baselines)


@pytest.mark.parametrize(("followers", "expected"), [(0, ""), (1, ", 1 follower"), (2, ", 2 followers")])
def test_followers_are_counted_in_words(followers: int, expected: str) -> None:
    point = Point(student=0, encoder=Encoder(1), followers=followers)

    assert words(point) == f"codes as trained, 1 block{expected}"


@pytest.mark.parametrize("index", [0, 1])
def test_the_best_of_a_budget_is_exported_and_verified(
    result: Fitted, tiny: TinyStudent, tmp_path: Path, index: int
) -> None:
    best = result.best[index]
    student, target = load_student(best.folder / "student"), read_target(best.target)
    only = replace_engines(target)

    exported = Exporter(student, tiny.dataset, tmp_path).export(only, Release())

    assert exported.manifest.ranking_bytes <= best.allowed
    settings = best.found.measured.settings
    has_useless_texts = best.found.point.text_codes and settings is not None and not settings.similarity
    assert exported.manifest.ranking_bytes <= 1.02 * best.found.n_bytes
    assert has_useless_texts or exported.manifest.ranking_bytes >= 0.98 * best.found.n_bytes
    found = verify_bundle(exported.path, tiny.dataset)
    assert (found.parity_failures, found.budget_failures) == ([], [])
    on_device = found.engines[0].figures
    assert on_device is not None
    assert on_device["history_excluded"]["ndcg@10"] == pytest.approx(best.test["ndcg@10"], abs=0.01)


def replace_engines(target: Target) -> Target:
    """Return the target with ONNX Runtime only: converting to TFLite takes half a minute."""
    return msgspec.structs.replace(target, engines=target.engines[:1])


def test_results_are_written_as_json_and_as_a_chart(result: Fitted) -> None:
    written = json.loads((result.out / RESULT_FILE).read_text())

    assert len(written["points"]) == len(result.found)
    assert [each["budget"] for each in written["best"]] == list(BUDGETS)
    assert written["best"][1]["test"]["ndcg@10"] == result.best[1].test["ndcg@10"]
    assert ElementTree.parse(result.out / CHART_FILE).getroot().tag.endswith("svg")


def test_a_repeated_search_measures_nothing_again(
    result: Fitted, student: Student, tiny: TinyStudent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr("export.fitting.search.measure", refuse)
    monkeypatch.setattr("export.fitting.search.measure_rows", refuse)
    monkeypatch.setattr("export.fitting.material.export_onnx_int8", refuse)
    monkeypatch.setattr("train.distill.recovery.fit_student", refuse)

    again = fitted(student, tiny, result.out, epochs=1)

    assert [each.found for each in again.best] == [each.found for each in result.best]


def test_a_budget_that_nothing_fits_says_what_is_needed(student: Student, tiny: TinyStudent, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"--budget 1KiB: nothing fits 1,024 bytes; the smallest point has [0-9,]+"):
        fit_students(
            [student], tiny.dataset, {"1KiB": 1024}, tmp_path, target="browser-wasm", n_users=9, recover_epochs=0,
            seed=0, tell=lambda _: None,
        )  # fmt: skip


def test_a_student_of_other_data_is_refused(student: Student, tiny: TinyStudent, tmp_path: Path) -> None:
    other = replace(student, about=student.about | {"data_digest": "0" * 64})

    with pytest.raises(RunError, match="Give the folder that it was distilled on"):
        fitted(other, tiny, tmp_path)


def test_rows_of_all_dimensions_in_eight_bits_are_nearly_the_vectors() -> None:
    vectors = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)

    errors = [np.abs(reduced_rows(vectors, *how) - vectors).mean() for how in ((8, 8), (4, 8), (8, 4))]

    assert errors[0] < 0.01 < errors[1] < errors[2]


def test_as_many_numbers_as_fit_are_kept_for_each_item() -> None:
    assert widest_rows(100 * 18, 100, 64, 8) == 16
    assert widest_rows(100 * 18, 100, 64, 4) == 32
    assert widest_rows(100 * 500, 100, 64, 8) == 64
    assert widest_rows(100, 100, 64, 8) == 0


def found(n_bytes: int, ndcg: float) -> Found:
    point = Point(student=0, encoder=Encoder(1), followers=n_bytes)
    return Found(point=point, n_bytes=n_bytes, measured=Measured(ndcg=ndcg, settings=None))


def test_the_front_has_the_points_that_are_better_than_all_smaller_ones() -> None:
    points = [found(3, 0.2), found(1, 0.1), found(2, 0.05), found(4, 0.2), found(5, 0.3)]

    assert [each.n_bytes for each in pareto_front(points)] == [1, 3, 5]
    best = best_within(points, 4)
    assert best is not None
    assert best.n_bytes == 3
    assert best_within(points, 0) is None


def test_a_chart_marks_every_point_and_the_baselines() -> None:
    points = [found(1 << 17, 0.05), found(1 << 18, 0.06)]

    root = ElementTree.fromstring(
        chart(points, points, points[1:], [Row(name="int4 <rows>", kind="int4", n_bytes=1 << 18, ndcg=0.04)])
    )

    kinds = [circle.get("class") for circle in root.iter("{http://www.w3.org/2000/svg}circle")]
    assert sorted(kinds, key=str) == ["point", "point", "row", "ships"]


@pytest.mark.parametrize("base", sorted(known_targets()))
def test_the_target_of_a_budget_is_the_built_in_one_with_the_budget_and_its_own_comment(
    tmp_path: Path, base: str
) -> None:
    path = tmp_path / "100KiB.toml"

    point = Point(student=0, encoder=Encoder(1), followers=3)
    measured = Found(point=point, n_bytes=90 << 10, measured=Measured(ndcg=0.1, settings=None))
    write_target(path, base, measured, 100 << 10, n_items=1000)

    built_in, written = read_target(base), read_target(path)
    assert (
        msgspec.structs.replace(written, name=base, budgets=built_in.budgets, transitions=built_in.transitions)
        == built_in
    )
    assert written.transitions.followers == 3
    assert written.budgets.ranking_limit(1000) < 100 << 10
    comments = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert len(comments) == 2
    assert "92,160 of 102,400 bytes" in comments[0]
    assert base in comments[1]


def test_values_of_a_target_are_written_as_toml() -> None:
    values = {"a": '"é\n\x7f', "b": [1, 2.5, True], "c": [{"d": 1e-3}, {"d": 2}], "e": {"f": 1, "g": {"h": "x"}}}

    assert tomllib.loads(dump_toml(values)) == values
