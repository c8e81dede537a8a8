"""The command ``pocketrec serve``."""

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.objects import Place, place_of

if TYPE_CHECKING:
    from server.releases.service import View
    from server.settings import ServerSettings


def serve(
    root: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR",
            help="Repository of signed releases, or folder of bundle folders.",
            exists=True,
            file_okay=False,
            readable=True,
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="In place of DIR: repository in object storage, s3://BUCKET/PREFIX, gs://... or az://... "
            "Credentials come from the environment.",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.", metavar="ADDRESS")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535, metavar="N")
    ] = 8000,
    web: Annotated[
        Path | None,
        typer.Option(
            metavar="DIST",
            help="Folder of the built web demo. Without it: web_demo/dist of the checkout.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    database_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Database of counters and operators' keys, such as postgresql+asyncpg://USER:PASSWORD@HOST/NAME. "
            "By default an SQLite file beside a repository.",
            envvar="POCKETREC_DATABASE_URL",
            show_envvar=True,
        ),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder with the keys rollout, snapshot and timestamp, to halt a rollout that devices refuse; "
            "their passphrase is POCKETREC_PASSPHRASE.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    workers: Annotated[int, typer.Option(metavar="N", help="Processes that share the port.", min=1, max=256)] = 1,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN", help="Let pages of another origin read releases: https://shop.example. Repeatable."
        ),
    ] = None,
    log_json: Annotated[bool, typer.Option("--log-json", help="Log JSON objects, one a line.")] = False,
) -> None:
    """Serve releases to devices, and the web demo.

    DIR is a repository of signed releases, as `pocketrec release` writes it, or has one bundle folder for each target,
    DIR/<target>/manifest.json, as `pocketrec export --out DIR` writes them: those are not signed, so devices accept
    them with --insecure only. Every file is checked against its digest before it is offered, and a new release is
    noticed within a second. With a database, the operator's page is at /ops; `pocketrec operator-keys add` makes a key
    for it.

    Example: pocketrec serve build/demo/bundles --port 8000

    Example: pocketrec serve --store s3://models/shop --database-url postgresql+asyncpg://USER:PASSWORD@HOST/NAME
    """
    from server.settings import CHECKOUT_PAGE, ServerSettings, traces_exporter_of_environment
    from server.workers import sharing_metrics

    place = _place(root, store)
    _check_folders(place, web)
    _check_origins(allow_origin or [])
    settings = ServerSettings(
        root=place,
        web=web or CHECKOUT_PAGE,
        host=host,
        port=port,
        database_url=database_url,
        keys=keys,
        workers=workers,
        allow_origins=tuple(allow_origin or ()),
        log_json=log_json,
        traces_exporter=traces_exporter_of_environment(),
    )
    with sharing_metrics(workers):
        from server.running import run

        run(settings, _announce)


def _check_origins(origins: list[str]) -> None:
    for origin in origins:
        if origin != "*" and not re.fullmatch(r"https?://[^/?#\s]+", origin):
            raise typer.BadParameter(
                f"found {origin!r}, expected an origin without a path, such as https://shop.example",
                param_hint="--allow-origin",
            )


def _place(root: Path | None, store: str | None) -> Place:
    """Return what is served: a folder, or the URL of object storage."""
    if (root is None) == (store is None):
        raise typer.BadParameter("give one of DIR and --store URL", param_hint="DIR")
    if root is not None:
        return root
    try:
        place = place_of(store or "")
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--store") from error
    if isinstance(place, Path) and not place.is_dir():
        raise typer.BadParameter(f"found no folder {place}, expected a repository", param_hint="--store")
    return place


def _check_folders(root: Place, web: Path | None) -> None:
    if isinstance(root, Path) and (root / "manifest.json").exists():
        line = shlex.join(["pocketrec", "serve", str(root.resolve().parent)])
        raise typer.BadParameter(
            f"{root} is one bundle; serve the folder that holds it: `{line}`",
            param_hint="DIR",
        )
    if web is not None and not (web / "index.html").is_file():
        raise typer.BadParameter(
            f"found no index.html in {web}, expected the built web demo; build it with `npm run build` in web_demo",
            param_hint="--web",
        )


def _announce(address: str, settings: "ServerSettings", database: str | None, view: "View") -> None:
    """Say what is served and where; the address comes last, on its own line, once it answers."""
    from rich.table import Table
    from rich.text import Text

    from edge_runtime.terminal.console import Console

    console = Console(soft_wrap=True)
    if view.channels:
        table = Table("target", "name", "release", "bytes", box=None, header_style="bold", pad_edge=False)
        for target, release in view.channels.items():
            manifest = release.manifest
            table.add_row(target, Text(manifest.name), str(manifest.release), f"{manifest.bundle_bytes:,}")
        console.print(table)
    elif view.metadata:
        console.print(f"No release in {settings.root} yet. Publish one with `pocketrec release publish`.")
    else:
        console.print(
            f"No bundle in {settings.root} yet. Make one with `pocketrec export` into this folder; no restart needed."
        )
    if database is not None:
        console.print(f"Counters and operators' keys are in {database}; the operator's page is {address}/ops")
    console.print(f"Listening on {address}  (stop with Ctrl-C)")
