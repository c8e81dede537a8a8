"""The command ``pocketrec sync``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edge_runtime.sync.apply import SyncReport
    from edge_runtime.sync.transport import HttpTransport
    from edge_runtime.terminal.console import Console


def sync(
    url: Annotated[str, typer.Argument(metavar="URL", help="Address of the server, http or https.")],
    into: Annotated[Path, typer.Option("--into", metavar="DIR", help="Folder of this device.", file_okay=False)],
    target: Annotated[str, typer.Option(help="Target of the bundle.", metavar="TARGET")] = "laptop-x86_64",
    allow_older: Annotated[
        bool, typer.Option("--allow-older", help="Accept a release that is not newer than the installed one.")
    ] = False,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure",
            help="Accept plain http from another machine, where anyone on the network path can replace the release.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Fetch the newest bundle from a server. Every byte is checked, the bundle tried, and switched to in one step.

    An interrupted download is resumed, files that are already present are not fetched again, and the bundle in use
    stays unchanged until the last step. Every command that takes a bundle takes DIR. Releases are not signed yet, so
    they come over https, or from this very machine.

    Example: pocketrec sync http://127.0.0.1:8000 --into device
    """
    from edge_runtime.sync.apply import apply
    from edge_runtime.sync.fetch import Source
    from edge_runtime.sync.trial import self_test
    from edge_runtime.terminal.console import Console

    _check_arguments(into, target)
    transport = _transport(url, insecure=insecure)
    messages = Console(stderr=True)
    if not transport.is_protected:
        messages.print("note: with --insecure, anyone on the network path can replace the release.", style="yellow")
    with _Bar(messages) as progress:
        report = apply(
            into,
            source=Source(transport),
            target=target,
            self_test=self_test,
            allow_older=allow_older,
            progress=progress,
        )
    transport.close()
    _print(report, into, as_json=as_json)


def _check_arguments(into: Path, target: str) -> None:
    from edge_runtime.bundle.names import is_plain_name

    if not is_plain_name(target):
        raise typer.BadParameter(f"found {target!r}, expected a name such as laptop-x86_64", param_hint="--target")
    if (into / "manifest.json").exists():
        raise typer.BadParameter(
            f"{into} is a bundle; name a folder for the device, new or made by sync", param_hint="--into"
        )
    data_files = sorted(path.name for stem in ("interactions", "items") for path in into.glob(f"{stem}.*"))
    if data_files:
        raise typer.BadParameter(
            f"{into} is a data folder (it has {data_files[0]}); name a folder for the device, new or made by sync",
            param_hint="--into",
        )


def _transport(url: str, *, insecure: bool) -> "HttpTransport":
    from edge_runtime.sync.transport import HttpTransport

    try:
        return HttpTransport(url, insecure=insecure)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="URL") from error


class _Bar:
    """A progress bar on stderr that appears with the first byte, on terminals only."""

    def __init__(self, console: "Console") -> None:
        from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn

        from edge_runtime.terminal.progress import progress_bar

        self._progress = progress_bar(console, BarColumn(), DownloadColumn(binary_units=True), TimeRemainingColumn())
        self._task = self._progress.add_task("fetching", total=None, visible=False)

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, have: int, total: int) -> None:
        self._progress.update(self._task, completed=have, total=total, visible=True)


def _print(report: "SyncReport", into: Path, *, as_json: bool) -> None:
    from edge_runtime.terminal.console import Console
    from edge_runtime.terminal.outcome import next_command, print_result

    if as_json:
        print_result(report)
        return
    console = Console(soft_wrap=True)
    console.print(_sentence(report))
    console.print(next_command("run", into))


def _sentence(report: "SyncReport") -> str:
    """Return the result as a sentence."""
    what = f"release {report.release} of {report.name!r} for {report.target}"
    traffic = f"{report.requests} request{'s' if report.requests != 1 else ''}, {report.fetched_bytes:,} bytes fetched"
    if report.reused_bytes:
        traffic += f", {report.reused_bytes:,} were here already"
    match report.status:
        case "up to date":
            return f"Already up to date: {what} ({traffic})."
        case "repaired":
            return f"Repaired: {what} had damaged files, now every byte is right ({traffic})."
        case "installed":
            before = f" instead of release {report.previous_release}" if report.previous_release else ""
            return f"Installed: {what}{before}, checked and tested ({traffic})."
