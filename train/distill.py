"""From the full model to the student that a device runs: the same ranking in a fraction of the bytes.

The student starts from the teacher, its item table becomes product codes, and both are trained together on half the
true next item, half the teacher's whole distribution. Codes move for most epochs, then stand still while the rest
settles.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edge_runtime.bundle.arrays import dump_arrays
from edge_runtime.errors import RunError
from train.backbones.encoder import look_up_events
from train.backbones.sasrec import SASRec
from train.batches import Batch, TrainingSequences
from train.codes import CodedTable, CodePlan, item_counts
from train.data.dataset import Dataset
from train.data.split import leave_one_out
from train.evaluation.ranking import summary
from train.fit import FitConfig, fit
from train.model import Model
from train.next_item import load_model
from train.objectives.cross_entropy import Teacher, fast_product_dtype, full_cross_entropy
from train.ranker import rank_split, validation_score
from train.runs import RunFolder, replace_tensors, write_json
from train.student import ADAPTER_RANK, N_PROMPTS, STUDENT_FILE

# The least share of the first learning rate: nothing is learnt at 0.
_LAST_RATE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillConfig:
    """One distillation.

    Attributes:
        moving_epochs: epochs in which codes are re-assigned; the rest has them fixed.
        reassign_every: steps between two re-assignments.
        teacher_weight: share of the teacher in the target, the true next item has the rest.
        commitment: weight of the pull of latents to their codewords.
        table_rate: learning rate of latents and codebooks at the first step; it falls in a line to nearly nothing,
            which is worth 3 % of NDCG@10 on Beauty.
        encoder_rate: the same for the encoder.
    """

    fit: FitConfig = field(default_factory=lambda: FitConfig(max_epochs=10, patience=10))
    moving_epochs: int = 7
    reassign_every: int = 8
    teacher_weight: float = 0.5
    commitment: float = 1.0
    dropout: float = 0.1
    table_rate: float = 1e-3
    encoder_rate: float = 3e-4

    def __post_init__(self) -> None:
        if not 0.0 <= self.teacher_weight <= 1.0:
            raise ValueError(f"teacher_weight must be in [0, 1], got {self.teacher_weight}")
        if self.reassign_every < 1:
            raise ValueError(f"reassign_every must be at least 1, got {self.reassign_every}")


class StudentModel(nn.Module):
    """A SASRec over a coded item table, with the teacher, whatever it is, at its side while it learns."""

    def __init__(self, teacher: Model, table: CodedTable, config: DistillConfig) -> None:
        super().__init__()
        encoder = teacher.backbone.config
        self.backbone = SASRec(encoder, dropout=config.dropout)
        if isinstance(teacher.backbone, SASRec):
            self.backbone.load_state_dict(teacher.backbone.state_dict())
        self.max_length = encoder.max_length
        self.table = table
        self._config = config
        with torch.no_grad():
            teacher_table = teacher.requires_grad_(False).eval().item_vectors()
        # In a tuple, so that the teacher is no part of this module's parameters.
        self._teacher = (teacher, teacher_table)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return half cross-entropy, half divergence from the teacher, and the commitment."""
        teacher, teacher_table = self._teacher
        table = self.table()
        known = [group.targets >= 0 for group in batch]
        states = [self.backbone(look_up_events(group, partial(F.embedding, weight=table))) for group in batch]
        with torch.no_grad():
            wise = [teacher.states(group.rows, group.mask, teacher_table) for group in batch]
        loss = full_cross_entropy(
            _asked(states, known),
            table,
            _asked([group.targets for group in batch], known),
            teacher=Teacher(_asked(wise, known), teacher_table, self._config.teacher_weight),
            product_dtype=fast_product_dtype(table.device),
        )
        return {"next": loss, "commitment": self._config.commitment * self.table.commitment(table)}

    def item_vectors(self) -> Tensor:
        """Return the item table as a device decodes it, ``[n_items, dim]``."""
        return self.table.decoded()

    def user_states(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
        """Return the state after the newest event, ``[batch, dim]``."""
        return self.backbone.user_state(F.embedding(rows, table), mask)


def _asked(values: Sequence[Tensor], known: Sequence[Tensor]) -> Tensor:
    """Return what stands where something is to be foretold, over all groups."""
    return torch.cat([value[asked] for value, asked in zip(values, known, strict=True)])


def distill_model(
    dataset: Dataset, run: RunFolder, plan: CodePlan, config: DistillConfig, out: RunFolder
) -> dict[str, Any]:
    """Distil the model of ``run`` into ``out``, or finish a distillation that was cut off; return the figures."""
    teacher = load_model(run, dataset)
    split = leave_one_out(dataset.sequences)
    counts = item_counts(list(split.train), len(dataset.catalogue))
    seed = config.fit.seed
    torch.manual_seed(seed)
    student = StudentModel(
        teacher, CodedTable(teacher.eval().item_vectors(), plan, plan.tiers_of(counts), seed), config
    )

    sequences = TrainingSequences(list(split.train), teacher.max_length)
    n_steps = config.fit.max_epochs * -(-len(sequences) // config.fit.batch_users)
    optimizer = _optimizer(student, config)

    def before_step(epoch: int, step: int) -> None:
        if epoch < config.moving_epochs and step % config.reassign_every == 0:
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
        before_step=before_step,
    )
    _snap_codebooks(student.table)
    figures = _compare(teacher, student, dataset) | {
        "best_epoch": fitted.best_epoch,
        "seconds": round(fitted.seconds, 1),
    }
    _write_student(out.path, student, dataset, figures, seed)
    out.finish(figures | {"log": fitted.log})
    return figures


def describe_student(dataset: Dataset, run: RunFolder, plan: CodePlan, config: DistillConfig) -> dict[str, Any]:
    """Return what ``run.json`` says, after checking that the teacher was trained on this very data.

    Raises:
        RunError: the teacher saw other data, or is not finished.
    """
    check_same_data(run, dataset)
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
            {"params": list(student.table.parameters()), "peak": config.table_rate, "weight_decay": 0.0},
            {"params": list(student.backbone.parameters()), "peak": config.encoder_rate, "weight_decay": 0.01},
        ]
    )


