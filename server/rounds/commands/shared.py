"""Options that several commands of rounds share, and what they mean."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from server.objects import Place, place_of

if TYPE_CHECKING:
    from server.repository.keys import KeyRing
    from server.rounds.ledger import Ledger

Answer = TypeVar("Answer")

Repo = Annotated[
    str,
    typer.Argument(
        metavar="REPO", help="Folder of the repository, or its URL in object storage, such as s3://BUCKET/PREFIX."
    ),
]
RoundId = Annotated[str, typer.Argument(metavar="ROUND", help="Id of the round, as `status` shows it.")]
Url = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Database, as for `pocketrec serve`. By default an SQLite file beside REPO, if that is a folder; one in "
        "object storage needs it.",
        envvar="POCKETREC_DATABASE_URL",
        show_envvar=True,
    ),
]
Keys = Annotated[
    list[Path] | None,
    typer.Option(
        "--keys",
        metavar="DIR",
        help="Folder with the keys adapter, snapshot and timestamp. By default REPO-keys, beside the repository.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def with_ledger(repo: str, url: str | None, use: "Callable[[Ledger], Awaitable[Answer]]") -> Answer:
    """Return what some work with the rounds of a repository returns.

    Raises:
        RoundStateError: there is no database.
    """
    from server.database.database import Database, migrate
    from server.rounds.ledger import Ledger

    url = existing(database_of(repo, url))
    migrate(url)

    async def run() -> Answer:
        database = Database(url)
        try:
            return await use(Ledger(database))
        finally:
            await database.close()

    return asyncio.run(run())


def database_of(repo: str, url: str | None) -> str:
    """Return the URL of a repository's database, by default that of the file beside it.

    Raises:
        typer.BadParameter: a repository in object storage has none beside it.
    """
    from server.database.database import beside, file_url, nothing_beside

    place = repository_of(repo)
    if url is None and isinstance(place, str):
        raise typer.BadParameter(nothing_beside(place), param_hint="--database-url")
    return url or file_url(beside(Path(place)))


def existing(url: str) -> str:
    """Return the URL of a database, whose file would otherwise be made: an empty one has no round.

    Raises:
        RoundStateError: there is no such file.
    """
    from server.database.database import missing_file
    from server.errors import RoundStateError

    missing = missing_file(url)
    if missing is not None:
        raise RoundStateError(
            f"{missing}: found no round, because there is no database. Name that of `pocketrec serve` "
            "(--database-url), or open a round first with `pocketrec rounds open`."
        )
    return url


def repository_of(text: str) -> Place:
    """Return a repository.

    Raises:
        typer.BadParameter: it has no valid address, or there is no such folder.
    """
    try:
        place = place_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="REPO") from error
    if isinstance(place, Path) and not place.is_dir():
        raise typer.BadParameter(
            f"found no folder {place}, expected one of `pocketrec release init`", param_hint="REPO"
        )
    return place


def keys_of(repo: str, folders: list[Path] | None) -> "KeyRing":
    """Return the keys in some folders, by default in the one beside the repository."""
    from server.repository.keys import KeyRing, default_folder

    return KeyRing(folders or [default_folder(repository_of(repo))])
