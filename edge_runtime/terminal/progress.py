"""Progress bar of long commands, shown on terminals only."""

from rich.progress import Progress, ProgressColumn, TextColumn  # noqa: TID251 - the only use

from edge_runtime.terminal.console import Console


def progress_bar(console: Console, *columns: ProgressColumn) -> Progress:
    """Return a progress bar with the task's description, printed literally, followed by ``columns``.

    The bar disappears when it ends; if the console is not a terminal, nothing is printed.
    """
    description = TextColumn("{task.description}", markup=False)
    return Progress(description, *columns, console=console, transient=True, disable=not console.is_terminal)
