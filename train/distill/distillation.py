"""Distils the full model into a student for devices, with a similar ranking in a fraction of the bytes.

The student is initialized from the teacher, and its item table is replaced by product codes. Both are trained together
on the true next item and the teacher's distribution over all items. Codes are updated until the end of training.
"""

from collections.abc import Sequence
from dataclasses import asdict
from time import perf_counter
from typing import Any

import numpy as np
import torch

from edge_runtime.bundle.codes import read_codes
from train.backbones.none import NoBackbone
from train.data.dataset import Dataset
from train.data.split import Split, Targets, leave_one_out
from train.distill.codes import CodedTable, CodePlan, item_counts
from train.distill.device_transitions import DeviceTransitions, TextCodes, encode_texts, fit_transitions
from train.distill.grown_codes import grown_texts
from train.distill.refresh import refreshed_start
from train.distill.sizes import StudentSizes, sizes_within
from train.distill.start import StudentChoices, make_start
from train.distill.student import STUDENT_FILE, load_student, ranking_model
from train.distill.student_files import student_about, write_student
from train.distill.student_metrics import compare
from train.distill.student_model import DistillConfig, StudentModel
from train.distill.teachers import as_teacher
from train.errors import RunError
from train.full_model.choices import NO_BACKBONE
from train.full_model.model import Model
from train.full_model.training import full_config, load_model
from train.loop.batches import TrainingSequences
from train.loop.fit import FitResult, fit
from train.loop.runs import RunFolder, write_json
from train.metrics.histories import histories_of, select_targets
from train.metrics.ranker import rank_split, scorer, validation_score
from train.metrics.ranking import summary

# Final learning rate, as a share of the initial one.
_LAST_RATE = 0.02
# Validation users that the weights of a device's transitions are chosen on.
_CALIBRATION_USERS = 5000
_DEFAULT = StudentChoices()
# Test users that a student without an encoder is measured on: it is meant to take seconds.
_INSTANT_USERS = 5000
_ADVICE = (
    "Distil in another --out with another --seed; if that does not help, train the teacher again with a "
    "lower --learning-rate."
)


def distill_model(
    dataset: Dataset,
    run: RunFolder,
    plan: CodePlan,
    config: DistillConfig,
    out: RunFolder,
    choices: StudentChoices = _DEFAULT,
) -> dict[str, Any]:
    """Distil the model of ``run`` into ``out``, or resume an interrupted distillation; return the metrics.

    Args:
        dataset: the data of the run.
        run: the full model that the student starts from, and whose transitions devices get.
        plan: numbers of codes of the items.
        config: hyperparameters.
        out: folder of the student.
        choices: further teachers, sizes, and an earlier student to start from.

    Raises:
        RunError: there is no model in ``run``, or training diverged.
    """
    models = [load_model(each, dataset) for each in (run, *choices.further)]
    first, teacher = models[0], as_teacher(models)
    split = leave_one_out(dataset.sequences)
    seed = config.fit.seed
    torch.manual_seed(seed)
    started = perf_counter()
    is_refreshed = choices.warm_from is not None and choices.code_gain is not None
    earlier = load_student(choices.warm_from.path) if choices.warm_from is not None and is_refreshed else None
    if isinstance(first.backbone, NoBackbone):
        counts = item_counts(list(split.train), len(dataset.catalogue))
        table = CodedTable(first.item_vectors().cpu(), plan, plan.tiers_of(counts), seed)
        trained, fitted = None, None
    else:
        valid = _sample(split.valid, _CALIBRATION_USERS)
        if earlier is None or choices.code_gain is None:
            start = make_start(first, split, valid, plan, choices, seed=seed, dropout=config.dropout)
        else:
            with torch.no_grad():
                vectors = first.item_vectors().cpu().numpy()
            start = refreshed_start(earlier, split, vectors, gain=choices.code_gain, dropout=config.dropout)
        table = start.table
        trained = StudentModel(teacher, start.encoder, table, start.knowledge, config)
        fitted = fit_student(trained, split, config, out)
    table.snap()
    of_earlier = None if earlier is None else earlier.texts
    transitions, texts, calibrated = _device_transitions(first, trained, table, split, seed, of_earlier)
    figures: dict[str, Any] = {"best_epoch": 0, "seconds": round(perf_counter() - started, 1)}
    if fitted is not None:
        figures = {"best_epoch": fitted.best_epoch, "seconds": round(fitted.seconds, 1)}
    encoder = first.backbone.config if trained is None else trained.backbone.config
    about = student_about(encoder, table, transitions, texts, dataset, seed=seed, has_encoder=trained is not None)
    prompts, rank = choices.n_prompts, choices.adapter_rank
    kept = {} if earlier is None else {"prompts": earlier.prompts, "adapter": earlier.adapter}
    write_student(out.path, trained, table, transitions, texts, about, n_prompts=prompts, adapter_rank=rank, kept=kept)
    student = load_student(out.path)
    test = split.test if trained is not None else _sample(split.test, _INSTANT_USERS)
    figures |= compare(teacher, trained or ranking_model(student), test)
    if trained is not None and transitions is not None:
        for use in ("codes", "texts") if texts is not None else ("codes",):
            ranked = rank_split(ranking_model(student, transitions=use), split.test)
            figures[f"student_with_transitions_and_{use}"] = summary(ranked)
    figures |= {"transitions": calibrated} if calibrated else {}
    write_json(out.path / STUDENT_FILE, student.about | {"figures": figures})
    out.finish(figures | {"log": [] if fitted is None else fitted.log})
    return figures


