"""Students of several full models, of fewer blocks, and started from an earlier student."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.train.tiny_data import tiny_dataset
from train.backbones.encoder import EncoderConfig
from train.backbones.sasrec import SASRec
from train.data.split import leave_one_out
from train.distill.blocks import EncoderOverTable, best_blocks, pruned
from train.distill.codes import CodePlan
from train.distill.distillation import describe_student, distill_model
from train.distill.start import StudentChoices
from train.distill.student import load_student, ranking_model
from train.distill.student_model import DistillConfig
from train.distill.teachers import AveragedModels
from train.errors import RunError
from train.full_model.recipes import TrainConfig
from train.full_model.training import describe_run, load_model, train_model
from train.loop.batches import pad, training_batch
from train.loop.fit import FitConfig
from train.loop.runs import RunFolder
from train.metrics.ranker import mean_ndcg
from train.plugins.plugin import Positions

SMALL = TrainConfig(
    encoder=EncoderConfig(dim=16, max_length=8),
    fit=FitConfig(batch_users=16, max_epochs=12, patience=12),
    dropout=0.1,
    learning_rate=3e-3,
)
PLAN = CodePlan(n_codes=(8, 4), shares=(0.25, 0.75), n_codewords=64)
CONFIG = DistillConfig(fit=FitConfig(batch_users=16, max_epochs=4, patience=4), reassign_every=2)


def trained(path: Path, config: TrainConfig = SMALL) -> RunFolder:
    dataset, run = tiny_dataset(), RunFolder(path)
    run.claim(describe_run(dataset, config), resume=False)
    train_model(dataset, config, run)
    return run


def distilled(path: Path, teacher: RunFolder, choices: StudentChoices, plan: CodePlan = PLAN) -> RunFolder:
    dataset, out = tiny_dataset(), RunFolder(path)
    out.claim(describe_student(dataset, teacher, plan, CONFIG, choices), resume=False)
    distill_model(dataset, teacher, plan, CONFIG, out, choices)
    return out


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def teachers(folder: Path) -> list[RunFolder]:
    """Return two full models of other seeds and widths, the second with transitions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.full_model.recipes.FEATURES", folder / "features")
        second = replace(
            SMALL, encoder=replace(SMALL.encoder, dim=24), fit=replace(SMALL.fit, seed=1), plugins={"transitions": {}}
        )
        return [trained(folder / "seed-0"), trained(folder / "seed-1", second)]


@pytest.fixture(scope="module")
def student(folder: Path, teachers: list[RunFolder]) -> RunFolder:
    return distilled(folder / "student", teachers[0], StudentChoices())


def test_the_average_of_models_has_the_mean_of_their_logits_at_every_position(teachers: list[RunFolder]) -> None:
    dataset = tiny_dataset()
    models = [load_model(run, dataset) for run in teachers]
    average = AveragedModels(models)
    (group,) = training_batch([np.array([1, 2, 3, 4, 5]), np.array([7, 8, 9])], cuts=())[:1]
    with torch.no_grad():
        logits = average.states(group.rows, group.mask, average.item_vectors()) @ average.item_vectors().T
        each = [model.states(group.rows, group.mask, model.item_vectors()) @ model.item_vectors().T for model in models]

    torch.testing.assert_close(logits, (each[0] + each[1]) / 2, atol=1e-4, rtol=1e-4)


def test_the_average_has_the_mean_of_scores_and_of_what_plugins_add(teachers: list[RunFolder]) -> None:
    dataset = tiny_dataset()
    models = [load_model(run, dataset) for run in teachers]
    average = AveragedModels(models)
    rows, mask = pad([np.array([1, 2, 3], dtype=np.int32), np.array([9, 10], dtype=np.int32)])
    with torch.no_grad():
        scores = average.scores(rows, mask, average.item_vectors())
        each = [model.scores(rows, mask, model.item_vectors()) for model in models]
    at_the_end = torch.zeros_like(rows, dtype=torch.bool)
    at_the_end[:, -1] = True
    positions = Positions(rows, mask, at_the_end, rows, mask)
    added, of_second = average.log_scores_at(positions), models[1].log_scores_at(positions)

    torch.testing.assert_close(scores, (each[0] + each[1]) / 2)
    assert models[0].log_scores_at(positions) is None
    assert added is not None
    assert of_second is not None
    torch.testing.assert_close(added(slice(0, 2)), of_second(slice(0, 2)) / 2)
    assert bool(added(slice(0, 2)).any())


def test_a_student_of_two_runs_records_both_and_is_compared_with_their_average(
    teachers: list[RunFolder], tmp_path: Path
) -> None:
    choices = StudentChoices(further=(teachers[1],))

    run = distilled(tmp_path / "student", teachers[0], choices)

    about = run.about()
    assert about["teacher"] == teachers[0].about()
    assert about["further_teachers"] == [teachers[1].about()]
    dataset = tiny_dataset()
    average = AveragedModels([load_model(each, dataset) for each in teachers])
    expected = mean_ndcg(average.eval(), leave_one_out(dataset.sequences).test)
    assert run.figures()["teacher"]["history_excluded"]["ndcg@10"] == pytest.approx(expected, abs=1e-6)


