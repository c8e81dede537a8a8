"""Runs the cells of a suite one after another; an interrupted call is continued by repeating it.

Several processes may run the same suite in the same folder: each takes cells that no other process is running.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import msgspec

from edge_runtime.errors import BusyError
from edge_runtime.lock import locked
from edge_runtime.terminal.console import Console
from train.data.dataset import Dataset
from train.errors import RunError
from train.full_model.choices import SuiteName
from train.loop.runs import RunFolder
from train.suites.cells import Cell, CellResult, read_cell, run_cell
from train.suites.origin import Origin
from train.suites.suites import SuiteOptions, cells_of, variants
from train.suites.table import SuiteTable, suite_table


class TimeLeft(msgspec.Struct, frozen=True, kw_only=True):
    """Estimated time for the unfinished cells.

    Attributes:
        seconds: total of the cells with an estimate.
        n_estimated: number of cells with an estimate.
        n_unknown: number of cells without an estimate.
    """

    seconds: float
    n_estimated: int
    n_unknown: int

    def sentence(self) -> str:
        """Return the estimate in words."""
        if not self.n_estimated:
            return "time left unknown" if self.n_unknown else "no time left"
        unknown = f", unknown for {self.n_unknown} more" if self.n_unknown else ""
        return f"about {_duration(self.seconds)} left for {self.n_estimated}{unknown}"


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
    """Run the unfinished cells of a suite, and return its table.

    Whole systems on the standard split come first, then other splits and ablations, and all rows get their first seed
    before any gets its second, so that an interrupted suite is complete as far as it goes.

    Args:
        name: name of the suite.
        dataset: the dataset.
        out_dir: output folder with a folder for each cell; suites and calls with common cells share them.
        options: backbone, seeds, epochs, users.
        only: titles of the rows to train, all if empty; the table has all rows anyway.
        budget_s: seconds after which no cell is started; 0 trains nothing and loads the results.
        origin: command and commit to save with the results.
        clock: returns seconds.

    Raises:
        RunError: a folder has another run, or there is no row with a title of ``only``.
    """
    console, start = Console(stderr=True, soft_wrap=True), clock()
    cells = suite_cells(name, dataset, options, only)
    done: dict[str, CellResult] = {}
    for cell in cells:
        for other in cells:
            if other.name not in done and (result := read_cell(other, dataset, out_dir / other.name)) is not None:
                done[other.name] = result
        if cell.name in done:
            continue
        if budget_s is not None and clock() - start >= budget_s:
            console.print(
                f"The time budget is used up; {len(cells) - len(done)} of {len(cells)} trainings are unfinished."
            )
            break
        left = time_left(cells, done, out_dir)
        console.print(f"{len(done)} of {len(cells)} trainings done; {left.sentence()}. Training {cell.name}")
        try:
            done[cell.name] = _run_alone(cell, dataset, out_dir / cell.name, origin)
        except BusyError as error:
            console.print(f"{error} Continuing with the next training.")
    return suite_table(name, dataset, out_dir, options)


def suite_cells(name: SuiteName, dataset: Dataset, options: SuiteOptions, only: Sequence[str] = ()) -> list[Cell]:
    """Return the cells of a suite in the order of running, optionally only of rows with a title in ``only``.

    Raises:
        RunError: the suite has no such row.
    """
    titles = [variant.title for variant in variants(name, options)]
    if unknown := sorted(set(only) - set(titles)):
        raise RunError(
            f"suite {name} has no row {', '.join(map(repr, unknown))}; expected some of {', '.join(titles)}."
        )
    rows = [variant for variant in variants(name, options) if not only or variant.title in only]
    first = [variant for variant in rows if variant.part_of is None and variant.split == "standard"]
    rest = [variant for variant in rows if variant not in first]
    by_row = [cells_of(variant, dataset, options) for variant in (*first, *rest)]
    return [row[index] for index in range(len(options.seeds)) for row in by_row if row]


def _run_alone(cell: Cell, dataset: Dataset, folder: Path, origin: Origin) -> CellResult:
    """Run a cell unless another process is running it.

    Raises:
        BusyError: another process is running it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_suffix(".lock"), "training"):
        return run_cell(cell, dataset, folder, origin)


def time_left(cells: Sequence[Cell], done: dict[str, CellResult], out_dir: Path) -> TimeLeft:
    """Estimate the time for the unfinished cells.

    The estimate of a cell is the mean of finished cells of the same row with other seeds. Without any, that of an
    interrupted training is based on its own epochs, assuming the maximum number of epochs. Others have no estimate.
    """
    estimates = [_expected(cell, cells, done, out_dir) for cell in cells if cell.name not in done]
    known = [seconds for seconds in estimates if seconds is not None]
    return TimeLeft(seconds=sum(known), n_estimated=len(known), n_unknown=len(estimates) - len(known))


def _expected(cell: Cell, cells: Sequence[Cell], done: dict[str, CellResult], out_dir: Path) -> float | None:
    kind = Path(cell.name).parent
    same_row = [done[other.name] for other in cells if other.name in done and Path(other.name).parent == kind]
    if same_row:
        return sum(result.seconds + result.evaluation_seconds for result in same_row) / len(same_row)
    checkpoint = RunFolder(out_dir / cell.name).load_checkpoint()
    if checkpoint is None:
        return None
    seconds: list[float] = [entry["seconds"] for entry in checkpoint[1]["log"]]
    return sum(seconds) / len(seconds) * (cell.config.fit.max_epochs - len(seconds))


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
