"""Output of ``fit``: the points, the baselines and the best of each budget."""

from collections.abc import Sequence

from rich.table import Table

from edge_runtime.terminal.console import Console
from edge_runtime.terminal.outcome import next_command
from export.fitting.report import CHART_FILE, STUDENT_FOLDER, Fitted
from export.fitting.search import describe


def print_fitted(fitted: Fitted, data: Sequence[str]) -> None:
    """Print all points, which are on the Pareto front, the best of each budget, and how to export them."""
    console = Console()
    table = Table(title="Points, NDCG@10 on validation users")
    for column, justify in (("KiB", "right"), ("NDCG@10", "right"), ("", "left"), ("what is kept", "left")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    shipped, front = [each.found for each in fitted.best], list(fitted.front)
    lines = [
        (each.n_bytes, each.measured.ndcg, _mark(each in shipped, each in front), describe(each))
        for each in fitted.found
    ] + [(row.n_bytes, row.ndcg, "-", f"{row.name}: not in the bundle format") for row in fitted.rows]
    for n_bytes, ndcg, mark, text in sorted(lines):
        table.add_row(f"{n_bytes / 1024:.1f}", f"{ndcg:.4f}", mark, text)
    console.print(table)
    console.print("*: best of a budget; +: on the Pareto front; -: baseline of rows of int8 or int4", soft_wrap=True)
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
