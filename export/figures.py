"""Quality, bytes and latency of full model, student and bundles: what ``demo`` and ``build`` print at their end."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table


def quality(figures: Mapping[str, Any]) -> dict[str, float]:
    """Return the two headline figures, history excluded, whole catalogue."""
    headline = figures["history_excluded"]
    return {"ndcg@10": headline["ndcg@10"], "recall@5": headline["recall@5"]}


def shipped(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return quality, bytes and latency of one bundle through the first engine that runs here; None without one.

    Args:
        found: what ``pocketrec verify --json`` printed.
    """
    engine = next((one for one in found["engines"] if one["status"] == "ok"), None)
    if engine is None:
        return None
    return {
        "engine": f"{engine['engine']} {engine['precision']}",
        **quality(engine["figures"]),
        "ranking_bytes": found["ranking_bytes"],
        "bundle_bytes": found["bundle_bytes"],
        "latency_p50_ms": {step: times["p50_ms"] for step, times in engine["latency"].items()},
    }


def quality_table(
    data_name: str, models: Mapping[str, Mapping[str, float]], bundles: Mapping[str, Mapping[str, Any] | None]
) -> Table:
    """Return the table of the models, as :func:`quality`, and the bundles, as :func:`shipped`, by their names."""
    table = Table(title=f"{data_name}: whole catalogue, history excluded")
    for column in ("", "NDCG@10", "Recall@5", "ranking", "bundle", "recommend p50"):
        table.add_column(column, justify="left" if not column else "right")
    for name, model in models.items():
        table.add_row(name, f"{model['ndcg@10']:.4f}", f"{model['recall@5']:.4f}", "", "", "")
    for target, one in bundles.items():
        table.add_row(target, *(["no engine runs here"] if one is None else _cells(one)))
    return table


def _cells(one: Mapping[str, Any]) -> list[str]:
    return [
        f"{one['ndcg@10']:.4f}",
        f"{one['recall@5']:.4f}",
        f"{one['ranking_bytes'] / 1024:,.0f} KiB",
        f"{one['bundle_bytes'] / 1024:,.0f} KiB",
        f"{one['latency_p50_ms']['recommend']:.2f} ms",
    ]
