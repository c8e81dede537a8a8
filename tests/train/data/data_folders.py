"""Builds small valid and invalid data folders."""

import io
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from train.data.dataset import Dataset

NOW_S = 1_760_000_000.0
ITEMS = b'{"item_id": "a", "title": "Tent"}\n{"item_id": "b", "title": "Mat"}\n{"item_id": "c", "title": "Mug"}\n'
EVENTS = b"user_id,item_id,timestamp\nu,a,1700000000\nu,b,1700000001\nu,c,1700000002\nv,a,1700000003\n"


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Create ``folder``, write files below it, and return it."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    folder.mkdir(exist_ok=True)
    return folder


def events(*rows: str, header: str = "user_id,item_id,timestamp") -> bytes:
    """Return an interactions file in CSV."""
    return "\n".join((header, *rows, "")).encode()


def items(*lines: str) -> bytes:
    """Return an items file in JSON lines, which begins with two valid items."""
    good = ('{"item_id": "a", "title": "Tent"}', '{"item_id": "b", "title": "Mat"}')
    return "\n".join((*good, *lines, "")).encode()


def histories(dataset: Dataset) -> dict[str, list[str]]:
    """Return the item ids of every user, oldest first."""
    ids = dataset.catalogue.item_ids
    return {
        user: [ids[row] for row in rows]
        for user, rows in zip(dataset.sequences.user_ids, dataset.sequences, strict=True)
    }


def parquet(**columns: object) -> bytes:
    """Return a Parquet file."""
    out = io.BytesIO()
    pl.DataFrame(columns).write_parquet(out)
    return out.getvalue()
