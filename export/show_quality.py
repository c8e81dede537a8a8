"""Output of ``verify`` about quality: segments, comparisons with models and baselines, and the worst lists."""

from collections.abc import Sequence
from typing import Final

from rich.table import Table
from rich.text import Text

from edge_runtime.terminal.console import Console
from export.comparison import Comparison
from export.inferiority import Verdict
from export.verify import Verification
from export.worst_lists import WorstList
from train.wide_table import print_wide

N_SHOWN: Final = 3
_STYLES: Final = {Verdict.NOT_WORSE: "", Verdict.WORSE: "red", Verdict.UNDECIDED: "yellow"}
_SEVERITY: Final = (Verdict.NOT_WORSE, Verdict.UNDECIDED, Verdict.WORSE)


def print_quality(console: Console, verification: Verification) -> None:
    """Print the baselines by segment, a table for each model, and the first of the worst lists."""
    if verification.baselines:
        print_wide(console, _baseline_table(verification.baselines))
    if verification.baseline_ndcg_10 is not None:
        sentence, is_below = _baseline(verification, verification.baseline_ndcg_10)
        console.print(sentence, style="yellow" if is_below else None)
    for one in verification.compared:
        if one.measured:
            print_wide(console, _comparison_table(one))
        else:
            console.print(f"{one.ratio:.4f} of the NDCG@10 of the {one.against} ({one.ndcg_10:.4f}, from the manifest)")
    if not any(one.measured for one in verification.compared):
        console.print("Not compared with the models that it was made from: give them with --run.", style="yellow")
    if verification.undecided:
        console.print(
            f"{len(verification.undecided)} comparisons are undecided, which is no failure: their users are too few to "
            "tell a loss of the margin from chance.",
            style="yellow",
            soft_wrap=True,
        )
    if verification.worst:
        print_wide(console, _worst_table(verification.worst))


_BETTER = (
    "Train with the plug-in `transitions`, which is a default, and export for a target with `followers` of "
    "transitions, or let `pocketrec fit` find the best use of the bytes."
)


def _baseline(verification: Verification, baseline: float) -> tuple[str, bool]:
    """Return a sentence about the baseline, and whether the bundle is below it."""
    sentence = f"Baseline without training, transitions x texts: NDCG@10 {baseline:.4f}"
    measured = [one.figures["history_excluded"]["ndcg@10"] for one in verification.engines if one.figures]
    if measured and measured[0] < baseline:
        return f"{sentence}: the bundle is below it ({measured[0]:.4f}). {_BETTER}", True
    return f"{sentence}.", False


def _baseline_table(baselines: Sequence[Comparison]) -> Table:
    table = Table(title="NDCG@10 by segment")
    table.add_column("segment")
    for column in ("users", "bundle", *(one.against for one in baselines)):
        table.add_column(column, justify="right")
    for position, part in enumerate(baselines[0].segments):
        theirs = [f"{one.segments[position].metrics[0].theirs:.4f}" for one in baselines]
        table.add_row(part.segment, f"{part.n_users:,}", f"{part.metrics[0].ours:.4f}", *theirs)
    return table


def _comparison_table(comparison: Comparison) -> Table:
    """Return a table with a row for each segment; intervals and margins are in the JSON."""
    table = Table(title=Text(f"{comparison.subject} against {comparison.title}"))
    table.add_column("segment")
    for column in ("users", "top ten", "RBO", "NDCG@10", "change", "Recall@10", "change", "verdict"):
        table.add_column(column, justify="right")
    for part in comparison.segments:
        cells = [cell for found in part.metrics for cell in (f"{found.ours:.4f}", f"{found.difference:+.4f}")]
        verdict = max((found.verdict for found in part.metrics), key=_SEVERITY.index)
        shown = Text(verdict.value, style=_STYLES[verdict])
        table.add_row(part.segment, f"{part.n_users:,}", f"{part.overlap:.3f}", f"{part.rbo:.3f}", *cells, shown)
    return table


def _worst_table(worst: Sequence[WorstList]) -> Table:
    title = f"Largest losses of single users: {min(N_SHOWN, len(worst))} of {len(worst)}, all with --json"
    table = Table(title=title)
    for column in ("user", "true item", "position", "reference", "first of the list", "first of the reference"):
        table.add_column(column, overflow="fold")
    for one in worst[:N_SHOWN]:
        firsts = (", ".join(one.listed[:2]), ", ".join(one.reference_listed[:2]))
        table.add_row(one.user, one.target, f"{one.position:,}", f"{one.reference_position:,}", *firsts)
    return table
