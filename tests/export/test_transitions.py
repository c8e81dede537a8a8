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

from edge_runtime import Recommender
from edge_runtime.bundle import open_folder
from edge_runtime.contents import Contents, open_contents
from edge_runtime.ranking import score_all
from export.budget import check_each_budget
from export.bundle import Exporter, Release
from export.target import Target, read_target
from export.transitions import RATIO, make_transitions, max_transitions_bytes
from export.verify import verify_bundle
from tests.tiny_student import TinyStudent, make_tiny_student
from train.data.folder import read_folder
from train.data.split import leave_one_out
from train.distill.codes import CodePlan
from train.distill.device_transitions import TextCodes, encode_texts
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
    page = exporter.export(replace_engines(browser()), Release()).manifest

    assert laptop.transitions is not None
    assert [one.engine for one in laptop.engines] == ["reference"]
    assert page.transitions is None
    assert laptop.ranking_bytes > page.ranking_bytes
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
    phone = exporter.export(replace_engines(read_target("android-arm64")), Release()).manifest

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
