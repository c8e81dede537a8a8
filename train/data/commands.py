"""The commands of the data: ``import`` and ``check``. Each parses, makes one call and prints."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_runtime.terminal.out_folder import writable_folder
from train.options import SkipBadRows

if TYPE_CHECKING:
    from train.data.summary import Summary


class Layout(StrEnum):
    """The published layouts that ``import`` reads."""

    MOVIELENS = "movielens"
    AMAZON = "amazon"


def import_(
    layout: Annotated[Layout, typer.Argument(help="Layout of the data set.", metavar="LAYOUT")],
    source: Annotated[Path, typer.Argument(help="The unpacked folder, or the official zip.", metavar="SOURCE")],
    out: Annotated[
        Path,
        typer.Option(
            "--out", help="Folder to write; must not exist, or be empty.", callback=writable_folder, metavar="PATH"
        ),
    ],
    k_core: Annotated[
        int,
        typer.Option(
            "--k-core", min=1, help="Minimum number of events of each user and item; 1 keeps all.", metavar="N"
        ),
    ] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Turn downloaded MovieLens or Amazon reviews into data. The result is a folder that passes `check`.

    Example: pocketrec import movielens ml-1m --out data/movielens
    """
    from edge_runtime.terminal.console import Console
    from train.data.importers import import_amazon, import_movielens

    match layout:
        case Layout.MOVIELENS:
            imported = import_movielens(source, out, k=k_core)
        case Layout.AMAZON:
            imported = import_amazon(source, out, k=k_core)
    if not as_json:
        Console(soft_wrap=True).print(str(imported))
    show_summary(imported.summary, as_json=as_json, imported=imported.as_json())


import_.all_or_nothing = True  # type: ignore[attr-defined]


def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with interactions.* and items.*.")],
    skip_bad_rows: SkipBadRows = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check a data folder row by row, and print what is in it.

    All problems are listed at once. Exit code 1 if a row or a file breaks the data contract.

    Example: pocketrec check data/shop --skip-bad-rows
    """
    from edge_runtime.terminal.outcome import fail
    from train.data.findings import Findings
    from train.data.folder import read_folder
    from train.data.summary import summarize
    from train.errors import DataError

    findings = Findings()
    try:
        dataset = read_folder(folder, skip_bad_rows=skip_bad_rows, findings=findings)
    except DataError as error:
        problems = {"problems": [problem.as_json() for problem in findings.problems], "warnings": findings.warnings}
        fail(error, as_json=as_json, result=problems)
    show_summary(summarize(dataset), as_json=as_json)


def show_summary(summary: "Summary", *, as_json: bool, **more: object) -> None:
    """Print what is in a data folder, as a table or as one JSON object with the further entries ``more``."""
    import msgspec
    from rich.table import Table
    from rich.text import Text

    from edge_runtime.terminal.console import Console
    from edge_runtime.terminal.outcome import print_result

    if as_json:
        print_result(msgspec.to_builtins(summary) | more)
        return
    table = Table(title=summary.name, title_justify="left", show_header=False, box=None)
    for label, value in _lines(summary):
        table.add_row(label, value)
    console = Console(soft_wrap=True)
    console.print(table)
    for kind, count in summary.kept_out.items():
        console.print(f"left out: {count:,} x {kind}")
    for kind, count in summary.skipped.items():
        console.print(f"skipped: {count:,} x {kind}")
    if summary.advice is not None:
        console.print(Text.assemble(("advice: ", "cyan"), summary.advice))
    for warning in summary.warnings:
        console.print(Text.assemble(("warning: ", "yellow"), warning))


def _lines(summary: "Summary") -> list[tuple[str, str]]:
    fewest, median, most = summary.events_per_user
    clock = f"{summary.first_day} to {summary.last_day}" if summary.first_day else "positions only, no clock"
    lines = [
        ("users", f"{summary.users:,}"),
        ("items", f"{summary.items:,}"),
        ("events", f"{summary.events:,}"),
        ("events a user", f"{fewest:,} to {most:,}, median {median:g}"),
        ("density", f"{summary.density:.3%}"),
        ("time", clock),
    ]
    lines += [(f"with {name}", f"{share:.1%} of items") for name, share in summary.fields.items()]
    pictures = f"{summary.pictures:,} items with a picture, {summary.videos:,} with a video"
    return [*lines, ("pictures", pictures)]
