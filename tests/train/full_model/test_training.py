import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.train.tiny_data import tiny_dataset
from train.backbones.encoder import EncoderConfig
from train.data.sequences import Sequences
from train.data.split import Split, leave_one_out
from train.distill.codes import CodePlan
from train.distill.distillation import describe_student, distill_model, usual_plan
from train.distill.student import load_student, ranking_model
from train.distill.student_model import DistillConfig
from train.distill.teacher_knowledge import DEVICE_PROMPTS
from train.errors import DataError, RunError
from train.full_model.recipes import TrainConfig
from train.full_model.training import describe_run, full_config, load_model, train_model
from train.loop.fit import FitConfig
from train.loop.runs import RunFolder
from train.metrics.ranker import Ranker, rank_split, validation_score
from train.metrics.ranking import ndcg

SMALL = TrainConfig(
    encoder=EncoderConfig(dim=16, max_length=8),
    fit=FitConfig(batch_users=16, max_epochs=25, patience=25),
    dropout=0.1,
    learning_rate=3e-3,
)


def trained(path: Path, config: TrainConfig = SMALL) -> RunFolder:
    dataset, run = tiny_dataset(), RunFolder(path)
    run.claim(describe_run(dataset, config), resume=True)
    train_model(dataset, config, run)
    return run


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return trained(tmp_path_factory.mktemp("runs") / "teacher")


def test_training_learns_the_rule_of_the_data(teacher: RunFolder) -> None:
    ranked = rank_split(load_model(teacher, tiny_dataset()), leave_one_out(tiny_dataset().sequences).test)

    assert float(np.mean(ndcg(ranked.excluded, 10))) > 0.8


def test_the_same_seed_gives_the_same_weights(teacher: RunFolder, tmp_path: Path) -> None:
    again = trained(tmp_path / "again")

    assert_same_weights(teacher, again)


def test_an_interrupted_and_resumed_run_equals_an_uninterrupted_one(
    teacher: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, run = tiny_dataset(), RunFolder(tmp_path / "cut")
    run.claim(describe_run(dataset, SMALL), resume=False)
    monkeypatch.setattr("train.full_model.training.validation_score", stop_after(7))
    with pytest.raises(KeyboardInterrupt):
        train_model(dataset, SMALL, run)
    monkeypatch.undo()
    assert not run.finished

    run.claim(describe_run(dataset, SMALL), resume=True)
    train_model(dataset, SMALL, run)

    assert_same_weights(teacher, run)


def stop_after(n: int) -> Callable[[Ranker, Split], float]:
    """Validate ``n`` times, then interrupt like Ctrl-C."""
    calls = 0

    def score(model: Ranker, split: Split) -> float:
        nonlocal calls
        calls += 1
        if calls > n:
            raise KeyboardInterrupt
        return validation_score(model, split)

    return score


def test_other_settings_in_the_same_folder_are_refused(teacher: RunFolder) -> None:
    other = replace(SMALL, dropout=0.2)

    with pytest.raises(RunError, match="other settings"):
        teacher.claim(describe_run(tiny_dataset(), other), resume=True)


def test_a_setting_that_differs_is_named_with_both_values(teacher: RunFolder) -> None:
    other = replace(SMALL, fit=replace(SMALL.fit, seed=SMALL.fit.seed + 1))

    with pytest.raises(RunError, match=rf"`--seed` is {SMALL.fit.seed} there, {SMALL.fit.seed + 1} given"):
        teacher.claim(describe_run(tiny_dataset(), other), resume=True, options={"config.fit.seed": "--seed"})


def test_a_run_that_ended_at_its_last_epoch_continues_with_more_epochs(tmp_path: Path) -> None:
    dataset = tiny_dataset()
    short, long = (replace(SMALL, fit=replace(SMALL.fit, max_epochs=n, patience=9)) for n in (2, 4))
    run, whole = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "whole")
    for folder, config in ((run, short), (whole, long)):
        folder.claim(describe_run(dataset, config), resume=False)
        train_model(dataset, config, folder)

    finished = run.claim(describe_run(dataset, long), resume=True, extends="config.fit.max_epochs")
    train_model(dataset, long, run)

    assert not finished
    assert len(run.figures()["log"]) == 4
    for name, weight in whole.load_best().items():
        torch.testing.assert_close(run.load_best()[name], weight)


