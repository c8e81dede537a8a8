"""What CoCo promises, measured on test users: a codebook that is used, and knowledge where it helps."""

from collections.abc import Callable

import torch
from torch import Tensor

from train.knowledge_use import judge_by_past
from train.plugins.knowledge_attention import helped
from train.plugins.plugin import Past, Probe
from train.plugins.prompt_codebook import perplexity

_BATCH = 512


def knowledge_figures(
    align: Callable[[Tensor, Past], Tensor], choose: Callable[[Tensor], Tensor], probe: Probe
) -> dict[str, float]:
    """Return codebook use, the share of users for whom knowledge helps, and how well their own past tells.

    ``helps_by_past`` and ``agreement`` (with the true target) are over users with a past to judge by, ``judged`` is
    their share. The past is asked as the device asks it.

    Args:
        align: states ``[n, 1, dim]`` and what is known of their past to the same with knowledge.
        choose: states ``[n, dim]`` to the prompts that fit, bool ``[n, K]``.
        probe: the test users; none gives no figures.
    """
    if not len(probe.histories):
        return {}

    def pair(rows: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        plain = probe.plain_states(rows, mask)
        return plain, align(plain[:, None], Past(rows, mask, probe.table))[:, 0]

    judged = judge_by_past(probe.histories, pair, probe.table)
    wanted = probe.table[torch.from_numpy(probe.targets).to(probe.table.device, torch.int64)]
    truly = helped(judged.aligned, judged.without, wanted).cpu().numpy()
    usage = torch.cat([choose(part).float().sum(0, keepdim=True) for part in torch.split(judged.without, _BATCH)]).sum(
        0
    )
    found = {
        "prompt_perplexity": perplexity(usage),
        "prompts_used": float((usage > 0).float().mean()),
        "helps": float(truly.mean()),
        "judged": float(judged.known.mean()),
    }
    if judged.known.any():
        found["helps_by_past"] = float(judged.helped[judged.known].mean())
        found["agreement"] = float((judged.helped == truly)[judged.known].mean())
    return found
