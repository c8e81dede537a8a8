"""Recovery: a few epochs for what was made smaller, with the whole student as its teacher.

The teacher is the student as it was distilled, with all its codes and blocks, so neither the full model nor its
features are needed (self-distillation, after Furlanello et al., "Born Again Neural Networks", ICML 2018).
"""

from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from export.fitting.material import Made, Material, Table
from export.fitting.points import Point
from export.quantize import quantize_encoder
from train.backbones.encoder import Events
from train.backbones.sasrec import SASRec
from train.data.dataset import Dataset
from train.data.split import Split
from train.distill.codes import CodedTable
from train.distill.distillation import fit_student
from train.distill.student import DeviceEncoder, Student, knowledge_update
from train.distill.student_model import DistillConfig, StudentModel
from train.loop.fit import batch_users_for
from train.loop.runs import RunFolder
from train.objectives.cross_entropy import AddedScores
from train.plugins.knowledge_distillation import DistilledKnowledge
from train.plugins.plugin import Positions


class StudentAsTeacher(nn.Module):
    """A student with what a distillation needs of its teacher."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        if student.encoder is None:
            raise ValueError("expected a student with an encoder")
        self._backbone = SASRec(student.config).eval()
        self._backbone.load_state_dict(student.encoder.state_dict())
        self._table = torch.from_numpy(student.item_vectors())
        self._knowledge = [torch.from_numpy(student.prompts[name].copy()) for name in ("prompts", "knowledge")]

    def item_vectors(self) -> Tensor:
        """Return the decoded item vectors, ``[n_items, dim]``."""
        return self._table

    def states(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
        """Return the state after each event, knowledge included, ``[batch, length, dim]``."""
        states: Tensor = self._backbone(Events(F.embedding(rows, table), mask, rows))
        return states + knowledge_update(states, *self._knowledge)

    def log_scores_at(self, _positions: Positions) -> AddedScores | None:
        """Return None: transitions are not part of the student that others learn from."""
        return None


def recover(
    material: Material, point: Point, split: Split, dataset: Dataset, folder: Path, *, epochs: int, seed: int
) -> None:
    """Train encoder and codes of a point, or resume an interrupted training, and let ``material`` use the result.

    Args:
        material: the parts of the student, which is the teacher.
        point: the point; its transitions are not changed.
        split: training and validation events.
        dataset: their data.
        folder: receives checkpoint and weights.
        epochs: number of epochs.
        seed: random seed.

    Raises:
        RunError: the folder has a training of other settings, or training diverged.
    """
    if material.is_recovered(point):
        return
    student, made = material.student, material.made(point)
    n_events = int(dataset.sequences.lengths.sum())
    config = DistillConfig.of(
        seed=seed, batch_users=batch_users_for(len(dataset.sequences)), n_events=n_events, epochs=epochs
    )
    run = RunFolder(folder)
    kept = {"n_blocks": point.n_blocks, "plan": None if point.plan is None else asdict(point.plan)}
    about = {"kind": "recovery", "data_digest": dataset.digest, "student": student.about, "kept": kept}
    finished = run.claim(about | {"epochs": epochs, "seed": seed}, resume=True)
    encoder = SASRec(made.encoder.config, dropout=config.dropout)
    encoder.load_state_dict(made.encoder.state_dict())
    torch.manual_seed(seed)
    table = CodedTable.of_arrays(made.table.arrays, made.table.sizes)
    model = StudentModel(StudentAsTeacher(student), encoder, table, _knowledge(material), config)
    if model.knowledge is not None:
        model.knowledge.requires_grad_(False)  # it is not part of what a point changes
    if finished:
        model.load_state_dict(run.load_best())
    else:
        fitted = fit_student(model, split, config, run)
        run.finish({"valid_ndcg@10": fitted.best, "log": fitted.log})
    device = DeviceEncoder(model.backbone.config)
    device.load_state_dict(model.backbone.state_dict())
    material.set_recovered(point, Made(quantize_encoder(device.eval()).encoder, Table.of(model.table)))


def _knowledge(material: Material) -> DistilledKnowledge | None:
    """Return the knowledge of the student; None if it has no effect."""
    if material.plain:
        return None
    prompts = material.student.prompts
    rows, knowledge = (torch.from_numpy(prompts[name].copy()) for name in ("prompts", "knowledge"))
    return DistilledKnowledge(rows, knowledge, 0.0)
