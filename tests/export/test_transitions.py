"""Bundles with transitions: written from a student, verified through the device, within the budget of the target."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from edge_runtime import Recommender
from edge_runtime.bundle import Manifest, open_folder
from edge_runtime.bundle.arrays import dump_arrays
from edge_runtime.contents import Contents, open_contents
from edge_runtime.probe.target import Target, TransitionChoice
from edge_runtime.ranking import score_all
from export.budget import check_each_budget
from export.bundle import Exporter, Release
from export.target import read_target
from export.transitions import RATIO, bytes_by_followers, make_transitions, max_transitions_bytes
from export.verify import verify_bundle
from tests.tiny_student import TinyStudent, make_tiny_student
from train.data.folder import read_folder
from train.data.split import leave_one_out
from train.distill.codes import CodePlan
from train.distill.device_transitions import DeviceSettings, DeviceTransitions, TextCodes, encode_texts
from train.distill.distillation import describe_student, distill_model
from train.distill.student import Student, load_student, ranking_model
from train.distill.student_model import DistillConfig
from train.errors import RunError
from train.full_model.recipes import TrainConfig
from train.full_model.training import describe_run, train_model
from train.loop.batches import pad
from train.loop.runs import RunFolder
from train.metrics.ranker import rank_split


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyStudent:
    return make_tiny_student(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def instant(tiny: TinyStudent, tmp_path_factory: pytest.TempPathFactory) -> Student:
    """Return a student of transitions alone, trained on the tiny data."""
    folder = tmp_path_factory.mktemp("instant")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.full_model.recipes.FEATURES", folder / "features")
        dataset, config = read_folder(tiny.data_path), TrainConfig(backbone="none", plugins={"transitions": {}})
        teacher, student = RunFolder(folder / "teacher"), RunFolder(folder / "student")
        teacher.claim(describe_run(dataset, config), resume=False)
        train_model(dataset, config, teacher)
        plan, settings = CodePlan(), DistillConfig()
        student.claim(describe_student(dataset, teacher, plan, settings), resume=False)
        distill_model(dataset, teacher, plan, settings, student)
    return load_student(folder / "student")


def browser() -> Target:
    return read_target("browser-wasm")


def test_a_student_without_encoder_becomes_a_bundle_without_engines(
    tiny: TinyStudent, instant: Student, tmp_path: Path
) -> None:
    exported = Exporter(instant, tiny.dataset, tmp_path).export(browser(), Release())

    manifest = exported.manifest
    assert manifest.engines == ()
    assert "transitions" in manifest.required_features
    assert "student_ndcg10" not in manifest.provenance
    assert manifest.transitions is not None
    assert all(check.passed for check in check_each_budget(manifest))
    found = verify_bundle(exported.path, tiny.dataset)
    assert (found.parity_failures, found.budget_failures) == ([], [])
    with Recommender.open(exported.path) as recommender:
        item_ids = [recommender.items.item_id[row] for row in tiny.dataset.sequences.of(0)[:3].tolist()]
        assert recommender.engine.name == "transitions"
        assert len(recommender.recommend(5, item_ids)) == 5


def test_a_device_ranks_like_the_student_in_pytorch(tiny: TinyStudent, instant: Student, tmp_path: Path) -> None:
    exported = Exporter(instant, tiny.dataset, tmp_path).export(browser(), Release())

    scores = open_contents(open_folder(exported.path)).transitions
    model = ranking_model(instant)
    assert scores is not None
    targets = leave_one_out(tiny.dataset.sequences).test
    expected = rank_split(model, targets).excluded
    ranks = []
    for index in range(len(targets)):
        history = targets.history(index)
        values = scores.scores(history.astype(np.int64))
        values[history] = -np.inf
        row = targets.rows[index]
        ranks.append(int((values >= values[row]).sum()) - 1 if row not in history else len(values) - 1)
    # Weights have 16 levels on a device, so a few neighbours change places.
    assert np.mean(np.abs(np.array(ranks) - expected) <= 3) > 0.9


def test_a_target_chooses_how_many_followers_a_bundle_has(instant: Student) -> None:
    few, many = make_transitions(instant, 2), make_transitions(instant, 8)

    assert few is not None
    assert many is not None
    assert few.settings.n_entries <= 2 * instant.sizes.n_items < many.settings.n_entries
    assert few.settings.ratio == RATIO
    assert len(few.data) <= max_transitions_bytes(instant.sizes.n_items, 2)
    assert len(many.data) <= max_transitions_bytes(instant.sizes.n_items, 8)
    assert make_transitions(instant, 0) is None


def test_a_student_without_transitions_exports_as_before(tiny: TinyStudent, tmp_path: Path) -> None:
    assert make_transitions(tiny.student, 16) is None
    exported = Exporter(tiny.student, tiny.dataset, tmp_path).export(
        replace_engines(read_target("laptop-x86_64")), Release()
    )
    assert exported.manifest.transitions is None
    assert "transitions" not in exported.manifest.required_features


def test_transitions_stand_beside_an_encoder_where_the_target_has_room(
    tiny: TinyStudent, instant: Student, tmp_path: Path
) -> None:
    both = replace(tiny.student, transitions=instant.transitions)
    exporter = Exporter(both, tiny.dataset, tmp_path)

    laptop = exporter.export(replace_engines(read_target("laptop-x86_64")), Release()).manifest
    without = exporter.export(with_transitions(browser(), TransitionChoice(followers=0)), Release()).manifest

    assert laptop.transitions is not None
    assert [one.engine for one in laptop.engines] == ["reference"]
    assert without.transitions is None
    assert laptop.ranking_bytes > without.ranking_bytes
    found = verify_bundle(tmp_path / "laptop-x86_64", tiny.dataset)
    assert found.parity_failures == []


def test_a_target_with_room_compares_items_by_their_texts_as_codes(
    tiny: TinyStudent, instant: Student, tmp_path: Path
) -> None:
    assert instant.transitions is not None
    texts = np.random.default_rng(0).normal(size=(instant.sizes.n_items, 70)).astype(np.float32)
    sizes, codes = encode_texts(texts, seed=0)
    by_texts = TextCodes(sizes, codes, replace(instant.transitions.settings, similarity=3.0))
    student = replace(tiny.student, transitions=instant.transitions, texts=by_texts)
    exporter = Exporter(student, tiny.dataset, tmp_path)

    laptop = exporter.export(replace_engines(read_target("laptop-x86_64")), Release()).manifest
    without_texts = with_transitions(read_target("android-arm64"), TransitionChoice(followers=8))
    phone = exporter.export(without_texts, Release()).manifest

    assert laptop.transitions is not None
    assert laptop.transitions.vectors == sizes
    assert laptop.transitions.similarity == 3.0
    assert phone.transitions is not None
    assert phone.transitions.vectors is None
    assert all(check.passed for check in check_each_budget(laptop))
    assert verify_bundle(tmp_path / "laptop-x86_64", tiny.dataset).parity_failures == []
    contents = open_contents(open_folder(tmp_path / "laptop-x86_64"))
    assert contents.transitions is not None
    history = tiny.dataset.sequences.of(0)[:4].astype(np.int64)
    state = open_engine_state(contents, history)
    expected = ranking_model(student, transitions="texts")
    rows, mask = pad([history.astype(np.int32)])
    with torch.inference_mode():
        scores = expected.scores(rows, mask, expected.item_vectors())[0].numpy()
    device = state + contents.transitions.scores(history)
    np.testing.assert_allclose(np.corrcoef(device, scores)[0, 1], 1.0, atol=0.02)


def open_engine_state(contents: Contents, history: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the scores of the bundle's engine alone."""
    candidates = contents.engine_candidates()
    state = candidates.encode(contents.codes.decode(history))
    assert state is not None
    return score_all(contents.codes, state)


