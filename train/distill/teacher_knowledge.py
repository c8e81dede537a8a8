"""Fits knowledge for devices to the effect of a teacher's plug-ins on its states."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from train.backbones.encoder import Events
from train.data.split import Split
from train.full_model.model import Model
from train.loop.batches import Rows, pad
from train.plugins.coco_initialization import cluster_centres
from train.plugins.knowledge_distillation import DistilledKnowledge, distil_knowledge

# Two matrices with 16 rows and 64 columns have 8 KB; with 64 rows they would have 32 KB.
DEVICE_PROMPTS = 16
_MAX_USERS = 50_000
_BATCH = 512


@torch.no_grad()
def teacher_knowledge(teacher: Model, split: Split, seed: int) -> DistilledKnowledge | None:
    """Return the best fit to the teacher's change of states; None if no plug-in has prompts for devices."""
    prompt_sets = [plugin.device_prompts() for plugin in teacher.plugins if plugin.device_prompts is not None]
    if not prompt_sets:
        return None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        prompts = torch.cat(prompt_sets).cpu()
        prompts = cluster_centres(prompts, min(DEVICE_PROMPTS, len(prompts)))
    users = np.random.default_rng(seed).permutation(len(split.train))[:_MAX_USERS]
    histories = [rows for user in users if len(rows := split.train.of(int(user)))]
    without, aligned = teacher_states(teacher, histories)
    return distil_knowledge(prompts, without, aligned)


@torch.no_grad()
def teacher_states(teacher: Model, histories: Sequence[Rows]) -> tuple[Tensor, Tensor]:
    """Return the states after histories that are not empty, ``[n, dim]``, without the teacher's plug-ins and with."""
    teacher.eval()
    table = teacher.item_vectors()
    pairs = [_states(teacher, histories[start : start + _BATCH], table) for start in range(0, len(histories), _BATCH)]
    without, aligned = (torch.cat(states).cpu() for states in zip(*pairs, strict=True))
    return without, aligned


def _states(teacher: Model, histories: Sequence[Rows], table: Tensor) -> tuple[Tensor, Tensor]:
    rows, mask = (part.to(table.device) for part in pad([rows[-teacher.max_length :] for rows in histories]))
    plain = teacher.backbone.last(Events(F.embedding(rows, table), mask, rows))
    return plain, teacher.user_states(rows, mask, table)
