"""Recovery: a few epochs of distillation for what was made smaller, starting from the weights that are left.

Unless full models are given, the teacher is the student as it was, with all its codes and all of its encoder, so that
neither the full model nor its features are needed (self-distillation, after Furlanello et al., "Born Again Neural
Networks", ICML 2018).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.backbones.encoder import Events
from train.backbones.sasrec import SASRec
from train.data.sequences import Sequences
from train.data.split import Split
from train.distill.codes import CodedTable
from train.distill.distillation import fit_student
from train.distill.student import Student, knowledge_update
from train.distill.student_model import DistillConfig, StudentModel
from train.distill.teachers import TeacherModel
from train.errors import RunError
from train.loop.fit import batch_users_for
from train.loop.runs import RunFolder
from train.objectives.cross_entropy import AddedScores
from train.plugins.knowledge_distillation import DistilledKnowledge
from train.plugins.plugin import Positions


class StudentAsTeacher(nn.Module):
    """A student with what a distillation needs of its teacher."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self._backbone = whole_encoder(student).eval()
        self._table = torch.from_numpy(student.item_vectors())
        self._knowledge = [torch.from_numpy(student.prompts[name].copy()) for name in ("prompts", "knowledge")]

    def item_vectors(self) -> Tensor:
        """Return the decoded item vectors, ``[n_items, dim]``."""
        return self._table

    def states(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
        """Return the state after each event, knowledge included, ``[batch, length, dim]``."""
        return self.with_knowledge(self._backbone(Events(F.embedding(rows, table), mask, rows)))

    def with_knowledge(self, states: Tensor) -> Tensor:
        """Return states ``[..., dim]`` with the student's knowledge added."""
        return states + knowledge_update(states, *self._knowledge)

    def log_scores_at(self, _positions: Positions) -> AddedScores | None:
        """Return None: transitions are not part of the student that others learn from."""
        return None


def whole_encoder(student: Student) -> SASRec:
    """Return the trained encoder of a student.

    Raises:
        RunError: it has none.
    """
    if student.encoder is None:
        raise RunError(f"{student.path}: has no encoder; expected a student of a model with a backbone.")
    encoder = SASRec(student.config)
    encoder.load_state_dict(student.encoder.state_dict())
    return encoder


def student_knowledge(student: Student) -> DistilledKnowledge | None:
    """Return the knowledge of a student; None if it has no effect."""
    if not student.prompts["knowledge"].any():
        return None
    rows, knowledge = (torch.from_numpy(student.prompts[name].copy()) for name in ("prompts", "knowledge"))
    return DistilledKnowledge(rows, knowledge, 0.0)


def recovering(
    student: Student, encoder: SASRec, table: CodedTable, config: DistillConfig, teacher: TeacherModel | None
) -> StudentModel:
    """Return what is left of a student with its knowledge, which stays as it is; see :func:`train_further`."""
    start = SASRec(encoder.config, dropout=config.dropout)
    start.load_state_dict(encoder.state_dict())
    model = StudentModel(teacher or StudentAsTeacher(student), start, table, student_knowledge(student), config)
    if model.knowledge is not None:
        model.knowledge.requires_grad_(False)
    return model.eval()


def train_further(
    student: Student,
    encoder: SASRec,
    table: CodedTable,
    split: Split,
    config: DistillConfig,
    run: RunFolder,
    teacher: TeacherModel | None = None,
) -> StudentModel:
    """Train an encoder and codes, or resume an interrupted training in ``run``.

    Args:
        student: the student that they are parts of. Its knowledge is used as it is.
        encoder: what is left of its encoder.
        table: what is left of its codes.
        split: training and validation events.
        config: hyperparameters.
        run: receives checkpoint and weights; may be finished.
        teacher: the teacher; the student itself if None.

    Raises:
        RunError: training diverged.
    """
    torch.manual_seed(config.fit.seed)
    model = recovering(student, encoder, table, config, teacher)
    if run.finished:
        model.load_state_dict(run.load_best())
    else:
        fit_student(model, split, config, run)
    return model.eval()


def recovery_config(log: Sequences, *, epochs: int, seed: int) -> DistillConfig:
    """Return the hyperparameters of a recovery: those of a student that starts from another, which has lower rates."""
    batch, n_events = batch_users_for(len(log)), int(log.lengths.sum())
    return DistillConfig.of(seed=seed, batch_users=batch, n_events=n_events, warm=True, epochs=epochs)