def test_runs_of_other_data_or_of_other_lengths_are_not_averaged(teachers: list[RunFolder], tmp_path: Path) -> None:
    other = RunFolder(tmp_path / "other")
    other.claim(describe_run(tiny_dataset(seed=1), SMALL), resume=False)
    longer = RunFolder(tmp_path / "longer")
    config = replace(SMALL, encoder=replace(SMALL.encoder, max_length=9))
    longer.claim(describe_run(tiny_dataset(), config), resume=False)
    longer.finish({})
    alone = RunFolder(tmp_path / "alone")
    alone.claim(
        describe_run(tiny_dataset(), replace(SMALL, backbone="none", plugins={"transitions": {}})), resume=False
    )
    alone.finish({})

    for run, said in ((other, "digest"), (longer, "9 events of a history, expected 8"), (alone, "no backbone")):
        with pytest.raises(RunError, match=said):
            describe_student(tiny_dataset(), teachers[0], PLAN, CONFIG, StudentChoices(further=(run,)))


def test_a_run_without_special_choices_is_described_as_before(teachers: list[RunFolder]) -> None:
    about = describe_student(tiny_dataset(), teachers[0], PLAN, CONFIG)

    assert set(about) == {"kind", "data_digest", "data_name", "teacher", "plan", "config"}


def test_the_block_that_ranking_needs_least_is_left_out() -> None:
    encoder = SASRec(EncoderConfig(dim=16, max_length=8, n_blocks=3)).eval()
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if name.startswith(("block.1.output", "block.1.feed_out")):
                parameter.zero_()
            elif name.endswith("feed_out.weight"):
                parameter.mul_(20.0)
    valid = leave_one_out(tiny_dataset().sequences).valid
    table = torch.randn(24, 16, generator=torch.Generator().manual_seed(0))
    whole = mean_ndcg(EncoderOverTable(encoder, table), valid)

    without = mean_ndcg(EncoderOverTable(pruned(encoder, [0, 2]), table), valid)

    assert without == pytest.approx(whole, abs=1e-6)
    assert best_blocks(encoder, table, 3, valid) == [0, 1, 2]
    kept = best_blocks(encoder, table, 2, valid)
    scores = {
        tuple(two): mean_ndcg(EncoderOverTable(pruned(encoder, two), table), valid) for two in ([0, 1], [0, 2], [1, 2])
    }
    assert scores[tuple(kept)] == max(scores.values())


def test_a_smaller_student_starts_from_a_larger_one_and_works(
    teachers: list[RunFolder], student: RunFolder, tmp_path: Path
) -> None:
    plan = CodePlan(n_codes=(4,), shares=(1.0,), n_codewords=64)
    choices = StudentChoices(n_blocks=1, n_prompts=1, adapter_rank=1, warm_from=student)

    run = distilled(tmp_path / "small", teachers[0], choices, plan)

    small = load_student(run.path)
    assert small.config.n_blocks == 1
    assert small.prompts["prompts"].shape == (1, 16)
    assert small.adapter["a"].shape == (16, 1)
    assert run.about()["warm_from"] == student.about()
    found = mean_ndcg(ranking_model(small), leave_one_out(tiny_dataset().sequences).test)
    assert found == pytest.approx(run.figures()["student"]["history_excluded"]["ndcg@10"], abs=1e-6)
    assert found > 0.7


def test_the_first_epoch_from_a_student_is_better_than_the_first_of_a_new_one(
    teachers: list[RunFolder], student: RunFolder, tmp_path: Path
) -> None:
    run = distilled(tmp_path / "again", teachers[0], StudentChoices(warm_from=student))

    assert run.figures()["log"][0]["loss"] < student.figures()["log"][0]["loss"]


def test_a_student_of_another_size_is_no_start(teachers: list[RunFolder], student: RunFolder, tmp_path: Path) -> None:
    choices = StudentChoices(warm_from=student)

    with pytest.raises(RunError, match="16 dimensions and 8 events, expected 24 dimensions"):
        distilled(tmp_path / "wrong", teachers[1], choices)


def test_few_epochs_at_half_the_rate_are_enough_for_a_student_that_starts_from_another() -> None:
    cold, warm = (DistillConfig.of(seed=0, batch_users=8, n_events=200_000, warm=warm) for warm in (False, True))
    longer = DistillConfig.of(seed=0, batch_users=8, n_events=200_000, warm=True, epochs=7)

    assert cold == DistillConfig(fit=replace(DistillConfig().fit, batch_users=8))
    assert warm.fit.max_epochs < cold.fit.max_epochs
    assert warm.encoder_rate == cold.encoder_rate / 2
    assert (longer.fit.max_epochs, longer.fit.patience) == (7, 7)