def test_a_run_of_a_version_without_a_setting_is_read_and_resumed_while_that_is_off(tmp_path: Path) -> None:
    dataset, run = tiny_dataset(), RunFolder(tmp_path)
    older = json.loads(json.dumps(describe_run(dataset, SMALL)))
    del older["config"]["stand_ins"], older["config"]["fit"]["cool_down_epochs"]
    run.claim(older, resume=False)

    assert not run.claim(describe_run(dataset, SMALL), resume=True)
    assert full_config(run).fit == SMALL.fit
    cooled = replace(SMALL, fit=replace(SMALL.fit, cool_down_epochs=4))
    with pytest.raises(RunError, match="cool_down_epochs is null there, 4 given"):
        run.claim(describe_run(dataset, cooled), resume=True)


def test_fewer_epochs_are_other_settings(teacher: RunFolder) -> None:
    fewer = replace(SMALL, fit=replace(SMALL.fit, max_epochs=1))

    with pytest.raises(RunError, match=r"max_epochs is \d+ there, 1 given.*may only raise config.fit.max_epochs"):
        teacher.claim(describe_run(tiny_dataset(), fewer), resume=True, extends="config.fit.max_epochs")


def test_raised_epochs_are_not_named_among_other_settings(teacher: RunFolder) -> None:
    other = replace(SMALL, fit=replace(SMALL.fit, seed=SMALL.fit.seed + 1, max_epochs=SMALL.fit.max_epochs + 1))

    with pytest.raises(RunError, match=r"config\.fit\.seed") as caught:
        teacher.claim(describe_run(tiny_dataset(), other), resume=True, extends="config.fit.max_epochs")

    assert "max_epochs" not in str(caught.value)


def test_an_option_stands_for_a_part_of_its_setting(teacher: RunFolder) -> None:
    other = replace(SMALL, backbone_settings={"hidden_share": 0.6})

    with pytest.raises(RunError, match=r'`--backbone-settings` is \{\} there, \{"hidden_share": 0.6\} given'):
        teacher.claim(
            describe_run(tiny_dataset(), other),
            resume=True,
            options={"config.backbone": "--backbone", "config.backbone_settings": "--backbone-settings"},
        )


def test_a_run_is_resumed_when_the_data_folder_was_renamed(teacher: RunFolder) -> None:
    renamed = replace(tiny_dataset(), name="renamed")

    assert teacher.claim(describe_run(renamed, SMALL), resume=True)


def test_a_finished_run_is_not_overwritten_without_resume(teacher: RunFolder) -> None:
    with pytest.raises(RunError, match="--resume"):
        teacher.claim(describe_run(tiny_dataset(), SMALL), resume=False)


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos.txt").write_text("mine")

    with pytest.raises(RunError, match="not empty"):
        RunFolder(tmp_path).claim({}, resume=True)


def test_a_student_of_other_data_is_refused(teacher: RunFolder) -> None:
    with pytest.raises(RunError, match="digest"):
        describe_student(tiny_dataset(seed=1), teacher, CodePlan.for_items(24, 16), DistillConfig())


def test_a_student_ranks_as_its_saved_arrays(teacher: RunFolder, tmp_path: Path) -> None:
    dataset, out = tiny_dataset(), RunFolder(tmp_path / "student")
    plan = CodePlan(n_codes=(8, 4), shares=(0.25, 0.75), n_codewords=64)
    config = DistillConfig(fit=FitConfig(batch_users=16, max_epochs=6, patience=6), reassign_every=2)
    out.claim(describe_student(dataset, teacher, plan, config), resume=False)

    figures = distill_model(dataset, teacher, plan, config, out)

    student = load_student(out.path)
    ranked = rank_split(ranking_model(student), leave_one_out(dataset.sequences).test)
    assert float(np.mean(ndcg(ranked.excluded, 10))) == pytest.approx(
        figures["student"]["history_excluded"]["ndcg@10"], abs=1e-6
    )
    assert figures["ndcg@10_ratio"] > 0.9
    assert [tier.n_codes for tier in student.sizes.tiers] == [8, 4]
    assert not student.prompts["knowledge"].any()
    assert not student.adapter["b"].any()


