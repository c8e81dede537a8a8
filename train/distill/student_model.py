"""The student during training: an encoder over a coded item table, with its teacher."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.backbones.encoder import look_up_events
from train.backbones.sasrec import SASRec
from train.distill.codes import CodedTable
from train.distill.student import knowledge_update
from train.distill.teachers import TeacherModel
from train.full_model.model import training_positions
from train.loop.batches import Batch
from train.loop.fit import FitConfig
from train.objectives.cross_entropy import AddedScores, Teacher, fast_product_dtype, full_cross_entropy
from train.plugins.knowledge_distillation import DistilledKnowledge

# Number of events below which a log is short, and the teacher weight for short logs. See DistillConfig.
_SHORT_LOG = 50_000
_SHORT_LOG_TEACHER_WEIGHT = 0.8
# Epochs, and learning rates relative to the usual ones, of a student that starts from an earlier student.
_WARM_EPOCHS = 4
_WARM_RATE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillConfig:
    """Hyperparameters of a distillation.

    Attributes:
        reassign_every: number of steps between two reassignments of all codes.
        teacher_weight: weight of the teacher's distribution in the target; the true next item has the rest. The student
            overfits the true items of short logs, for which :meth:`of` sets a higher weight; see ADR 0015.
        commitment: weight of the commitment loss.
        table_rate: initial learning rate of latents; it falls linearly to nearly 0, which improves NDCG@10 on Beauty by
            3 %.
        book_rate: the same for codebooks and centres. It is low because a codeword is part of thousands of items; items
            are learned in their latents.
        encoder_rate: the same for the encoder and its knowledge. It is high because the student has to learn the effect
            of the teacher's plug-ins: on Beauty, with ``llmrec``, it reached 0.97 of the teacher's NDCG@10, and 0.955
            with half the rate.
        plain_share: share of users in a batch that are encoded without knowledge, if the teacher has some, because
            devices omit it for users that it does not help.
    """

    fit: FitConfig = field(default_factory=lambda: FitConfig(max_epochs=18, patience=18))
    reassign_every: int = 8
    teacher_weight: float = 0.5
    commitment: float = 1.0
    dropout: float = 0.1
    table_rate: float = 2e-3
    book_rate: float = 2e-4
    encoder_rate: float = 2e-3
    plain_share: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 <= self.teacher_weight <= 1.0:
            raise ValueError(f"teacher_weight must be in [0, 1], got {self.teacher_weight}")
        if self.reassign_every < 1:
            raise ValueError(f"reassign_every must be at least 1, got {self.reassign_every}")
        if not 0.0 <= self.plain_share <= 1.0:
            raise ValueError(f"plain_share must be in [0, 1], got {self.plain_share}")

    @classmethod
    def of(cls, *, seed: int, batch_users: int, n_events: int, warm: bool = False, epochs: int | None = None) -> Self:
        """Return the default hyperparameters.

        Args:
            seed: random seed.
            batch_users: batch size.
            n_events: number of events of the log.
            warm: whether the student starts from an earlier one, so that a few epochs at half the rate are enough.
            epochs: number of epochs; the default if None.
        """
        default = cls(teacher_weight=_SHORT_LOG_TEACHER_WEIGHT) if n_events < _SHORT_LOG else cls()
        if warm:
            rates = {name: _WARM_RATE * getattr(default, name) for name in ("table_rate", "book_rate", "encoder_rate")}
            default = replace(default, **rates, fit=replace(default.fit, max_epochs=_WARM_EPOCHS))
        n_epochs = epochs or default.fit.max_epochs
        fit = replace(default.fit, seed=seed, batch_users=batch_users, max_epochs=n_epochs, patience=n_epochs)
        return replace(default, fit=fit)


class StudentModel(nn.Module):
    """A SASRec over a coded item table, and the teacher it is trained with."""

    def __init__(
        self,
        teacher: TeacherModel,
        encoder: SASRec,
        table: CodedTable,
        knowledge: DistilledKnowledge | None,
        config: DistillConfig,
    ) -> None:
        super().__init__()
        self.backbone = encoder
        self.max_length = encoder.config.max_length
        self.table = table
        self.knowledge = None if knowledge is None else Knowledge(knowledge)
        self._config = config
        with torch.no_grad():
            teacher.requires_grad_(False)
            teacher.eval()
            teacher_table = teacher.item_vectors()
        # In a tuple, so that the teacher is not registered as a submodule.
        self._teacher = (teacher, teacher_table)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the cross-entropy with true next items and the teacher's distribution, and the commitment loss."""
        teacher, teacher_table = self._teacher
        table = self.table()
        has_target = [group.targets >= 0 for group in batch]
        states = [
            self._with_knowledge(self.backbone(look_up_events(group, partial(F.embedding, weight=table))))
            for group in batch
        ]
        with torch.no_grad():
            teacher_states = [teacher.states(group.rows, group.mask, teacher_table) for group in batch]
        loss = full_cross_entropy(
            _select(states, has_target),
            table,
            _select([group.targets for group in batch], has_target),
            teacher=Teacher(
                _select(teacher_states, has_target), teacher_table, self._config.teacher_weight, self._added(batch)
            ),
            product_dtype=fast_product_dtype(table.device),
        )
        return {"next": loss, "commitment": self._config.commitment * self.table.commitment(table)}

    def _added(self, batch: Batch) -> AddedScores | None:
        """Return the log-scores that the teacher's plug-ins add at the positions with a target."""
        teacher, _ = self._teacher
        return teacher.log_scores_at(training_positions(batch))

    def item_vectors(self) -> Tensor:
        """Return the item table as a device decodes it, ``[n_items, dim]``."""
        return self.table.decoded()

    def scores(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
        """Return the scores of all items after the newest event, ``[batch, n_items]``; with knowledge."""
        return self.both_states(rows, mask, table)[1] @ table.T

    def both_states(self, rows: Tensor, mask: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
        """Return the state after the newest event without knowledge and with it, both ``[batch, dim]``."""
        states = self.backbone.user_state(F.embedding(rows, table), mask)
        return states, states if self.knowledge is None else states + self.knowledge(states)

    def _with_knowledge(self, states: Tensor) -> Tensor:
        """Add knowledge to the states, ``[batch, length, dim]``, except for a random share of the users."""
        if self.knowledge is None:
            return states
        uses_knowledge = torch.rand(len(states), 1, 1, device=states.device) >= self._config.plain_share
        added: Tensor = self.knowledge(states)
        return states + uses_knowledge * added


class Knowledge(nn.Module):
    """The knowledge that a student adds to its states, as in the bundle format."""

    def __init__(self, start: DistilledKnowledge) -> None:
        super().__init__()
        self.prompts = nn.Parameter(start.prompts.clone())
        self.rows = nn.Parameter(start.knowledge.clone())

    def forward(self, states: Tensor) -> Tensor:
        """Return the values to add to states ``[..., dim]``."""
        added: Tensor = knowledge_update(states, self.prompts, self.rows)
        return added


def _select(values: Sequence[Tensor], masks: Sequence[Tensor]) -> Tensor:
    """Return the values at masked positions, concatenated over all groups."""
    return torch.cat([value[mask] for value, mask in zip(values, masks, strict=True)])
