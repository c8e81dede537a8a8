"""Provenance of a bundle: data, models with their metrics, and versions of tools."""

from edge_runtime import __version__
from export.parts import tool_versions
from train.data.dataset import Dataset
from train.distill.student import Student
from train.suites.origin import commit

FIGURES = {"ndcg@10": "ndcg10", "recall@5": "recall5", "recall@10": "recall10"}
"""Metrics in the provenance, and their part of the key, such as ``student_ndcg10``."""


def provenance(student: Student, dataset: Dataset) -> dict[str, str]:
    """Return the provenance entries of the manifest; they contain no local paths and no timestamps."""
    about = student.about
    entries = {
        "run": student.path.resolve().name,
        "seed": str(about.get("seed", "unknown")),
        "data": dataset.name,
        "data_digest": dataset.digest,
        "pocketrec": __version__,
    }
    # A student without an encoder is measured on a sample of users, whose figures would be mistaken for those of all.
    for model in ("teacher", "student") if student.encoder is not None else ():
        metrics = about.get("figures", {}).get(model, {}).get("history_excluded", {})
        entries |= {f"{model}_{key}": f"{metrics[name]:.6f}" for name, key in FIGURES.items() if name in metrics}
    code = commit()
    if code:
        entries["commit"] = code
    return entries | {f"tool_{name}": version for name, version in tool_versions().items()}
