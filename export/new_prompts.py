"""The next release of a bundle with knowledge that is fitted anew: to a full model that was trained since.

Encoder, codes and adapter stay, so `pocketrec release publish --component prompts` offers it as a small delta.

Usage: python -m export.new_prompts BUNDLE --run RUN --data DIR --out DIR
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import torch

from edge_runtime.bundle import open_folder, write_folder
from edge_runtime.contents import Contents, open_contents
from edge_runtime.engines.protocol import SmallMatrices
from edge_runtime.errors import PocketRecError
from edge_runtime.terminal.console import Console
from export.matrices import reference_engine, with_matrices
from export.self_tests import check_engines
from train.data.dataset import Dataset
from train.data.folder import read_folder
from train.data.kept_rows import bundle_items
from train.data.split import leave_one_out
from train.distill.teacher_knowledge import teacher_states
from train.full_model.model import Model
from train.full_model.training import load_model
from train.loop.runs import RunFolder
from train.plugins.knowledge_distillation import DistilledKnowledge, distil_knowledge

MAX_USERS = 20_000


def main() -> None:
    """Write the bundle, and say how much of the full model's change of states the knowledge explains."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--run", type=Path, required=True, help="Full model with the plug-in coco.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="Folder for the new bundle.")
    options = parser.parse_args()
    fitted = renew(options.bundle, options.run, options.data, options.out)
    Console(soft_wrap=True).print(
        f"{options.out}: the knowledge explains {fitted.explained:.1%} of the full model's change of states."
    )


def renew(bundle: Path, run: Path, data: Path, out: Path, *, seed: int = 0) -> DistilledKnowledge:
    """Write a bundle with new knowledge to ``out``; return the knowledge.

    Raises:
        PocketRecError: the full model and the bundle do not fit, or no engine accepts the new bundle.
        DataError: the data cannot be read.
    """
    folder = open_folder(bundle)
    before = open_contents(folder)
    dataset = read_folder(data, earlier=bundle_items(folder))
    fitted = refitted(before, load_model(RunFolder(run), dataset), dataset, seed=seed)
    new = SmallMatrices(
        fitted.prompts.numpy(), fitted.knowledge.numpy(), before.small.adapter_a, before.small.adapter_b
    )
    manifest, files = with_matrices(before, new)
    manifest = msgspec.structs.replace(manifest, created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    write_folder(out, manifest, files, check=check_engines)
    return fitted


@torch.no_grad()
def refitted(before: Contents, teacher: Model, dataset: Dataset, *, seed: int = 0) -> DistilledKnowledge:
    """Fit the knowledge of a bundle anew, to what a full model's plug-ins change on its own states.

    The student starts from the full model, so both have one space of states: a device's states, with the change that
    the full model's have, are what the rows are fitted to.

    Args:
        before: the bundle.
        teacher: the full model.
        dataset: the data, with the rows of the bundle.
        seed: random seed of the order of users.

    Raises:
        PocketRecError: the full model has no knowledge, or other dimensions than the bundle.
    """
    sizes = before.folder.manifest.encoder
    if not any(plugin.device_prompts is not None for plugin in teacher.plugins):
        raise PocketRecError("the full model has no knowledge for devices. Train one with --plugins coco.")
    if teacher.backbone.config.dim != sizes.dim:
        raise PocketRecError(
            f"the full model has {teacher.backbone.config.dim} dimensions, expected {sizes.dim}, as the bundle has. "
            "Take the full model that its student was distilled from, or train it further with --warm-from."
        )
    train = leave_one_out(dataset.sequences).train
    users = np.random.default_rng(seed).permutation(len(train))[:MAX_USERS]
    histories = [rows for user in users if len(rows := train.of(int(user)))]
    engine, small = reference_engine(before.folder), before.small
    plain = SmallMatrices(small.prompts, np.zeros_like(small.knowledge), small.adapter_a, small.adapter_b)
    ours = torch.from_numpy(
        np.stack([engine.encode(before.codes.decode(rows[-sizes.max_length :]), plain) for rows in histories])
    )
    without, aligned = teacher_states(teacher, histories)
    return distil_knowledge(torch.from_numpy(small.prompts.copy()), ours, ours + aligned - without)


if __name__ == "__main__":
    main()
