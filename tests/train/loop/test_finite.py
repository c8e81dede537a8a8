"""Training stops at NaN or infinity, reports the place, and keeps valid checkpoints."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.tiny_dataset import make_dataset
from tests.train.tiny_data import tiny_dataset
from train.backbones.encoder import EncoderConfig
from train.distill.codes import CodePlan
from train.distill.distillation import describe_student, distill_model
from train.distill.student_model import DistillConfig
from train.errors import RunError
from train.full_model.recipes import TrainConfig
from train.full_model.training import describe_run, load_model, train_model
from train.items.blocks import Block, EncodedInputs, Extractor, Inputs, one_each
from train.items.computing import features_of
from train.items.digests import text_digests
from train.items.features import Features
from train.loop.batches import Batch, TrainingSequences
from train.loop.finite import FiniteCheck, first_not_finite
from train.loop.fit import FitConfig, fit
from train.loop.runs import RunFolder, write_json
from train.metrics.ranking import rank_targets
from train.reasons.writer import WriterConfig, train_writer

BAD = [float("nan"), float("inf"), float("-inf")]


class FailsLater(nn.Module):
    """Two terms and one weight; from one step on, one of the terms, or its gradient, is not finite."""

    def __init__(self, bad_step: int, bad: float, *, in_gradient: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self._bad_step, self._bad, self._in_gradient = bad_step, bad, in_gradient
        self._step = 0

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        self._step += 1
        good = (self.weight**2).sum()
        if self._step < self._bad_step:
            return {"next_item": good, "alignment": good / 2}
        # The root of zero is zero, and infinitely steep.
        return {
            "next_item": good,
            "alignment": (0 * self.weight).sqrt().sum() if self._in_gradient else good * self._bad,
        }


def fitted(model: FailsLater, run: RunFolder, validate: float = 0.5) -> None:
    """Fit in batches of two users of six: three steps per epoch."""
    run.claim({}, resume=True)
    histories = [np.arange(4, dtype=np.int32)] * 6
    fit(
        model, torch.optim.SGD(model.parameters(), lr=0.01), TrainingSequences(histories, 8), lambda: validate, run,
        FitConfig(batch_users=2, max_epochs=9, patience=9), title="x", advice="Try another --seed.",
    )  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
def test_a_term_that_is_not_finite_ends_the_run_and_the_last_valid_epoch_is_kept(bad: float, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")

    with pytest.raises(
        RunError, match=rf"epoch 3, step 2: the term 'alignment' of the loss is {bad}; .*Try another --seed\."
    ):
        fitted(FailsLater(8, bad), run)

    checkpoint = run.load_checkpoint()
    assert checkpoint is not None
    assert checkpoint[1]["epoch"] == 2
    assert all(bool(tensor.isfinite().all()) for tensor in (*checkpoint[0].values(), *run.load_best().values()))
    assert not run.finished


def test_a_gradient_that_is_not_finite_ends_the_run_with_a_finite_loss(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")

    with pytest.raises(RunError, match=r"epoch 1, step 1: the norm of the gradients is (nan|inf)"):
        fitted(FailsLater(1, 0.0, in_gradient=True), run)

    assert run.load_checkpoint() is None
    assert not run.finished


@pytest.mark.parametrize("bad", BAD)
def test_a_validation_that_is_not_finite_is_never_the_best(bad: float, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")

    with pytest.raises(RunError, match=rf"epoch 1: validation NDCG@10 is {bad}"):
        fitted(FailsLater(99, 0.0), run, validate=bad)

    assert run.load_checkpoint() is None


def test_checks_at_the_end_name_the_first_bad_step() -> None:
    steps = FiniteCheck(4, "Do something.", every_step=False)
    for value in (1.0, float("inf"), float("nan")):
        steps.note({"a": torch.tensor(1.0), "b": torch.tensor(value)}, torch.tensor(1.0))

    with pytest.raises(RunError, match=r"epoch 4, step 2: the term 'b' of the loss is inf; .* Do something\."):
        steps.check()


def test_a_learning_rate_that_is_far_too_high_ends_the_training_with_advice(tmp_path: Path) -> None:
    dataset, run = tiny_dataset(), RunFolder(tmp_path / "run")
    config = replace(small(), learning_rate=1e30)
    run.claim(describe_run(dataset, config), resume=False)

    with pytest.raises(RunError, match=r"epoch 1, .*(--learning-rate)"):
        train_model(dataset, config, run)

    assert not run.finished
    with pytest.raises(RunError, match=r"best\.safetensors"):
        load_model(run, dataset)


def test_a_distillation_that_overflows_ends_with_advice(tmp_path: Path) -> None:
    dataset, teacher, out = tiny_dataset(), RunFolder(tmp_path / "teacher"), RunFolder(tmp_path / "student")
    teacher.claim(describe_run(dataset, small()), resume=False)
    train_model(dataset, small(), teacher)
    plan = CodePlan(n_codes=(8, 4), shares=(0.25, 0.75), n_codewords=64)
    config = DistillConfig(fit=FitConfig(batch_users=16, max_epochs=3), encoder_rate=1e30, table_rate=1e30)
    out.claim(describe_student(dataset, teacher, plan, config), resume=False)

    with pytest.raises(RunError, match=r"epoch 1.*Distil in another --out"):
        distill_model(dataset, teacher, plan, config, out)

    assert not out.finished


def test_a_writer_that_overflows_ends_with_advice(tmp_path: Path) -> None:
    config = WriterConfig(
        n_examples=20, vocabulary_size=320, n_layers=1, n_steps=6, n_lora_steps=1, batch_size=2, context=512,
        learning_rate=1e30,
    )  # fmt: skip

    with pytest.raises(
        RunError, match=r"stage 'text', step \d of 6: .* is (nan|inf); .* lower learning rate than 1e\+30"
    ):
        train_writer(make_dataset(), tmp_path / "run", config, shown=False)

    assert not RunFolder(tmp_path / "run").finished


def test_saved_weights_that_are_not_finite_are_refused_with_advice(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.save_best({"good": torch.ones(2), "table": torch.tensor([1.0, float("nan")])})

    with pytest.raises(RunError, match=r"best\.safetensors: the weights 'table' are not all finite.* --learning-rate"):
        run.load_best()


def small() -> TrainConfig:
    return TrainConfig(
        encoder=EncoderConfig(dim=16, max_length=8), fit=FitConfig(batch_users=16, max_epochs=2), dropout=0.0
    )


def describing(value: float) -> Extractor[str]:
    """Return an extractor whose vector of the second text holds ``value``."""

    def describe(texts: Inputs[str]) -> EncodedInputs:
        def blocks() -> Iterator[Block]:
            vectors = np.ones((len(texts), 2), dtype=np.float32)
            vectors[1, 0] = value
            yield Block(np.arange(len(texts)), vectors)

        return EncodedInputs(2, blocks())

    return Extractor("half-precision-1", describe)


def features(value: float, cache_dir: Path | None) -> Features:
    texts = ["a", "b", "c"]
    return features_of(describing(value), texts, one_each(range(3), 3), lambda: text_digests(texts), cache_dir)


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("bad", BAD)
def test_features_that_are_not_finite_name_the_item_and_are_not_cached(bad: float, kept: bool, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"features \(half-precision-1\): those of item 2 .*--text or --image"):
        features(bad, tmp_path if kept else None)

    assert features(1.0, tmp_path).vectors.tolist() == [[[1, 1]]] * 3


def test_the_first_row_that_is_not_finite_is_found_in_any_block() -> None:
    vectors = np.zeros((9000, 1, 2), dtype=np.float32)
    assert first_not_finite(vectors) is None

    vectors[8500, 0, 1] = vectors[8700, 0, 0] = np.nan

    assert first_not_finite(vectors) == 8500


def test_nan_scores_are_refused() -> None:
    scores = np.array([[0.0, np.nan, 1.0], [0.0, 1.0, 2.0]], dtype=np.float32)

    with pytest.raises(RunError, match="1 of 2 users have scores that are NaN"):
        rank_targets(lambda users: scores[users], [np.array([0], dtype=np.int32)] * 2, np.array([2, 2], np.int32), 3)


@pytest.mark.parametrize("bad", BAD)
def test_a_metric_that_is_not_finite_is_not_written(bad: float, tmp_path: Path) -> None:
    run = RunFolder(tmp_path)

    with pytest.raises(RunError, match=rf"metrics\.json: not written, because student\.ndcg@10\.1 is {bad}"):
        run.finish({"seconds": 1.0, "student": {"ndcg@10": [0.5, bad]}})

    assert not run.finished
    assert list(tmp_path.iterdir()) == []


def test_finite_metrics_are_written(tmp_path: Path) -> None:
    write_json(tmp_path / "figures.json", {"a": 1.5, "b": None, "c": ["x", 2]})

    assert (
        tmp_path / "figures.json"
    ).read_text() == '{\n  "a": 1.5,\n  "b": null,\n  "c": [\n    "x",\n    2\n  ]\n}\n'
