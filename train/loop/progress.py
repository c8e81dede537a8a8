"""Progress of training on stderr: a progress bar, and one line per epoch."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, TimeElapsedColumn

from edge_runtime.terminal.console import Console
from edge_runtime.terminal.progress import progress_bar


class EpochProgress:
    """Shows the steps of the current epoch, and prints one line for each finished epoch."""

    def __init__(self, title: str, n_steps: int, max_epochs: int) -> None:
        self._console = Console(stderr=True)
        self._title = title
        self._max_epochs = max_epochs
        self._bar = progress_bar(self._console, BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn())
        self._task = self._bar.add_task(title, total=n_steps)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def start(self, epoch: int) -> None:
        """Start an epoch, counted from 1."""
        self._bar.reset(self._task, description=f"{self._title}: epoch {epoch} of at most {self._max_epochs}")

    def step(self) -> None:
        """Advance the bar by one step."""
        self._bar.advance(self._task)

    def finish(self, entry: Mapping[str, float], best: float, best_epoch: int) -> None:
        """Print the line of a finished epoch."""
        mark = "  *" if entry["epoch"] == best_epoch else ""
        self._console.print(
            f"{self._title}: epoch {entry['epoch']:3.0f}  loss {entry['loss']:.4f}  "
            f"validation NDCG@10 {entry['valid_ndcg@10']:.4f}  best {best:.4f}  {entry['seconds']:.1f} s{mark}",
            soft_wrap=True,
        )
