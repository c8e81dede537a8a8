"""The commands ``pocketrec operator-keys``."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from server.operators.keys import OperatorKeys

Answer = TypeVar("Answer")

operator_keys = typer.Typer(
    help="""Keep the API keys for the server's page /ops.

    Start with: pocketrec operator-keys add releases "Ada's laptop"
    """
)

Repo = Annotated[
    str, typer.Argument(metavar="REPO", help="What is served: a folder, or the URL that `serve --store` has.")
]
Url = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Database, as for `pocketrec serve`. By default an SQLite file beside REPO.",
        envvar="POCKETREC_DATABASE_URL",
        show_envvar=True,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@operator_keys.command("add")
def add(
    repo: Repo,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who or what uses the key.")],
    database_url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Make a key, and print it once: the database has its digest only.

    Example: pocketrec operator-keys add releases "Ada's laptop"
    """
    from edge_runtime.terminal.console import Console
    from edge_runtime.terminal.outcome import print_result

    key, secret = _with_keys(repo, database_url, lambda keys: keys.add(name))
    if as_json:
        print_result({"id": key.id, "name": key.name, "key": secret})
        return
    console = Console(soft_wrap=True)
    console.print(f"Key {key.id} for {key.name}; it is shown only now:\n\n{secret}\n")
    console.print("Enter it on the page /ops of the server, or send it as `Authorization: Bearer KEY`.")


@operator_keys.command("list")
def list_keys(repo: Repo, database_url: Url = None, as_json: AsJson = False) -> None:
    """List the keys that are valid.

    Example: pocketrec operator-keys list releases
    """
    from datetime import UTC, datetime

    from rich.table import Table
    from rich.text import Text

    from edge_runtime.terminal.console import Console
    from edge_runtime.terminal.outcome import print_result

    found = _with_keys(repo, database_url, lambda keys: keys.all())
    if as_json:
        print_result({"keys": found})
        return
    table = Table("id", "name", "since", box=None, header_style="bold", pad_edge=False)
    for key in found:
        table.add_row(key.id, Text(key.name), f"{datetime.fromtimestamp(key.created, UTC):%Y-%m-%d}")
    Console().print(table if found else "No key yet. Make one with `pocketrec operator-keys add REPO NAME`.")


@operator_keys.command("revoke")
def revoke(
    repo: Repo,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the key, as `list` shows it.")],
    database_url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Make a key invalid, at once and for good.

    Example: pocketrec operator-keys revoke releases 0123456789ab
    """
    from edge_runtime.terminal.console import Console
    from edge_runtime.terminal.outcome import print_result

    key = _with_keys(repo, database_url, lambda keys: keys.revoke(key_id))
    if as_json:
        print_result({"revoked": key})
        return
    Console(soft_wrap=True).print(f"Key {key.id} ({key.name}) is no longer valid.")


def _with_keys(repo: str, url: str | None, use: "Callable[[OperatorKeys], Awaitable[Answer]]") -> Answer:
    from server.database.database import Database, migrate
    from server.operators.keys import OperatorKeys

    url = url or _beside(repo)
    migrate(url)

    async def run() -> Answer:
        database = Database(url)
        try:
            return await use(OperatorKeys(database))
        finally:
            await database.close()

    return asyncio.run(run())


def _beside(repo: str) -> str:
    """Return the database beside a folder."""
    from server.database.database import beside, file_url, nothing_beside
    from server.objects import place_of

    try:
        place = place_of(repo)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="REPO") from error
    if isinstance(place, str):
        raise typer.BadParameter(nothing_beside(place), param_hint="--database-url")
    if not place.is_dir():
        raise typer.BadParameter(f"found no folder {place}, expected what is served", param_hint="REPO")
    return file_url(beside(place))