def test_a_student_of_a_teacher_with_knowledge_works_with_and_without_it(tmp_path: Path) -> None:
    dataset, out = tiny_dataset(), RunFolder(tmp_path / "student")
    teacher = trained(tmp_path / "teacher", replace(SMALL, plugins={"coco": {"n_prompts": 24}}))
    plan = CodePlan(n_codes=(8, 4), shares=(0.25, 0.75), n_codewords=64)
    config = DistillConfig(fit=FitConfig(batch_users=16, max_epochs=6, patience=6), reassign_every=2)
    out.claim(describe_student(dataset, teacher, plan, config), resume=False)

    figures = distill_model(dataset, teacher, plan, config, out)

    student = load_student(out.path)
    assert student.prompts["prompts"].shape == student.prompts["knowledge"].shape == (DEVICE_PROMPTS, 16)
    assert student.prompts["knowledge"].any()
    ranked = rank_split(ranking_model(student), leave_one_out(dataset.sequences).test)
    of_knowledge = figures["knowledge"]
    assert float(np.mean(ndcg(ranked.excluded, 10))) == pytest.approx(of_knowledge["ndcg@10_with"], abs=1e-6)
    assert of_knowledge["ndcg@10_with"] == pytest.approx(figures["student"]["history_excluded"]["ndcg@10"], abs=1e-6)
    assert of_knowledge["ndcg@10_without"] > 0.8 * of_knowledge["ndcg@10_with"]
    assert of_knowledge["ndcg@10_without"] != of_knowledge["ndcg@10_with"]
    assert of_knowledge["share_judged"] == 1.0


def test_the_teacher_weight_is_larger_for_a_short_log() -> None:
    of_short, of_long = (DistillConfig.of(seed=3, batch_users=8, n_events=n) for n in (20_000, 200_000))

    assert of_short.teacher_weight > of_long.teacher_weight == DistillConfig().teacher_weight
    assert (of_short.fit.seed, of_short.fit.batch_users) == (3, 8)


def test_a_student_of_a_student_is_refused(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "student")
    run.claim({"kind": "student", "data_digest": tiny_dataset().digest, "config": {}}, resume=False)

    with pytest.raises(RunError, match="kind 'student', expected one of a full model"):
        usual_plan(tiny_dataset(), run)


def test_weights_of_another_version_are_refused(tmp_path: Path) -> None:
    run = trained(tmp_path / "old", replace(SMALL, fit=replace(SMALL.fit, max_epochs=1)))
    run.save_best({"codebook.prompts": torch.zeros(2, 16)})

    with pytest.raises(RunError, match="another version wrote them; train again"):
        load_model(run, tiny_dataset())


def test_a_teacher_trained_on_part_of_the_data_is_refused(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "cell")
    about = describe_run(tiny_dataset(), SMALL) | {"split": {"split": "new items"}}
    run.claim(about, resume=False)
    run.finish({})

    with pytest.raises(RunError, match="the split 'new items'"):
        describe_student(tiny_dataset(), run, CodePlan.for_items(24, 16), DistillConfig())


def test_a_damaged_student_is_refused(tmp_path: Path) -> None:
    (tmp_path / "student.json").write_text('{"encoder": {}}')

    with pytest.raises(RunError, match="distil it again"):
        load_student(tmp_path)


def test_a_log_too_short_to_train_on_is_refused_before_anything_is_written() -> None:
    dataset = tiny_dataset()
    short = Sequences(("u",), np.array([0, 3]), dataset.sequences.rows[:3], dataset.sequences.timestamps[:3])

    with pytest.raises(DataError, match="expected at least one user with 4"):
        describe_run(replace(dataset, sequences=short), SMALL)


def assert_same_weights(first: RunFolder, second: RunFolder) -> None:
    one, two = first.load_best(), second.load_best()
    assert one.keys() == two.keys()
    for name, weights in one.items():
        torch.testing.assert_close(weights, two[name], rtol=0, atol=0, msg=name)