def fit_student(student: StudentModel, split: Split, config: DistillConfig, out: RunFolder) -> FitResult:
    """Train a student with its teacher, or resume its training in ``out``; the best weights are loaded into it."""
    sequences = TrainingSequences(list(split.train), student.max_length)
    n_steps = config.fit.max_epochs * -(-len(sequences) // config.fit.batch_users)
    optimizer = _optimizer(student, config)

    def before_step(step: int) -> None:
        if step % config.reassign_every == 0:
            student.table.reassign()
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * max(1.0 - step / n_steps, _LAST_RATE)

    return fit(
        student,
        optimizer,
        sequences,
        lambda: validation_score(student, split),
        out,
        config.fit,
        title="student",
        advice=_ADVICE,
        before_step=before_step,
    )


def _sample(targets: Targets, n_users: int) -> Targets:
    """Return the targets of a random sample of at most ``n_users``, the same in each run."""
    return select_targets(targets, np.random.default_rng(0).permutation(len(targets)) < n_users)


def _device_transitions(
    teacher: Model,
    student: StudentModel | None,
    table: CodedTable,
    split: Split,
    seed: int,
    earlier: TextCodes | None,
) -> tuple[DeviceTransitions | None, TextCodes | None, dict[str, dict[str, float]]]:
    """Return the transitions for devices, text codes for those with more room, and their metrics.

    None if the teacher has no expert, or it does not help the student. A student without an encoder has no text codes,
    because its item vectors are made of the texts. The text codes of an ``earlier`` student stay.
    """
    expert = teacher.device_expert()
    if expert is None:
        return None, None, {}
    valid = _sample(split.valid, _CALIBRATION_USERS)
    scores = None
    with torch.inference_mode():
        vectors = table.decoded()
        if student is not None:
            student.eval()
            scores = scorer(student, vectors, histories_of(valid))
        transitions, found = fit_transitions(expert, vectors.cpu().numpy(), scores, valid)
        figures, texts = {"codes": found}, None
        if student is not None and expert.similar.text is not None:
            vectors_of_texts = expert.similar.text
            if earlier is None:
                sizes, codes = encode_texts(vectors_of_texts, seed)
            else:
                sizes, codes = grown_texts(earlier.codes, earlier.sizes, vectors_of_texts)
            decoded = read_codes(codes, sizes).decode(np.arange(sizes.n_items))
            by_texts, figures["texts"] = fit_transitions(expert, decoded, scores, valid)
            texts = TextCodes(sizes, codes, by_texts.settings)
    if transitions.settings.weight == 0.0 or (texts is not None and texts.settings.weight == 0.0):
        return None, None, figures
    return transitions, texts, figures


def usual_plan(dataset: Dataset, run: RunFolder) -> CodePlan:
    """Return the default code plan for a student of ``run``.

    Raises:
        RunError: ``run`` is not the run of a full model.
    """
    return CodePlan.for_items(len(dataset.catalogue), full_config(run).encoder.dim)


def chosen_sizes(dataset: Dataset, run: RunFolder, n_bytes: int) -> StudentSizes:
    """Return the sizes of a student of ``run`` whose files for ranking have at most ``n_bytes``.

    Raises:
        RunError: ``run`` is not the run of a full model, or the smallest student is larger.
    """
    config = full_config(run)
    if config.backbone == NO_BACKBONE:
        raise RunError(
            f"{run.path}: a run without a backbone has no encoder to make smaller. Distil it without --ranking-budget; "
            "the target's budget decides how many followers of transitions are exported."
        )
    has_knowledge = "coco" in config.plugins
    return sizes_within(n_bytes, len(dataset.catalogue), config.encoder, has_knowledge=has_knowledge)


def describe_student(
    dataset: Dataset, run: RunFolder, plan: CodePlan, config: DistillConfig, choices: StudentChoices = _DEFAULT
) -> dict[str, Any]:
    """Return the contents of ``run.json``, after checking that the teachers were trained on the same data.

    Raises:
        RunError: a teacher was trained on other data or on a part of it, or its training is not finished; or several
            cannot be averaged; or the student to start from is of other data.
    """
    check_teachers([run, *choices.further], dataset)
    if choices.warm_from is not None and choices.code_gain is None:
        check_same_data(choices.warm_from, dataset)
    return {
        "kind": "student",
        "data_digest": dataset.digest,
        "data_name": dataset.name,
        "teacher": run.about(),
        "plan": asdict(plan) if choices.code_gain is None else None,
        "config": asdict(config),
    } | choices.about()


def check_teachers(runs: Sequence[RunFolder], dataset: Dataset) -> None:
    """Check that finished models of all data are given, which can be averaged if there are several.

    Raises:
        RunError: one was trained on other data or on a part of it, is not finished, or cannot be averaged.
    """
    for each in runs:
        _check_teacher(each, dataset)
    if len(runs) > 1:
        _check_together(runs)


def _check_teacher(run: RunFolder, dataset: Dataset) -> None:
    check_same_data(run, dataset)
    split = run.about().get("split", {}).get("split", "standard")
    if split != "standard":
        raise RunError(
            f"{run.path}: was trained on the split '{split}' of an evaluation suite, which lacks part of the data; "
            "expected a model of all data. Train one with `pocketrec train`."
        )


def _check_together(runs: Sequence[RunFolder]) -> None:
    """Check that models can be averaged: each has a backbone, and all use histories of the same length."""
    configs = [full_config(run) for run in runs]
    for run, config in zip(runs, configs, strict=True):
        if config.backbone == NO_BACKBONE:
            raise RunError(
                f"{run.path}: has no backbone; expected a trained model to average with others. Leave it out."
            )
        if config.encoder.max_length != configs[0].encoder.max_length:
            raise RunError(
                f"{run.path}: uses {config.encoder.max_length} events of a history, expected "
                f"{configs[0].encoder.max_length} as {runs[0].path} does. Average models with the same maximum length."
            )


def check_same_data(run: RunFolder, dataset: Dataset) -> None:
    """Check that a run is finished and was trained on this dataset.

    Raises:
        RunError: the digests differ, or the run is not finished.
    """
    digest = run.about().get("data_digest")
    if digest != dataset.digest:
        raise RunError(
            f"{run.path}: was trained on data with the digest {str(digest)[:12]}…, but {dataset.path} has "
            f"{dataset.digest[:12]}…. Use the folder that it was trained on, or train again."
        )
    if not run.finished:
        raise RunError(f"{run.path}: its training is not finished; repeat its `pocketrec train` command with --resume.")


def _optimizer(student: StudentModel, config: DistillConfig) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        [
            {"params": [student.table.latent], "peak": config.table_rate, "weight_decay": 0.0},
            {"params": student.table.books(), "peak": config.book_rate, "weight_decay": 0.0},
            {"params": list(student.backbone.parameters()), "peak": config.encoder_rate, "weight_decay": 0.01},
            {
                "params": list(student.knowledge.parameters()) if student.knowledge is not None else [],
                "peak": config.encoder_rate,
                "weight_decay": 0.0,
            },
        ]
    )
