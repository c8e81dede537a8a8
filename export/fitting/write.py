"""Writes a point as the folder of a student and a target for it, which ``pocketrec export`` takes."""

import tomllib
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from edge_runtime.bundle.arrays import dump_arrays
from edge_runtime.bundle.folder import read_file
from edge_runtime.files import write_atomically
from export.fitting.material import Material
from export.fitting.search import Found, describe
from export.fitting.toml import dump_toml
from export.naming import save_name, saved_name
from export.transitions import max_transitions_bytes
from train.data.kept_rows import ITEMS_FILE
from train.distill.device_transitions import DeviceSettings, DeviceTransitions
from train.distill.student import STUDENT_FILE, TEXTS_FILE, TRANSITIONS_FILE
from train.loop.runs import RUN_FILE, replace_tensors, write_json
from train.transitions.graph import most_frequent


def write_fitted(folder: Path, material: Material, found: Found, figures: dict[str, Any]) -> None:
    """Write the student of a point; ``student.json`` is last.

    Args:
        folder: receives the files, and may hold those of an earlier search.
        material: the parts of the student.
        found: the point.
        figures: metrics for ``student.json``.
    """
    student, point, settings = material.student, found.point, found.measured.settings
    made, texts = material.made(point), material.texts(point.text_codes) if point.text_codes else None
    folder.mkdir(parents=True, exist_ok=True)
    for name in (STUDENT_FILE, TRANSITIONS_FILE, TEXTS_FILE):
        (folder / name).unlink(missing_ok=True)
    arrays = {"codes": made.table.arrays} | material.matrices()
    if settings is not None and student.transitions is not None:
        kept = most_frequent(student.transitions.counts, point.followers)
        arrays["transitions"] = DeviceTransitions(kept, settings).arrays()
    if texts is not None:
        arrays["texts"] = texts.arrays
    for name, each in arrays.items():
        write_atomically(folder / f"{name}.safetensors", dump_arrays(each))
    encoder = made.encoder
    replace_tensors(folder / "encoder.safetensors", encoder.state_dict(), {})
    fitted = {"from": student.path.name, "point": describe(found), "ranking_bytes": found.n_bytes}
    about = student.about | {
        "encoder": asdict(encoder.config) | {"input_scale": encoder.config.input_scale},
        "catalogue": msgspec.to_builtins(made.table.sizes),
        "transitions": _fields(settings),
        "texts": None if texts is None else {"sizes": msgspec.to_builtins(texts.sizes)} | (_fields(settings) or {}),
        "fitted": fitted,
        "figures": figures,
    }
    write_json(folder / RUN_FILE, {"kind": "student", "data_digest": about["data_digest"], "fitted": fitted})
    if (student.path / ITEMS_FILE).is_file():
        write_atomically(folder / ITEMS_FILE, read_file(student.path / ITEMS_FILE))
    catalogue = saved_name(student.path)
    if catalogue is not None:
        save_name(folder, catalogue)
    write_json(folder / STUDENT_FILE, about)


def write_target(path: Path, base: str, found: Found, budget: int, n_items: int) -> None:
    """Write a built-in target with the point's transitions and the budget as a TOML file.

    Args:
        path: the file.
        base: name of the target to change.
        found: the point.
        budget: bytes for ranking.
        n_items: size of the catalogue.
    """
    point = found.point
    # The limit of a manifest is that of the target and the most that its transitions may take.
    most = max_transitions_bytes(n_items, point.followers, texts=bool(point.text_codes))
    changed: dict[str, dict[str, object]] = {
        "transitions": {"followers": point.followers, "at_least": 0, "texts": bool(point.text_codes)},
        "budgets": {
            "ranking_bytes": max(budget - most, 1), "ranking_bytes_per_item": 0, "ranking_bytes_at_least": 0,
        },
    }  # fmt: skip
    target = tomllib.loads((files("export") / "targets" / f"{base}.toml").read_text("utf-8"))
    for section, values in changed.items():
        target[section] = target.get(section, {}) | values
    about = (
        f"# Written by `pocketrec fit`: {describe(found)}, {found.n_bytes:,} of {budget:,} bytes for ranking.\n"
        f"# All else is as in the built-in target {base}.\n"
    )
    write_atomically(path, (about + dump_toml(target)).encode())


def _fields(settings: DeviceSettings | None) -> dict[str, Any] | None:
    return None if settings is None else asdict(settings)
