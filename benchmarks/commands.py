"""The commands ``pocketrec bench``: what syncs, the server and its rounds cost on this machine."""

from pathlib import Path
from typing import Annotated

import typer

bench = typer.Typer(
    help="""Measure what syncs, the server and rounds cost here.

    Start with: pocketrec bench sync bundles/laptop-x86_64
    """
)

_AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@bench.command("sync")
def sync(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle.", exists=True, file_okay=False)],
    seed: Annotated[int, typer.Option(help="Random seed of the change.", metavar="N")] = 0,
    as_json: _AsJson = False,
) -> None:
    """Requests, bytes and time of a device: the first sync, a check without news, and a change of the catalogue.

    Exits with 1 if a limit does not hold.

    Example: pocketrec bench sync bundles/laptop-x86_64
    """
    from benchmarks.sync import run

    raise typer.Exit(run(bundle, seed, as_json=as_json))


@bench.command("server")
def server(
    seconds: Annotated[float, typer.Option(help="Duration.", min=0.5, max=60, metavar="S")] = 5.0,
    connections: Annotated[int, typer.Option(help="Concurrent connections.", min=1, max=256, metavar="N")] = 32,
    as_json: _AsJson = False,
) -> None:
    """How many update checks one core of the server answers.

    Exits with 1 if a limit does not hold.

    Example: pocketrec bench server
    """
    from benchmarks.server import run

    raise typer.Exit(run(seconds, connections, as_json=as_json))


@bench.command("rounds")
def rounds(
    seconds: Annotated[float, typer.Option(help="Duration.", min=0.5, max=60, metavar="S")] = 5.0,
    connections: Annotated[int, typer.Option(help="Concurrent connections.", min=1, max=256, metavar="N")] = 64,
    as_json: _AsJson = False,
) -> None:
    """How many updates of a round one core of the server makes durable, and how long closing a round takes.

    Exits with 1 if a limit does not hold.

    Example: pocketrec bench rounds
    """
    from benchmarks.rounds_server import run

    raise typer.Exit(run(seconds, connections, as_json=as_json))