def test_a_small_catalogue_gets_its_whole_graph_where_as_many_followers_as_fit_are_wanted(
    tiny: TinyStudent, tmp_path: Path
) -> None:
    page = replace_engines(browser())

    manifest = Exporter(with_graph(tiny), tiny.dataset, tmp_path / "a").export(page, Release()).manifest
    again = Exporter(with_graph(tiny), tiny.dataset, tmp_path / "b").export(page, Release()).manifest

    assert manifest.transitions is not None
    assert manifest.transitions.n_entries == 12 * 60
    assert manifest.budgets["ranking_bytes"] == page.budgets.ranking_limit(60)
    assert manifest.ranking_bytes <= page.budgets.ranking_limit(60)
    assert manifest.files == again.files


@pytest.mark.parametrize(("room_for", "expected"), [(12, 12), (11, 11), (8, 8), (7, 0), (0, 0)])
def test_a_large_graph_is_cut_to_what_the_budget_for_ranking_has_room_for(
    tiny: TinyStudent, tmp_path: Path, room_for: int, expected: int
) -> None:
    student = with_graph(tiny)
    assert student.transitions is not None
    sizes = bytes_by_followers(student.transitions.counts, 32)
    limit = ranking_bytes_without(tiny, tmp_path / "none") + sizes[room_for]
    target = with_transitions(browser(), TransitionChoice(followers="as-many-as-fit"), limit)

    manifest = Exporter(student, tiny.dataset, tmp_path / "fit").export(target, Release()).manifest

    assert (0 if manifest.transitions is None else manifest.transitions.n_entries) == expected * 60
    assert manifest.ranking_bytes <= limit


