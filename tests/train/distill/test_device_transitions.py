"""Distilling the mixture of a model and transitions: what a student's folder has, and how it ranks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from tests.train.tiny_data import tiny_dataset
from train.backbones.encoder import EncoderConfig
from train.data.split import leave_one_out
from train.distill.codes import CodePlan
from train.distill.device_transitions import DeviceSettings, DeviceTransitions, unit_rows
from train.distill.distillation import describe_student, distill_model
from train.distill.student import load_student, ranking_model
from train.distill.student_model import DistillConfig
from train.full_model.recipes import TrainConfig
from train.full_model.training import describe_run, train_model
from train.loop.fit import FitConfig
from train.loop.runs import RunFolder
from train.metrics.ranker import rank_split
from train.metrics.ranking import ndcg

SETTINGS = DeviceSettings(newest=3, recency=0.5, second_hop=1.0, smoothing=1e-3, similarity=2.0, weight=0.5)
FIT = FitConfig(batch_users=16, max_epochs=2)


@pytest.fixture(scope="module")
def distilled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Return the folder of a student of the mixture, and its metrics."""
    folder, dataset = tmp_path_factory.mktemp("mixture"), tiny_dataset()
    teacher, student = RunFolder(folder / "teacher"), RunFolder(folder / "student")
    config = TrainConfig(
        plugins={"llmrec": {}, "transitions": {}}, encoder=EncoderConfig(dim=16, max_length=12, n_blocks=1), fit=FIT
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.full_model.recipes.FEATURES", folder / "features")
        teacher.claim(describe_run(dataset, config), resume=False)
        train_model(dataset, config, teacher)
        plan, settings = CodePlan(n_codes=(4,), shares=(1.0,), n_codewords=8), DistillConfig(fit=FIT)
        student.claim(describe_student(dataset, teacher, plan, settings), resume=False)
        return student.path, distill_model(dataset, teacher, plan, settings, student)


def test_a_student_has_transitions_with_weights_chosen_for_its_own_vectors(
    distilled: tuple[Path, dict[str, Any]],
) -> None:
    path, figures = distilled
    student = load_student(path)

    assert student.transitions is not None
    assert student.texts is not None
    for chosen, settings in (("codes", student.transitions.settings), ("texts", student.texts.settings)):
        found = figures["transitions"][chosen]
        assert found["weight"] == settings.weight > 0.0
        assert found["valid_ndcg@10"] >= found["valid_ndcg@10_without"]


def test_the_figures_are_those_of_the_saved_student(distilled: tuple[Path, dict[str, Any]]) -> None:
    path, figures = distilled
    student, test = load_student(path), leave_one_out(tiny_dataset().sequences).test

    for name, use in (("student_with_transitions_and_codes", "codes"), ("student_with_transitions_and_texts", "texts")):
        ranked = rank_split(ranking_model(student, transitions=use), test)  # type: ignore[arg-type]
        expected = figures[name]["history_excluded"]["ndcg@10"]
        assert float(np.mean(ndcg(ranked.excluded, 10))) == pytest.approx(expected, abs=1e-6)
    alone = float(np.mean(ndcg(rank_split(ranking_model(student), test).excluded, 10)))
    assert alone == pytest.approx(figures["student"]["history_excluded"]["ndcg@10"], abs=0.05)


def test_transitions_survive_being_saved_as_arrays() -> None:
    counts = csr_array(np.array([[0, 2.5, 0], [1, 0, 0.5], [0, 0, 0]], dtype=np.float32))

    read = DeviceTransitions.of_arrays(
        DeviceTransitions(counts, SETTINGS).arrays(),
        {name: getattr(SETTINGS, name) for name in DeviceSettings.__dataclass_fields__},
    )

    assert read.settings == SETTINGS
    np.testing.assert_array_equal(read.counts.toarray(), counts.toarray())


def test_vectors_without_a_direction_stay_zero() -> None:
    units = unit_rows(np.array([[3.0, 4.0], [1e-8, 0.0]], dtype=np.float32))

    np.testing.assert_allclose(units, [[0.6, 0.8], [0.0, 0.0]])
