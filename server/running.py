"""Runs a server with its settings: prepares the database and the keys, then one process or several."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from socket import socket

from litestar.types import ASGIApp

from edge_runtime.errors import PocketRecError
from server.app import AppOptions, application, releases_in
from server.database.database import Database, beside, file_url, migrate, shown
from server.halting.service import Halter
from server.listening import address_of, listen, serve_until_stopped
from server.logs import log_to_stderr
from server.metrics.observer import Observer
from server.objects import Place
from server.operations import Operations
from server.releases.fast import MetadataFirst
from server.releases.repository import is_repository
from server.releases.service import View
from server.rounds.routes import UpdatesFirst
from server.settings import ServerSettings
from server.tracing import check_exporter, traced
from server.web.service import WebFiles
from server.workers import Workers

Announce = Callable[[str, ServerSettings, str | None, View], None]
"""Called with address, settings, database and releases, once requests are accepted."""


def run(settings: ServerSettings, announce: Announce) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        PocketRecError: the port, the database or a key cannot be used.
    """
    log_to_stderr(as_json=settings.log_json)
    listener = listen(settings.host, settings.port)
    url = database_url_of(settings)
    if url is not None:
        migrate(url)
    # The library of object storage has threads, which do not survive the start of the workers.
    is_remote = isinstance(settings.root, str)
    halter = None if settings.keys is None or is_remote else halter_of(settings.root, settings.keys)
    if settings.traces_exporter is not None:
        check_exporter(settings.traces_exporter)
    work = partial(_serve, settings, listener, url, halter, announce)
    if settings.workers == 1:
        work(is_first=True)
        return
    code = Workers(settings.workers, lambda is_first: work(is_first=is_first)).run()
    if code != 0:
        raise PocketRecError("the workers could not be started; the lines above say why.")


def halter_of(root: Place, keys: Path) -> Halter:
    """Open the keys that halt rollouts; a missing one is noticed at the start.

    Raises:
        RepositoryError: the folder is no repository of signed releases, or a key cannot be opened.
    """
    from server.halting.signing import Signing

    return Signing(root, keys)


def database_url_of(settings: ServerSettings) -> str | None:
    """Return the database: the given one, or a file beside a repository in a folder; none for others."""
    if settings.database_url is None and not isinstance(settings.root, str) and is_repository(settings.root):
        return file_url(beside(settings.root))
    return settings.database_url


def _serve(
    settings: ServerSettings,
    listener: socket,
    url: str | None,
    halter: Halter | None,
    announce: Announce,
    *,
    is_first: bool,
) -> None:
    """Serve in this process. The connections of the database are opened here, because processes cannot share them."""
    releases = releases_in(settings.root)
    if isinstance(settings.root, str):
        releases.refresh()  # what is wrong with the storage is said here, before the server starts
        if settings.keys is not None:
            halter = halter_of(settings.root, settings.keys)
    operations = None
    if url is not None:
        operations = Operations.over(releases, Database(url), halter=halter, repository=str(settings.root))
    options = AppOptions(watch_s=settings.watch_s, allow_origins=settings.allow_origins)
    app = application(releases, WebFiles(settings.web), operations, options)
    observer = Observer(operations.counts, operations.receipts) if operations else Observer(None, None)
    first: ASGIApp = MetadataFirst(app, releases, observer)
    if operations is not None:
        first = UpdatesFirst(first, operations.intake, observer)
    database = None if url is None else shown(url)
    with traced(first, settings.traces_exporter) as served:
        serve_until_stopped(
            served,
            listener,
            grace_s=settings.grace_s,
            on_listening=lambda: (
                announce(address_of(listener), settings, database, releases.view) if is_first else None
            ),
        )
