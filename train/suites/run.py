"""Runs the cells of a suite one after another. Cut off at any moment, the same call goes on where it stood.

Several processes may run the same suite into the same folder: each takes cells that no other works on.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import msgspec

from edge_runtime.errors import BusyError, RunError
from edge_runtime.lock import locked
from edge_runtime.terminal.console import Console
from train.data.dataset import Dataset
from train.full_model.choices import SuiteName
from train.loop.runs import RunFolder
from train.suites.cells import Cell, CellResult, read_cell, run_cell
from train.suites.origin import Origin
from train.suites.suites import SuiteOptions, cells_of, variants
from train.suites.table import SuiteTable, suite_table


class TimeLeft(msgspec.Struct, frozen=True, kw_only=True):
    """How long what is not done will take, as far as it can be told.

    Attributes:
        seconds: of the cells of which it can be told.
        n_told: how many those are.
        n_unknown: cells of which nothing is known yet.
    """

    seconds: float
    n_told: int
    n_unknown: int

    def sentence(self) -> str:
        """Return it in words."""
        known = f"about {_duration(self.seconds)} for {self.n_told} cell(s)" if self.n_told else ""
        unknown = f"unknown for {self.n_unknown} of a kind that has not been run" if self.n_unknown else ""
        return ", ".join(part for part in (known, unknown) if part) or "none"


def run_suite(
    name: SuiteName,
    dataset: Dataset,
    out_dir: Path,
    options: SuiteOptions,
    *,
    only: Sequence[str] = (),
    budget_s: float | None = None,
    origin: Origin,
    clock: Callable[[], float] = perf_counter,
) -> SuiteTable:
    """Run what is not done of a suite, and return its table.

    Whole systems on the standard split come first, then the other splits and parts, each row with its first seed before
    any gets its second: a table that is cut off is whole as far as it goes.

    Args:
        name: of the suite.
        dataset: what is learnt from.
        out_dir: takes a folder a cell; suites and calls that share cells share their folders.
        options: backbone, seeds, epochs, users.
        only: the titles of the rows to train, all where empty; the table has all rows anyway.
        budget_s: no cell is started after so many seconds; 0 trains nothing and reads what is done.
        origin: the command and the commit that results name.
        clock: seconds.

    Raises:
        RunError: a folder holds something else, or there is no row of a title.
    """
    console, start = Console(stderr=True), clock()
    cells = suite_cells(name, dataset, options, only)
    done: dict[str, CellResult] = {}
    for cell in cells:
        for other in cells:
            if other.name not in done and (result := read_cell(other, dataset, out_dir / other.name)) is not None:
                done[other.name] = result
        if cell.name in done:
            continue
        if budget_s is not None and clock() - start >= budget_s:
            console.print(f"The time is spent; {len(cells) - len(done)} cell(s) are not done.")
            break
        left = time_left(cells, done, out_dir)
        console.print(f"{len(done)} of {len(cells)} done. Left: {left.sentence()}. Now: {cell.name}")
        try:
            done[cell.name] = _run_alone(cell, dataset, out_dir / cell.name, origin)
        except BusyError as error:
            console.print(f"{error} Going on with the next.")
    return suite_table(name, dataset, out_dir, options)


def suite_cells(name: SuiteName, dataset: Dataset, options: SuiteOptions, only: Sequence[str] = ()) -> list[Cell]:
    """Return the cells of a suite in the order in which they are run, those of rows with a title in ``only``.

    Raises:
        RunError: the suite has no such row.
    """
    titles = [variant.title for variant in variants(name, options)]
    if unknown := sorted(set(only) - set(titles)):
        raise RunError(f"suite {name}: has no row {', '.join(map(repr, unknown))}; it has {', '.join(titles)}.")
    rows = [variant for variant in variants(name, options) if not only or variant.title in only]
    first = [variant for variant in rows if variant.part_of is None and variant.split == "standard"]
    rest = [variant for variant in rows if variant not in first]
    by_row = [cells_of(variant, dataset, options) for variant in (*first, *rest)]
    return [row[index] for index in range(len(options.seeds)) for row in by_row if row]


def _run_alone(cell: Cell, dataset: Dataset, folder: Path, origin: Origin) -> CellResult:
    """Run a cell unless another process does.

    Raises:
        BusyError: another process does.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_suffix(".lock"), "training"):
        return run_cell(cell, dataset, folder, origin)


def time_left(cells: Sequence[Cell], done: dict[str, CellResult], out_dir: Path) -> TimeLeft:
    """Return how long the cells that are not done will take.

    A cell takes as long as the finished ones of its kind did: the same row with another seed. Without one, a training
    that was cut off tells from its own epochs, as if it needed all it may have. Of any other nothing is known.
    """
    told = [_expected(cell, cells, done, out_dir) for cell in cells if cell.name not in done]
    known = [seconds for seconds in told if seconds is not None]
    return TimeLeft(seconds=sum(known), n_told=len(known), n_unknown=len(told) - len(known))


def _expected(cell: Cell, cells: Sequence[Cell], done: dict[str, CellResult], out_dir: Path) -> float | None:
    kind = Path(cell.name).parent
    alike = [done[other.name] for other in cells if other.name in done and Path(other.name).parent == kind]
    if alike:
        return sum(result.seconds + result.evaluation_seconds for result in alike) / len(alike)
    found = RunFolder(out_dir / cell.name).load_checkpoint()
    if found is None:
        return None
    seconds: list[float] = [entry["seconds"] for entry in found[1]["log"]]
    return sum(seconds) / len(seconds) * (cell.config.fit.max_epochs - len(seconds))


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
