"""From a student to a smaller one: prunes its encoder, trains what is left further, and writes it as a student."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from time import perf_counter
from typing import Any

import numpy as np
import torch

from edge_runtime.bundle.arrays import dump_arrays, load_arrays
from edge_runtime.bundle.folder import read_file
from train.data.dataset import Dataset
from train.data.kept_rows import ITEMS_FILE
from train.data.split import Split, Targets, leave_one_out
from train.distill.codes import CodedTable
from train.distill.distillation import check_teachers
from train.distill.importance import Sequences
from train.distill.pruning import Candidate, Cuts, check_cuts, choose, sample_histories
from train.distill.recovery import StudentAsTeacher, recovering, train_further, whole_encoder
from train.distill.sizes import encoder_bytes
from train.distill.structure import cut
from train.distill.student import STUDENT_FILE, TEXTS_FILE, TRANSITIONS_FILE, Student, load_student, ranking_model
from train.distill.student_model import DistillConfig, StudentModel
from train.distill.teachers import as_teacher
from train.errors import RunError
from train.full_model.training import load_model
from train.loop.runs import RunFolder, replace_tensors, write_json
from train.metrics.ranker import rank_split
from train.metrics.ranking import Ranked, ndcg, summary

_CODES = "codes.safetensors"
# The catalogue's name, which an export of the student saved there: devices refuse a release of another name.
_NAME_FILE = "catalogue.json"


def describe_pruning(
    dataset: Dataset, student: Student, cuts: Cuts, config: DistillConfig | None, teachers: Sequence[RunFolder]
) -> dict[str, Any]:
    """Return the contents of ``run.json``, after checking that student and teachers are of the same data.

    Args:
        dataset: the data.
        student: the student to prune.
        cuts: what to keep.
        config: hyperparameters of the recovery; None for none.
        teachers: full models to learn from; the student itself if empty.

    Raises:
        RunError: the student has no encoder or not what shall be kept, or one of them is of other data or not finished.
    """
    whole_encoder(student)
    check_cuts(student.config, cuts)
    if student.about.get("data_digest") != dataset.digest:
        raise RunError(
            f"{student.path}: was distilled on data with the digest {str(student.about.get('data_digest'))[:12]}…, but "
            f"{dataset.path} has {dataset.digest[:12]}…. Give the folder that it was distilled on."
        )
    check_teachers(teachers, dataset)
    return {
        "kind": "student",
        "data_digest": dataset.digest,
        "data_name": dataset.name,
        "pruned_from": {name: value for name, value in student.about.items() if name != "figures"},
        "teachers": [run.about() for run in teachers],
        "cuts": asdict(cuts),
        "config": None if config is None else asdict(config),
    }


def prune_student(
    dataset: Dataset,
    student: Student,
    cuts: Cuts,
    config: DistillConfig | None,
    teachers: Sequence[RunFolder],
    out: RunFolder,
    *,
    seed: int,
) -> dict[str, Any]:
    """Prune a student into ``out``, or resume its interrupted recovery; return the metrics.

    Arguments as for :func:`describe_pruning`.

    Raises:
        RunError: nothing of the encoder fits, or training diverged.
    """
    started = perf_counter()
    split = leave_one_out(dataset.sequences)
    chosen = choose_parts(student, split, cuts, seed)
    encoder = cut(whole_encoder(student), chosen.kept)
    table = student_table(student)
    if config is None:
        model = recovering(student, encoder, table, DistillConfig(), None)
    else:
        teacher = as_teacher([load_model(each, dataset) for each in teachers]) if teachers else None
        model = train_further(student, encoder, table, split, config, out, teacher)
        model.table.snap()
    before = rank_split(ranking_model(student), split.test)
    at_once = rank_split(recovering(student, encoder, student_table(student), DistillConfig(), None), split.test)
    after = rank_split(model, split.test)
    whole_bytes = encoder_bytes(student.config)
    figures = {
        "kept": [{"block": one.index, "heads": one.heads, "n_channels": len(one.channels)} for one in chosen.kept],
        "encoder_bytes": {"before": whole_bytes, "after": chosen.n_bytes},
        "divergence": chosen.divergence,
        "before": summary(before),
        "without_recovery": summary(at_once),
        "student": summary(after),
        "change": _change(before, after),
    }
    _write(out, student, model, figures, split.test, has_new_codes=config is not None)
    figures["seconds"] = round(perf_counter() - started, 1)
    out.finish(figures)
    return figures


def choose_parts(student: Student, split: Split, cuts: Cuts, seed: int) -> Candidate:
    """Return what to keep of a student's encoder, by the training histories of a sample of users."""
    encoder, vectors = whole_encoder(student), torch.from_numpy(student.item_vectors())
    histories = sample_histories(split.train, len(vectors), seed)
    sequences = Sequences(encoder, vectors, histories, StudentAsTeacher(student).with_knowledge)
    return choose(encoder, sequences, cuts, seed)


def student_table(student: Student) -> CodedTable:
    """Return the item table of a student, to be trained further."""
    return CodedTable.of_arrays(load_arrays(read_file(student.path / _CODES), _CODES), student.sizes)


def _change(before: Ranked, after: Ranked) -> dict[str, float]:
    """Return the change of NDCG@10, absolute and relative, with its standard error over the users as pairs."""
    first, second = (ndcg(each.excluded, 10) for each in (before, after))
    difference, base = second - first, float(first.mean())
    error = float(difference.std(ddof=1) / np.sqrt(len(difference))) if len(difference) > 1 else 0.0
    mean = float(difference.mean())
    return {"ndcg@10": mean, "relative": mean / base if base else 0.0, "standard_error": error}


def _write(
    out: RunFolder,
    student: Student,
    model: StudentModel,
    figures: dict[str, Any],
    test: Targets,
    *,
    has_new_codes: bool,
) -> None:
    """Write the student; ``student.json`` is last. Prompts, adapter and transitions are those of the whole one."""
    path, backbone = out.path, model.backbone
    for name in (
        _CODES,
        "prompts.safetensors",
        "adapter.safetensors",
        TRANSITIONS_FILE,
        TEXTS_FILE,
        ITEMS_FILE,
        _NAME_FILE,
    ):
        if (student.path / name).is_file():
            shutil.copyfile(student.path / name, path / name)
    if has_new_codes:
        (path / _CODES).write_bytes(dump_arrays(model.table.arrays()))
    replace_tensors(path / "encoder.safetensors", backbone.state_dict(), {})
    config = backbone.config
    known = student.about.get("figures", {})
    of_teacher = {"teacher": known["teacher"]} if "teacher" in known else {}
    about = student.about | {
        "encoder": asdict(config) | {"input_scale": config.input_scale},
        "figures": of_teacher | figures,
    }
    write_json(path / STUDENT_FILE, about)
    pruned = load_student(path)
    if pruned.transitions is not None:
        for use in ("codes", "texts") if pruned.texts is not None else ("codes",):
            ranked = rank_split(ranking_model(pruned, transitions=use), test)
            about["figures"][f"student_with_transitions_and_{use}"] = summary(ranked)
        write_json(path / STUDENT_FILE, about)
