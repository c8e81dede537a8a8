"""Distils the full model into a student for devices, with a similar ranking in a fraction of the bytes.

The student is initialized from the teacher, and its item table is replaced by product codes. Both are trained together
on the true next item and the teacher's distribution over all items. Codes are updated until the end of training.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import dump_arrays
from train.data.dataset import Dataset
from train.data.split import leave_one_out
from train.distill.codes import CodedTable, CodePlan, item_counts
from train.distill.student import ADAPTER_RANK, N_PROMPTS, STUDENT_FILE
from train.distill.student_metrics import compare
from train.distill.student_model import DistillConfig, Knowledge, StudentModel
from train.distill.teacher_knowledge import teacher_knowledge
from train.errors import RunError
from train.full_model.training import full_config, load_model
from train.loop.batches import TrainingSequences
from train.loop.fit import fit
from train.loop.runs import RunFolder, replace_tensors, write_json
from train.metrics.ranker import validation_score

# Final learning rate, as a share of the initial one.
_LAST_RATE = 0.02
_ADVICE = (
    "Distil in another --out with another --seed; if that does not help, train the teacher again with a "
    "lower --learning-rate."
)


def distill_model(
    dataset: Dataset, run: RunFolder, plan: CodePlan, config: DistillConfig, out: RunFolder
) -> dict[str, Any]:
    """Distil the model of ``run`` into ``out``, or resume an interrupted distillation; return the metrics.

    Raises:
        RunError: there is no model in ``run``, or training diverged.
    """
    teacher = load_model(run, dataset)
    split = leave_one_out(dataset.sequences)
    counts = item_counts(list(split.train), len(dataset.catalogue))
    seed = config.fit.seed
    torch.manual_seed(seed)
    table = CodedTable(teacher.item_vectors().cpu(), plan, plan.tiers_of(counts), seed)
    student = StudentModel(teacher, table, teacher_knowledge(teacher, split, seed), config)

    sequences = TrainingSequences(list(split.train), teacher.max_length)
    n_steps = config.fit.max_epochs * -(-len(sequences) // config.fit.batch_users)
    optimizer = _optimizer(student, config)

    def before_step(step: int) -> None:
        if step % config.reassign_every == 0:
            student.table.reassign()
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * max(1.0 - step / n_steps, _LAST_RATE)

    fitted = fit(
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
    _snap_codebooks(student.table)
    figures = compare(teacher, student, split.test) | {
        "best_epoch": fitted.best_epoch,
        "seconds": round(fitted.seconds, 1),
    }
    _write_student(out.path, student, dataset, figures, seed)
    out.finish(figures | {"log": fitted.log})
    return figures


def usual_plan(dataset: Dataset, run: RunFolder) -> CodePlan:
    """Return the default code plan for a student of ``run``.

    Raises:
        RunError: ``run`` is not the run of a full model.
    """
    return CodePlan.for_items(len(dataset.catalogue), full_config(run).encoder.dim)


def describe_student(dataset: Dataset, run: RunFolder, plan: CodePlan, config: DistillConfig) -> dict[str, Any]:
    """Return the contents of ``run.json``, after checking that the teacher was trained on the same data.

    Raises:
        RunError: the teacher was trained on other data or on a part of it, or its training is not finished.
    """
    check_same_data(run, dataset)
    split = run.about().get("split", {}).get("split", "standard")
    if split != "standard":
        raise RunError(
            f"{run.path}: was trained on the split '{split}' of an evaluation suite, which lacks part of the data; "
            "expected a model of all data. Train one with `pocketrec train`."
        )
    return {
        "kind": "student",
        "data_digest": dataset.digest,
        "data_name": dataset.name,
        "teacher": run.about(),
        "plan": asdict(plan),
        "config": asdict(config),
    }


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
        raise RunError(
            f"{run.path}: its training is not finished; resume it with `pocketrec train --out {run.path} --resume`."
        )


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


@torch.no_grad()
def _snap_codebooks(table: CodedTable) -> None:
    """Round the codebooks to their int8 grid, so that metrics are those of the exported student."""
    arrays = table.arrays()
    for tier, book in enumerate(table.codebooks):
        grid = arrays[f"codebook.{tier}"].astype(np.float32) * arrays[f"scale.{tier}"][:, None, None]
        book.copy_(torch.from_numpy(grid))


def _write_student(path: Path, student: StudentModel, dataset: Dataset, figures: dict[str, Any], seed: int) -> None:
    """Write the files of a student; ``student.json`` is last, so that its presence means that all are complete."""
    config = student.backbone.config
    random = np.random.default_rng(seed)
    dim = config.dim
    small = {
        "prompts": _prompts(student.knowledge, dim, random),
        # With B = 0 the adapter has no effect until it is trained.
        "adapter": {
            "a": random.normal(scale=dim**-0.5, size=(dim, ADAPTER_RANK)).astype(np.float32),
            "b": np.zeros((ADAPTER_RANK, dim), dtype=np.float32),
        },
        "codes": student.table.arrays(),
    }
    for name, arrays in small.items():
        (path / f"{name}.safetensors").write_bytes(dump_arrays(arrays))
    replace_tensors(path / "encoder.safetensors", student.backbone.state_dict(), {})
    about = {
        "encoder": asdict(config) | {"input_scale": config.input_scale},
        "catalogue": msgspec.to_builtins(student.table.catalogue()),
        "seed": seed,
        "data_digest": dataset.digest,
        "data_name": dataset.name,
        "figures": figures,
    }
    write_json(path / STUDENT_FILE, about)


def _prompts(knowledge: Knowledge | None, dim: int, random: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """Return the prompts of the bundle; without knowledge, some that have no effect until an update sets them."""
    if knowledge is None:
        prompts = random.normal(size=(N_PROMPTS, dim)).astype(np.float32)
        return {"prompts": prompts, "knowledge": np.zeros_like(prompts)}
    return {
        name: part.detach().cpu().numpy()
        for name, part in zip(("prompts", "knowledge"), knowledge.parameters(), strict=True)
    }
