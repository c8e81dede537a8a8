"""Writes the folder of a student, which :func:`train.distill.student.load_student` reads."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import Array, dump_arrays
from train.backbones.encoder import EncoderConfig
from train.data.dataset import Dataset
from train.distill.codes import CodedTable
from train.distill.device_transitions import DeviceTransitions, TextCodes
from train.distill.student import STUDENT_FILE
from train.distill.student_model import Knowledge, StudentModel
from train.loop.runs import replace_tensors, write_json


def student_about(
    config: EncoderConfig,
    table: CodedTable,
    transitions: DeviceTransitions | None,
    texts: TextCodes | None,
    dataset: Dataset,
    *,
    seed: int,
    has_encoder: bool,
) -> dict[str, Any]:
    """Return the contents of ``student.json``, without metrics."""
    return {
        "encoder": asdict(config) | {"input_scale": config.input_scale},
        "has_encoder": has_encoder,
        "catalogue": msgspec.to_builtins(table.catalogue()),
        "transitions": None if transitions is None else asdict(transitions.settings),
        "texts": None if texts is None else {"sizes": msgspec.to_builtins(texts.sizes)} | asdict(texts.settings),
        "seed": seed,
        "data_digest": dataset.digest,
        "data_name": dataset.name,
    }


def write_student(
    path: Path,
    student: StudentModel | None,
    table: CodedTable,
    transitions: DeviceTransitions | None,
    texts: TextCodes | None,
    about: dict[str, Any],
    *,
    n_prompts: int,
    adapter_rank: int,
    kept: Mapping[str, Mapping[str, Array]] = MappingProxyType({}),
) -> None:
    """Write the files of a student; ``student.json`` is last, so that its presence means that all are complete.

    Args:
        path: folder of the student.
        student: the trained student; None for one without an encoder.
        table: the item table.
        transitions: transitions for devices with room for them.
        texts: text codes for devices with room for these too.
        about: contents of ``student.json``.
        n_prompts: rows of prompts and knowledge if the student has no knowledge.
        adapter_rank: rank of the adapter.
        kept: arrays of an earlier student's files, to be written in place of new ones.
    """
    dim = about["encoder"]["dim"]
    random = np.random.default_rng(about["seed"])
    arrays_by_file: dict[str, Mapping[str, Array]] = {
        "prompts": _prompts(None if student is None else student.knowledge, (n_prompts, dim), random),
        # With B = 0 the adapter has no effect until it is trained.
        "adapter": {
            "a": random.normal(scale=dim**-0.5, size=(dim, adapter_rank)).astype(np.float32),
            "b": np.zeros((adapter_rank, dim), dtype=np.float32),
        },
        "codes": table.arrays(),
    } | dict(kept)
    if transitions is not None:
        arrays_by_file["transitions"] = transitions.arrays()
    if texts is not None:
        arrays_by_file["texts"] = dict(texts.codes)
    for name, arrays in arrays_by_file.items():
        (path / f"{name}.safetensors").write_bytes(dump_arrays(arrays))
    if student is not None:
        replace_tensors(path / "encoder.safetensors", student.backbone.state_dict(), {})
    write_json(path / STUDENT_FILE, about)


def _prompts(
    knowledge: Knowledge | None, shape: tuple[int, int], random: np.random.Generator
) -> dict[str, NDArray[np.float32]]:
    """Return the prompts of the bundle; without knowledge, some that have no effect until an update sets them."""
    if knowledge is None:
        prompts = random.normal(size=shape).astype(np.float32)
        return {"prompts": prompts, "knowledge": np.zeros_like(prompts)}
    return {
        name: part.detach().cpu().numpy()
        for name, part in zip(("prompts", "knowledge"), knowledge.parameters(), strict=True)
    }
