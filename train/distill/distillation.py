"""From the full model to the student that a device runs: the same ranking in a fraction of the bytes.

The student starts from the teacher, its item table becomes product codes, and both are trained together on the true
next item and the teacher's whole distribution. Codes move to the end, ever less as the learning rate falls.
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
from train.distill.student_figures import compare
from train.distill.student_model import DistillConfig, Knowledge, StudentModel
from train.distill.teacher_knowledge import teacher_knowledge
from train.errors import RunError
from train.full_model.training import full_config, load_model
from train.loop.batches import TrainingSequences
from train.loop.fit import fit
from train.loop.runs import RunFolder, replace_tensors, write_json
from train.metrics.ranker import validation_score

# The least share of the first learning rate: nothing is learnt at 0.
_LAST_RATE = 0.02
_ADVICE = (
    "Distil in another --out with another --seed; if that does not help, the teacher is at the edge itself: train it "
    "again with a lower --learning-rate."
)


def distill_model(
    dataset: Dataset, run: RunFolder, plan: CodePlan, config: DistillConfig, out: RunFolder
) -> dict[str, Any]:
    """Distil the model of ``run`` into ``out``, or finish a distillation that was cut off; return the figures.

    Raises:
        RunError: there is no model in ``run``, or the numbers of the distillation are no longer finite.
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
    """Return how many codes the items of ``run``'s student get where nothing else is asked for.

    Raises:
        RunError: ``run`` is not a full model's.
    """
    return CodePlan.for_items(len(dataset.catalogue), full_config(run).encoder.dim)


def describe_student(dataset: Dataset, run: RunFolder, plan: CodePlan, config: DistillConfig) -> dict[str, Any]:
    """Return what ``run.json`` says, after checking that the teacher was trained on this very data.

    Raises:
        RunError: the teacher saw other data, or a part of it only, or is not finished.
    """
    check_same_data(run, dataset)
    split = run.about().get("split", {}).get("split", "standard")
    if split != "standard":
        raise RunError(
            f"{run.path}: was trained on the split '{split}' of an evaluation suite, which lacks a part of the data; "
            "expected a model of everything. Train one with `pocketrec train`."
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
    """Refuse a run that was made from other data.

    Raises:
        RunError: digests differ, or the run is not finished.
    """
    found = run.about().get("data_digest")
    if found != dataset.digest:
        raise RunError(
            f"{run.path}: was trained on data with the digest {str(found)[:12]}…, but {dataset.path} has "
            f"{dataset.digest[:12]}…. Give the folder that it was trained on, or train again."
        )
    if not run.finished:
        raise RunError(
            f"{run.path}: its training is not finished; go on with `pocketrec train --out {run.path} --resume`."
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
    """Put the codebooks on their int8 grid, so that what is measured is what ships."""
    arrays = table.arrays()
    for tier, book in enumerate(table.codebooks):
        grid = arrays[f"codebook.{tier}"].astype(np.float32) * arrays[f"scale.{tier}"][:, None, None]
        book.copy_(torch.from_numpy(grid))


def _write_student(path: Path, student: StudentModel, dataset: Dataset, figures: dict[str, Any], seed: int) -> None:
    """Write the files of a student, of which ``student.json``, written last, makes the others valid."""
    config = student.backbone.config
    random = np.random.default_rng(seed)
    dim = config.dim
    small = {
        "prompts": _prompts(student.knowledge, dim, random),
        # A zero B changes nothing until adapters are trained.
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
    """Return the bundle's prompts; without knowledge some that change nothing, for later updates to fill."""
    if knowledge is None:
        prompts = random.normal(size=(N_PROMPTS, dim)).astype(np.float32)
        return {"prompts": prompts, "knowledge": np.zeros_like(prompts)}
    return {
        name: part.detach().cpu().numpy()
        for name, part in zip(("prompts", "knowledge"), knowledge.parameters(), strict=True)
    }
