"""Output of ``fit``: the points, the baselines and the best of each budget."""

from collections.abc import Sequence

from rich.table import Table

from edge_runtime.terminal.console import Console
from edge_runtime.terminal.outcome import next_command
from export.fitting.report import CHART_FILE, STUDENT_FOLDER, Fitted
from export.fitting.search import KINDS, describe


def print_fitted(fitted: Fitted, data: Sequence[str]) -> None:
    """Print all points, which are on the Pareto front, the best of each budget, and how to export them."""
    console = Console()
    table = Table(title="Points, NDCG@10 on validation users")
    for column in ("KiB", "NDCG@10", "", *KINDS, "what is kept"):
        table.add_column(column, justify="left" if column in ("", "what is kept") else "right")
    shipped, front = [each.found for each in fitted.best], list(fitted.front)
    for each in sorted(fitted.found, key=lambda each: (each.n_bytes, each.measured.ndcg)):
        beside = {row.kind: f"{row.ndcg:.4f}" for row in fitted.beside[each.point]}
        numbers = (f"{each.n_bytes / 1024:.1f}", f"{each.measured.ndcg:.4f}", _mark(each in shipped, each in front))
        table.add_row(*numbers, *(beside.get(kind, "-") for kind in KINDS), describe(each))
    console.print(table)
    console.print(
        "*: best of a budget; +: on the Pareto front; int8, int4, truncated: the trained vectors as rows of so many "
        "principal components as fit the same bytes, the last in half precision; no bundle can have them",
        soft_wrap=True,
    )
    for best in fitted.best:
        console.print(
            f"{best.budget}: {describe(best.found)}, {best.found.n_bytes / 1024:.1f} KiB; test NDCG@10 "
            f"{best.test['ndcg@10']:.4f}, Recall@5 {best.test['recall@5']:.4f}",
            soft_wrap=True,
        )
    console.print(f"Chart: {fitted.out / CHART_FILE}", soft_wrap=True)
    for best in fitted.best:
        where = ("--target", best.target, "--out", fitted.out / "bundles")
        console.print(next_command("export", "--run", best.folder / STUDENT_FOLDER, *data, *where), soft_wrap=True)


def _mark(is_shipped: bool, is_front: bool) -> str:
    return "*" if is_shipped else "+" if is_front else ""