@torch.no_grad()
def _snap_codebooks(table: CodedTable) -> None:
    """Put the codebooks on their int8 grid, so that what is measured is what ships."""
    arrays = table.arrays()
    for tier, book in enumerate(table.codebooks):
        grid = arrays[f"codebook.{tier}"].astype(np.float32) * arrays[f"scale.{tier}"][:, None, None]
        book.copy_(torch.from_numpy(grid))


def _compare(teacher: Model, student: StudentModel, dataset: Dataset) -> dict[str, Any]:
    """Return the test figures of both, and the ratio that the student is judged by."""
    targets = leave_one_out(dataset.sequences).test
    figures = {
        name: summary(rank_split(model, targets)) for name, model in (("teacher", teacher), ("student", student))
    }
    ours, theirs = (figures[name]["history_excluded"]["ndcg@10"] for name in ("student", "teacher"))
    return figures | {"ndcg@10_ratio": ours / theirs if theirs else 0.0}


def _write_student(path: Path, student: StudentModel, dataset: Dataset, figures: dict[str, Any], seed: int) -> None:
    """Write the files that ``train.student.load_student`` reads; ``student.json`` last, which makes them valid."""
    config = student.backbone.config
    random = np.random.default_rng(seed)
    dim = config.dim
    small = {
        # Zero knowledge and a zero B change nothing until prompts and adapters are trained.
        "prompts": {
            "prompts": random.normal(size=(N_PROMPTS, dim)).astype(np.float32),
            "knowledge": np.zeros((N_PROMPTS, dim), dtype=np.float32),
        },
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
