"""Where a bundle comes from, for people: what it was made of, with which tools, and how good its makers were."""

from edge_runtime import __version__
from export.parts import tool_versions
from train.data.dataset import Dataset
from train.distill.student import Student
from train.suites.origin import commit

FIGURES = {"ndcg@10": "ndcg10", "recall@5": "recall5", "recall@10": "recall10"}
"""Metrics that a bundle remembers, and their part of the key, such as ``student_ndcg10``."""


def provenance(student: Student, dataset: Dataset) -> dict[str, str]:
    """Return what the manifest says of a bundle's origin; no path of this machine, no time."""
    about = student.about
    told = {
        "run": student.path.resolve().name,
        "seed": str(about.get("seed", "unknown")),
        "data": dataset.name,
        "data_digest": dataset.digest,
        "pocketrec": __version__,
    }
    for who in ("teacher", "student"):
        headline = about.get("figures", {}).get(who, {}).get("history_excluded", {})
        told |= {f"{who}_{key}": f"{headline[name]:.6f}" for name, key in FIGURES.items() if name in headline}
    made_by = commit()
    if made_by:
        told["commit"] = made_by
    return told | {f"tool_{name}": found for name, found in tool_versions().items()}
