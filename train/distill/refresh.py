"""A student of a catalogue that has grown, which stays close to the student of the week before (ADR 0051).

Encoder, knowledge, codebooks, centres and tiers stay as they are, and a code of a known item changes only if it gains
more than a threshold. So the delta between the two releases is small. What is trained is the item vectors alone.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import load_arrays
from edge_runtime.bundle.codes import unpack_tiers
from edge_runtime.bundle.folder import read_file
from train.backbones.sasrec import SASRec
from train.data.dataset import Dataset
from train.data.kept_rows import check_rows, saved_items
from train.data.split import Split
from train.distill.codes import CodedTable, item_counts
from train.distill.grown_codes import grown_codes, tiers_of_new
from train.distill.start import Start
from train.distill.student import Student
from train.errors import RunError
from train.loop.runs import RunFolder
from train.plugins.knowledge_distillation import DistilledKnowledge


def check_grown(earlier: RunFolder, dataset: Dataset) -> None:
    """Check that a student is finished, and that its items have the same rows in the data of today.

    Raises:
        RunError: it is not finished, or an item has another row.
    """
    if not earlier.finished:
        raise RunError(f"{earlier.path}: its training is not finished; repeat its command with --resume.")
    items = saved_items(earlier.path)
    if items is None:
        raise RunError(
            f"{earlier.path}: does not say which items it has, because an older version wrote it. Distil without "
            "--warm-from once."
        )
    advice = "Train the full model with `pocketrec train --warm-from` the full model of that student, or --rows-of it."
    check_rows(dataset.catalogue.item_ids, items, str(earlier.path), advice)


def refreshed_start(
    student: Student, split: Split, teacher: NDArray[np.float32], *, gain: float, dropout: float
) -> Start:
    """Return what a student starts from that stays close to an earlier one.

    Args:
        student: the student of the week before.
        split: the events of today.
        teacher: the full model's item vectors, ``[n_items, teacher_dim]``, with the rows of the student in front.
        gain: gain above which a code changes.
        dropout: dropout rate of the encoder in training.

    Raises:
        RunError: the student has no encoder, or more items than there are.
    """
    n_items, n_known = len(teacher), student.sizes.n_items
    if student.encoder is None or n_known > n_items:
        found = "no encoder" if student.encoder is None else f"{n_known:,} items"
        raise RunError(
            f"{student.path}: the student has {found}, expected an encoder and at most {n_items:,} items. Distil "
            "without --warm-from."
        )
    arrays = load_arrays(read_file(student.path / "codes.safetensors"), "codes.safetensors")
    tiers = tiers_of_new(unpack_tiers(arrays["tier"], n_known), item_counts(list(split.train), n_items))
    sizes, grown = grown_codes(arrays, student.sizes, new_vectors(student.item_vectors(), teacher), tiers)
    table = CodedTable.of_arrays(grown, sizes)
    table.keep(n_known, gain, grown)
    encoder = SASRec(student.config, dropout=dropout)
    encoder.load_state_dict(student.encoder.state_dict())
    return Start(encoder.requires_grad_(False), table, _knowledge(student))


def new_vectors(known: NDArray[np.float32], teacher: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors of new items in the student's space, ``[n_items - n_known, dim]``.

    The linear map from the full model's vectors to the student's is found by least squares from the known items. The
    two are alike, because the student started from such vectors.

    Args:
        known: the student's vectors of the known items, ``[n_known, dim]``.
        teacher: the full model's vectors of all items, ``[n_items, teacher_dim]``.
    """
    with_one = np.concatenate([teacher, np.ones((len(teacher), 1), dtype=np.float32)], axis=1)
    to_student = np.linalg.lstsq(with_one[: len(known)], known, rcond=1e-5)[0]
    new: NDArray[np.float32] = (with_one[len(known) :] @ to_student).astype(np.float32)
    return new


def _knowledge(student: Student) -> DistilledKnowledge | None:
    if not student.prompts["knowledge"].any():
        return None
    prompts, rows = (torch.from_numpy(student.prompts[name].copy()) for name in ("prompts", "knowledge"))
    return DistilledKnowledge(prompts, rows, 0.0)