def test_followers_that_a_target_wants_at_least_are_allowed_beside_the_budget_for_ranking(
    tiny: TinyStudent, tmp_path: Path
) -> None:
    limit = ranking_bytes_without(tiny, tmp_path / "none")
    target = with_transitions(browser(), TransitionChoice(followers="as-many-as-fit", at_least=3), limit)

    manifest = Exporter(with_graph(tiny), tiny.dataset, tmp_path / "fit").export(target, Release()).manifest

    assert manifest.transitions is not None
    assert manifest.transitions.n_entries == 3 * 60
    assert limit < manifest.ranking_bytes <= manifest.budgets["ranking_bytes"]


def test_texts_come_along_as_codes_only_where_enough_followers_fit_beside_them(
    tiny: TinyStudent, tmp_path: Path
) -> None:
    student = with_graph(tiny)
    assert student.transitions is not None
    assert student.texts is not None
    sizes, texts = bytes_by_followers(student.transitions.counts, 32), len(dump_arrays(student.texts.codes))
    plain = ranking_bytes_without(tiny, tmp_path / "none")
    choice = TransitionChoice(followers="as-many-as-fit", texts="if-they-fit")

    def exported(room: int) -> Manifest:
        target = with_transitions(browser(), choice, plain + room)
        return Exporter(student, tiny.dataset, tmp_path / str(room)).export(target, Release()).manifest

    with_texts, without = exported(sizes[8] + texts), exported(sizes[7] + texts)

    assert with_texts.transitions is not None
    assert (with_texts.transitions.n_entries, with_texts.transitions.vectors) == (8 * 60, student.texts.sizes)
    assert without.transitions is not None
    assert without.transitions.n_entries > 8 * 60
    assert without.transitions.vectors is None
    assert with_texts.ranking_bytes <= with_texts.budgets["ranking_bytes"]


def with_graph(tiny: TinyStudent, followers: int = 12) -> Student:
    """Return the tiny student with as many followers of each item, in different numbers, and with text codes."""
    n_items = tiny.student.sizes.n_items
    columns = (np.arange(n_items)[:, None] + 1 + np.arange(followers)) % n_items
    counts = np.tile(np.arange(followers, 0, -1, dtype=np.float32), n_items)
    offsets = np.arange(n_items + 1) * followers
    graph = csr_array((counts, columns.reshape(-1), offsets), shape=(n_items, n_items))
    graph.sort_indices()
    settings = DeviceSettings(newest=3, recency=0.6, second_hop=0.0, smoothing=0.01, similarity=1.0, weight=1.0)
    sizes, codes = encode_texts(np.random.default_rng(0).normal(size=(n_items, 70)).astype(np.float32), seed=0)
    return replace(
        tiny.student, transitions=DeviceTransitions(graph, settings), texts=TextCodes(sizes, codes, settings)
    )


def with_transitions(target: Target, choice: TransitionChoice, ranking_bytes: int | None = None) -> Target:
    """Return the target with other transitions, the numpy engine alone, and a budget for ranking if one is given."""
    budgets = target.budgets
    if ranking_bytes is not None:
        budgets = msgspec.structs.replace(
            budgets, ranking_bytes=ranking_bytes, ranking_bytes_per_item=0, ranking_bytes_at_least=0
        )
    return msgspec.structs.replace(replace_engines(target), transitions=choice, budgets=budgets)


def ranking_bytes_without(tiny: TinyStudent, out: Path) -> int:
    """Return the bytes that ranking needs without transitions."""
    target = with_transitions(browser(), TransitionChoice(followers=0))
    return Exporter(tiny.student, tiny.dataset, out).export(target, Release()).manifest.ranking_bytes


def test_a_damaged_graph_of_a_student_is_reported(instant: Student, tmp_path: Path) -> None:
    folder = tmp_path / "student"
    shutil.copytree(instant.path, folder)
    (folder / "transitions.safetensors").write_bytes(b"\0" * 9)
    with pytest.raises(RunError, match="damaged or inconsistent"):
        load_student(folder)
    about = json.loads((instant.path / "student.json").read_text())
    (folder / "student.json").write_text(json.dumps(about | {"transitions": {"newest": 3}}))
    with pytest.raises(RunError, match="damaged or inconsistent"):
        load_student(folder)


def replace_engines(target: Target) -> Target:
    """Return the target with the numpy engine alone, which needs no converter."""
    return msgspec.structs.replace(target, engines=tuple(one for one in target.engines if one.engine == "reference"))
