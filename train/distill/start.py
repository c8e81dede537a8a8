"""What a student starts from: the full model's encoder and item vectors, or those of an earlier student."""

from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from train.backbones.sasrec import SASRec
from train.data.split import Split, Targets
from train.distill.blocks import best_blocks, pruned
from train.distill.codes import CodedTable, CodePlan, item_counts
from train.distill.sizes import StudentSizes
from train.distill.student import ADAPTER_RANK, N_PROMPTS, load_student
from train.distill.teacher_knowledge import teacher_knowledge
from train.errors import RunError
from train.full_model.model import Model
from train.loop.runs import RunFolder
from train.plugins.knowledge_distillation import DistilledKnowledge

_TABLE = "table."


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentChoices:
    """What may differ from a student of a single run with as many encoder blocks as its teacher.

    Attributes:
        further: runs whose log-probabilities are averaged with those of the first one.
        n_blocks: number of encoder blocks to keep; all if None.
        n_prompts: rows of prompts and knowledge, if the student has no knowledge.
        adapter_rank: rank of the adapter.
        warm_from: folder of an earlier student to start from.
        code_gain: gain above which a code of the earlier student changes, whose encoder and codebooks stay
            (:mod:`train.distill.refresh`); None to train all of it.
    """

    further: tuple[RunFolder, ...] = ()
    n_blocks: int | None = None
    n_prompts: int = N_PROMPTS
    adapter_rank: int = ADAPTER_RANK
    warm_from: RunFolder | None = None
    code_gain: float | None = None

    def with_sizes(self, sizes: StudentSizes) -> "StudentChoices":
        """Return the choices with the sizes of encoder, prompts and adapter; codes are a plan of their own."""
        return replace(self, n_blocks=sizes.n_blocks, n_prompts=sizes.n_prompts, adapter_rank=sizes.adapter_rank)

    def about(self) -> dict[str, Any]:
        """Return the choices that differ from the defaults, for ``run.json``."""
        chosen: dict[str, Any] = {}
        if self.further:
            chosen["further_teachers"] = [run.about() for run in self.further]
        if self.warm_from is not None:
            chosen["warm_from"] = self.warm_from.about()
        if self.code_gain is not None:
            chosen["code_gain"] = self.code_gain
        sizes = {name: getattr(self, name) for name in ("n_blocks", "n_prompts", "adapter_rank")}
        default = StudentChoices()
        chosen |= {name: value for name, value in sizes.items() if value != getattr(default, name)}
        return chosen


class Start(NamedTuple):
    """Encoder, item table and knowledge before training."""

    encoder: SASRec
    table: CodedTable
    knowledge: DistilledKnowledge | None


def make_start(
    teacher: Model, split: Split, valid: Targets, plan: CodePlan, choices: StudentChoices, *, seed: int, dropout: float
) -> Start:
    """Return what a student starts from.

    Args:
        teacher: the first full model.
        split: training and validation events.
        valid: validation events that choose the encoder blocks to keep.
        plan: numbers of codes of the items.
        choices: choices.
        seed: random seed.
        dropout: dropout rate of the encoder.

    Raises:
        RunError: the earlier student is of other data or of another size.
    """
    tiers = plan.tiers_of(item_counts(list(split.train), len(teacher.item)))
    encoder, vectors, knowledge = _whole(teacher, split, choices, seed)
    table = CodedTable(vectors, plan, tiers, seed)
    if choices.warm_from is not None and choices.warm_from.about().get("plan") == _as_json(plan):
        saved = choices.warm_from.load_best()
        table.load_state_dict({name.removeprefix(_TABLE): saved[name] for name in saved if name.startswith(_TABLE)})
    config = teacher.backbone.config
    n_blocks = choices.n_blocks or config.n_blocks
    if encoder is None:
        return Start(SASRec(replace(config, n_blocks=n_blocks), dropout=dropout), table, knowledge)
    kept = best_blocks(encoder, vectors, n_blocks, valid)
    return Start(pruned(encoder, kept, dropout=dropout), table, knowledge)


def _whole(
    teacher: Model, split: Split, choices: StudentChoices, seed: int
) -> tuple[SASRec | None, Tensor, DistilledKnowledge | None]:
    """Return the encoder to start from, None for a random one, the item vectors ``[n_items, dim]``, and knowledge."""
    knowledge = teacher_knowledge(teacher, split, seed)
    if choices.warm_from is None:
        encoder = teacher.backbone if isinstance(teacher.backbone, SASRec) else None
        with torch.no_grad():
            return encoder, teacher.item_vectors().cpu(), knowledge
    earlier, wanted = load_student(choices.warm_from.path), teacher.backbone.config
    found = earlier.config
    if earlier.encoder is None or (found.dim, found.max_length) != (wanted.dim, wanted.max_length):
        has = "no encoder" if earlier.encoder is None else f"{found.dim} dimensions and {found.max_length} events"
        raise RunError(
            f"{earlier.path}: the student has {has}, expected {wanted.dim} dimensions and {wanted.max_length} events, "
            "as the full model has. Start from a student of this full model."
        )
    if found.n_blocks < (choices.n_blocks or wanted.n_blocks):
        raise RunError(
            f"{earlier.path}: the student has {found.n_blocks} encoder blocks, expected at least "
            f"{choices.n_blocks or wanted.n_blocks}. Start from a larger student, or give a smaller --ranking-budget."
        )
    whole = SASRec(found)
    whole.load_state_dict(earlier.encoder.state_dict())
    if knowledge is not None:
        prompts, rows = (torch.from_numpy(earlier.prompts[name].copy()) for name in ("prompts", "knowledge"))
        knowledge = DistilledKnowledge(prompts, rows, knowledge.explained)
    return whole, torch.from_numpy(earlier.item_vectors()), knowledge


def _as_json(plan: CodePlan) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(plan).items()}
