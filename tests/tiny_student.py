"""Builds a small data folder and a student with random weights for it, as input of an export."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch

from edge_runtime.bundle.arrays import dump_arrays
from edge_runtime.bundle.manifest import Catalogue, Tier
from tests.tiny_bundle import tiny_codes
from train.backbones.encoder import EncoderConfig
from train.data.dataset import Dataset
from train.data.folder import read_folder
from train.distill.student import DeviceEncoder, Student, load_student
from train.loop.runs import replace_tensors

N_ITEMS = 60
N_USERS = 80
CONFIG = EncoderConfig(dim=16, max_length=12, n_blocks=2, n_heads=2)
N_PROMPTS = 3
RANK = 2
N_CODEWORDS = 16


@dataclass(frozen=True, slots=True)
class TinyStudent:
    """A student and its data, in memory and on disk."""

    student: Student
    dataset: Dataset
    data_path: Path


def make_tiny_student(folder: Path, *, seed: int = 0, adapted: bool = True) -> TinyStudent:
    """Write a data folder and a student into ``folder`` and read both.

    Args:
        folder: receives ``data`` and ``student``.
        seed: random seed of events, weights and codes.
        adapted: whether knowledge and the adapter's B are not zero, so that tests detect an engine that ignores them.
    """
    data_path = folder / "data"
    _write_data(data_path, seed)
    dataset = read_folder(data_path)
    _write_student(folder / "student", dataset, seed, adapted)
    return TinyStudent(load_student(folder / "student"), dataset, data_path)


def make_encoder(config: EncoderConfig = CONFIG, *, seed: int = 0) -> DeviceEncoder:
    """Return an encoder in which no parameter has its initial value, so that tests cover all of them."""
    torch.manual_seed(seed)
    encoder = DeviceEncoder(config).eval()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return encoder


def _write_data(path: Path, seed: int) -> None:
    path.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    items = [
        {
            "item_id": f"i{row}",
            "title": f"Thing {row}",
            "brand": f"Brand {row % 5}",
            "categories": ["All", f"Kind {row % 7}"],
            "description": "Left out of the bundle.",
        }
        for row in range(N_ITEMS)
    ]
    (path / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items), "utf-8")
    lines = ["user_id,item_id,timestamp"]
    for user in range(N_USERS):
        start = int(rng.integers(N_ITEMS))
        for step in range(int(rng.integers(4, 16))):
            # Consecutive rows follow each other, so that users share transitions.
            row = (start + step + int(rng.integers(3))) % N_ITEMS
            lines.append(f"u{user},i{row},{1_600_000_000 + 100 * user + step}")
    (path / "interactions.csv").write_text("\n".join(lines) + "\n", "utf-8")


def _write_student(path: Path, dataset: Dataset, seed: int, adapted: bool) -> None:
    path.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    sizes = Catalogue(N_ITEMS, CONFIG.dim, N_CODEWORDS, (Tier(6, 8), Tier(20, 4), Tier(34, 2)))
    counts = np.bincount(dataset.sequences.rows, minlength=N_ITEMS).astype(np.float64)
    factor = 0.3 if adapted else 0.0
    arrays = {
        "codes": tiny_codes(sizes, counts, rng),
        "prompts": {
            "prompts": rng.normal(size=(N_PROMPTS, CONFIG.dim)).astype(np.float32),
            "knowledge": (factor * rng.normal(size=(N_PROMPTS, CONFIG.dim))).astype(np.float32),
        },
        "adapter": {
            "a": rng.normal(scale=0.3, size=(CONFIG.dim, RANK)).astype(np.float32),
            "b": (factor * rng.normal(size=(RANK, CONFIG.dim))).astype(np.float32),
        },
    }
    for name, tensors in arrays.items():
        (path / f"{name}.safetensors").write_bytes(dump_arrays(tensors))
    replace_tensors(path / "encoder.safetensors", make_encoder(seed=seed).state_dict(), {})
    metrics = {"ndcg@10": 0.05, "recall@5": 0.06, "recall@10": 0.1}
    about = {
        "encoder": asdict(CONFIG) | {"input_scale": CONFIG.input_scale},
        "catalogue": msgspec.to_builtins(sizes),
        "seed": seed,
        "data_digest": dataset.digest,
        "data_name": dataset.name,
        "figures": {"teacher": {"history_excluded": metrics}, "student": {"history_excluded": metrics}},
    }
    (path / "student.json").write_text(json.dumps(about), "utf-8")
