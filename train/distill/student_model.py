"""The student while it learns: a small encoder over a coded item table, with the teacher at its side."""

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
from train.distill.student import known
from train.full_model.model import Model
from train.loop.batches import Batch
from train.loop.fit import FitConfig
from train.objectives.cross_entropy import Teacher, fast_product_dtype, full_cross_entropy
from train.plugins.knowledge_distillation import DistilledKnowledge

# Events; and the teacher's share in the target of a student who learns from fewer. See DistillConfig.
_SHORT_LOG = 50_000
_WEIGHT_OF_SHORT_LOGS = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillConfig:
    """One distillation.

    Attributes:
        reassign_every: steps between two re-assignments of all codes, to the end of the distillation.
        teacher_weight: share of the teacher in the target, the true next item has the rest. Of a short log the true
            items are learnt by heart, and :meth:`of` gives the teacher more; see ADR 0015.
        commitment: weight of the pull of latents to their codewords.
        table_rate: learning rate of latents at the first step; it falls in a line to nearly nothing, which is worth
            3 % of NDCG@10 on Beauty.
        book_rate: the same for codebooks and centres. It is low because a codeword means something in every part of
            thousands of items: what items learn is in their latents, and the codebook only has to lie well among them.
        encoder_rate: the same for the encoder and its knowledge. It is high because the student has to learn what
            plug-ins add to a teacher's states: on Beauty, for a teacher with ``llmrec``, 0.97 of its NDCG@10 where
            half the rate gave 0.955.
        plain_share: share of the users of a step who are encoded without knowledge, where the teacher has some: a
            device leaves it out for those whom it does not help.
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
    def of(cls, *, seed: int, batch_users: int, n_events: int) -> Self:
        """Return the usual distillation from a log of so many events, with that seed and batch."""
        usual = cls(teacher_weight=_WEIGHT_OF_SHORT_LOGS) if n_events < _SHORT_LOG else cls()
        return replace(usual, fit=replace(usual.fit, seed=seed, batch_users=batch_users))


class StudentModel(nn.Module):
    """A SASRec over a coded item table, with the teacher, whatever it is, at its side while it learns."""

    def __init__(
        self, teacher: Model, table: CodedTable, knowledge: DistilledKnowledge | None, config: DistillConfig
    ) -> None:
        super().__init__()
        encoder = teacher.backbone.config
        self.backbone = SASRec(encoder, dropout=config.dropout)
        if isinstance(teacher.backbone, SASRec):
            self.backbone.load_state_dict(teacher.backbone.state_dict())
        self.max_length = encoder.max_length
        self.table = table
        self.knowledge = None if knowledge is None else Knowledge(knowledge)
        self._config = config
        with torch.no_grad():
            teacher_table = teacher.requires_grad_(False).eval().item_vectors()
        # In a tuple, so that the teacher is no part of this module's parameters.
        self._teacher = (teacher, teacher_table)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the cross-entropy with the true next items and the teacher's distribution, and the commitment."""
        teacher, teacher_table = self._teacher
        table = self.table()
        asked = [group.targets >= 0 for group in batch]
        states = [
            self._told(self.backbone(look_up_events(group, partial(F.embedding, weight=table)))) for group in batch
        ]
        with torch.no_grad():
            wise = [teacher.states(group.rows, group.mask, teacher_table) for group in batch]
        loss = full_cross_entropy(
            _asked(states, asked),
            table,
            _asked([group.targets for group in batch], asked),
            teacher=Teacher(_asked(wise, asked), teacher_table, self._config.teacher_weight),
            product_dtype=fast_product_dtype(table.device),
        )
        return {"next": loss, "commitment": self._config.commitment * self.table.commitment(table)}

    def item_vectors(self) -> Tensor:
        """Return the item table as a device decodes it, ``[n_items, dim]``."""
        return self.table.decoded()

    def user_states(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
        """Return the state after the newest event, ``[batch, dim]``; knowledge is always used."""
        return self.both_states(rows, mask, table)[1]

    def both_states(self, rows: Tensor, mask: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
        """Return the state after the newest event without knowledge and with it, both ``[batch, dim]``."""
        states = self.backbone.user_state(F.embedding(rows, table), mask)
        return states, states if self.knowledge is None else states + self.knowledge(states)

    def _told(self, states: Tensor) -> Tensor:
        """Return the states ``[batch, length, dim]`` of a step, some users' without knowledge."""
        if self.knowledge is None:
            return states
        told = torch.rand(len(states), 1, 1, device=states.device) >= self._config.plain_share
        added: Tensor = self.knowledge(states)
        return states + told * added


class Knowledge(nn.Module):
    """What a student adds to its states, as the bundle format has it."""

    def __init__(self, start: DistilledKnowledge) -> None:
        super().__init__()
        self.prompts = nn.Parameter(start.prompts.clone())
        self.rows = nn.Parameter(start.knowledge.clone())

    def forward(self, states: Tensor) -> Tensor:
        """Return what is added to states ``[..., dim]``."""
        added: Tensor = known(states, self.prompts, self.rows)
        return added


def _asked(values: Sequence[Tensor], places: Sequence[Tensor]) -> Tensor:
    """Return what stands where something is to be predicted, over all groups."""
    return torch.cat([value[there] for value, there in zip(values, places, strict=True)])
