"""The bar that every long command shows on a terminal, and nowhere else."""

from rich.progress import Progress, ProgressColumn, TextColumn  # noqa: TID251 - the one place

from edge_runtime.terminal.console import Console


def progress_bar(console: Console, *columns: ProgressColumn) -> Progress:
    """Return a bar with the description of its task, as text and never markup, before ``columns``.

    It disappears when it ends, and where the console is not a terminal it shows nothing at all.
    """
    description = TextColumn("{task.description}", markup=False)
    return Progress(description, *columns, console=console, transient=True, disable=not console.is_terminal)
