"""The command ``pocketrec serve``."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from server.releases.service import Release


def serve(
    root: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="Repository of signed releases, or folder of bundle folders.",
            exists=True,
            file_okay=False,
            readable=True,
        ),
    ],
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
) -> None:
    """Serve releases to devices, and the web demo.

    DIR is a repository of signed releases, as `pocketrec release` writes it, or has one bundle folder for each target,
    DIR/<target>/manifest.json, as `pocketrec export --out DIR` writes them: those are not signed, so devices accept
    them with --insecure only. Every file is checked against its digest before it is offered, and a new release is
    noticed within a second.

    Example: pocketrec serve build/demo/bundles --port 8000
    """
    import logging

    from server.app import application, releases_in
    from server.listening import address_of, listen, serve_until_stopped
    from server.settings import CHECKOUT_PAGE, ServerSettings
    from server.web.service import WebFiles

    _check_folders(root, web)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    logging.getLogger("server").setLevel(logging.INFO)
    settings = ServerSettings(root=root, web=web or CHECKOUT_PAGE, host=host, port=port)
    releases = releases_in(settings.root)
    app = application(releases, WebFiles(settings.web), watch_s=settings.watch_s)
    listener = listen(settings.host, settings.port)
    serve_until_stopped(
        app,
        listener,
        grace_s=settings.grace_s,
        on_listening=lambda: _announce(address_of(listener), settings.root, releases.view.channels),
    )


def _check_folders(root: Path, web: Path | None) -> None:
    if (root / "manifest.json").exists():
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


def _announce(address: str, root: Path, channels: "Mapping[str, Release]") -> None:
    """Say what is served and where; the address comes last, on its own line, once it answers."""
    from rich.table import Table
    from rich.text import Text

    from edge_runtime.terminal.console import Console

    console = Console(soft_wrap=True)
    if channels:
        table = Table("target", "name", "release", "bytes", box=None, header_style="bold", pad_edge=False)
        for target, release in channels.items():
            manifest = release.manifest
            table.add_row(target, Text(manifest.name), str(manifest.release), f"{manifest.bundle_bytes:,}")
        console.print(table)
    else:
        console.print(f"No bundle in {root} yet. Make one with `pocketrec export` into this folder; no restart needed.")
    console.print(f"Listening on {address}  (stop with Ctrl-C)")
