"""The command ``pocketrec sync``."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edge_runtime.sync.preview import Change
    from edge_runtime.sync.report import SyncReport
    from edge_runtime.terminal.console import Console


Origin = Annotated[
    str, typer.Argument(metavar="URL", help="Address of a server, or folder of a repository, such as one on a stick.")
]
Into = Annotated[Path, typer.Option("--into", metavar="DIR", help="Folder of this device.", file_okay=False)]
Target = Annotated[
    str | None,
    typer.Option(
        help="Target of the bundle.  [default: that of the installed one, or else this machine's]", metavar="TARGET"
    ),
]
Root = Annotated[
    Path | None,
    typer.Option(
        help="Trusted N.root.json of the repository, for the first sync. Without it, the first sync trusts the keys "
        "that the server presents.",
        metavar="FILE",
        exists=True,
        dir_okay=False,
    ),
]
Preview = Annotated[
    bool,
    typer.Option(
        "--preview",
        help="Show what the newest release would change in the list; do not switch to it. Without a bundle in use, "
        "which it is compared with, nothing is done.",
    ),
]
State = Annotated[
    Path | None,
    typer.Option(
        help="File of the history, for --preview and --take-part.  [default: that of the catalogue]", metavar="FILE"
    ),
]
Tell = Annotated[
    bool,
    typer.Option(
        "--tell",
        help="Tell the server whether this device took or refused a new release: one bit, no identity. A server stops "
        "a rollout that too many devices refuse.",
    ),
]
TakePart = Annotated[
    bool,
    typer.Option(
        "--take-part",
        help="Take part in the round, if one is open: this device trains the adapter on its history, and sends once "
        "by how much it changed, limited and with noise. It says before what is sent; --preview does only that.",
    ),
]
MaxEpsilon = Annotated[
    float | None,
    typer.Option(
        "--max-epsilon",
        help="What this device reveals to operators at most, in all rounds of a year: the epsilon of differential "
        "privacy at delta 1e-6.  [default: 8]",
        min=0.0,
        metavar="EPSILON",
    ),
]
AllowOlder = Annotated[
    bool, typer.Option("--allow-older", help="Accept an unsigned release that is not newer than the installed one.")
]
Insecure = Annotated[
    bool,
    typer.Option(
        "--insecure",
        help="Accept releases that are not signed, and the first keys over plain http: whoever controls the server or "
        "the network path can replace them.",
    ),
]
ProxyUrl = Annotated[
    str | None,
    typer.Option(
        "--proxy",
        metavar="URL",
        help="HTTP proxy, http://[USER:PASSWORD@]HOST:PORT, or none.  [default: as HTTPS_PROXY, HTTP_PROXY, NO_PROXY "
        "say] Give a password in the environment, where other users cannot read it.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def sync(
    origin: Origin,
    into: Into,
    target: Target = None,
    root: Root = None,
    preview: Preview = False,
    state: State = None,
    tell: Tell = False,
    part: TakePart = False,
    max_epsilon: MaxEpsilon = None,
    allow_older: AllowOlder = False,
    insecure: Insecure = False,
    proxy: ProxyUrl = None,
    as_json: AsJson = False,
) -> None:
    """Fetch the newest signed release. Every byte is checked, the bundle tried, and switched to in one step.

    The server need not be trusted: releases are signed, and this device keeps the keys that it trusts. An interrupted
    download is resumed, files that are already present are not fetched again, changed ones come as deltas where they
    are smaller, and the bundle in use stays unchanged until the last step. Every command that takes a bundle takes DIR.
    A release that fails its self-test here is not used and not downloaded again: the exit code is 1.

    Example: pocketrec sync https://shop.example --into device --root root.json

    Example: pocketrec sync /media/stick/releases --into device --preview

    Example: pocketrec sync https://shop.example --into device --take-part
    """
    from edge_runtime.sync.opening import sync as sync_with
    from edge_runtime.terminal.console import Console

    _check_arguments(into, target)
    _check_proxy(proxy)
    if part and state is not None:
        _check_history(state)
    try:
        with _Bar(Console(stderr=True)) as progress:
            report = sync_with(
                origin, into, target=target, root=None if root is None else root.read_bytes(), insecure=insecure,
                allow_older=allow_older, preview=preview, tell=tell, proxy=proxy, progress=progress,
            )  # fmt: skip
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="URL") from error
    changes = _changes(report, into, state) if report.status == "previewed" else []
    taking = _Taking(origin, into, state, report.name, max_epsilon, insecure, preview, proxy)
    _print(report, changes, origin, into, taking if part else None, tell=tell, as_json=as_json)


def _check_arguments(into: Path, target: str | None) -> None:
    from edge_runtime.bundle.names import is_plain_name

    if target is not None and not is_plain_name(target):
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


def _check_history(state: Path) -> None:
    from edge_runtime.errors import StateError

    if not state.is_file():
        raise StateError(f"{state}: there is no history. `pocketrec run` names its file when it ends.")


def _check_proxy(proxy: str | None) -> None:
    from edge_runtime.sync.proxy import NO_PROXY, parse_proxy

    try:
        if proxy not in (None, NO_PROXY):
            parse_proxy(proxy or "", "the proxy")
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--proxy") from error


def _changes(report: "SyncReport", into: Path, state: Path | None) -> "list[Change]":
    """Return what the previewed release would change in the list."""
    from edge_runtime.device_folder import current_bundle
    from edge_runtime.state.place import default_state
    from edge_runtime.sync.preview import compare_lists

    place = state or default_state(report.name, os.environ)
    return compare_lists(current_bundle(into), report.bundle, place if place.exists() else None)


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


@dataclass(frozen=True, slots=True)
class _Taking:
    """Takes part in a round once the result of the sync is known."""

    origin: str
    into: Path
    state: Path | None
    name: str
    max_epsilon: float | None
    insecure: bool
    preview: bool
    proxy: str | None

    def part(self, console: "Console") -> Mapping[str, object]:
        """Show what is sent before and after; return the result for ``--json``."""
        from edge_runtime.rounds.participate import Limit
        from edge_runtime.sync.round_view import as_entries, lines
        from edge_runtime.sync.taking_part import take_part

        def show(words: Sequence[str]) -> None:
            console.print("\n".join(words))

        report = take_part(
            self.origin,
            self.into,
            self._history(),
            limit=None if self.max_epsilon is None else Limit(epsilon=self.max_epsilon),
            insecure=self.insecure,
            preview=self.preview,
            proxy=self.proxy,
            show=show,
        )
        show(lines(report, self.into))
        return as_entries(report)

    def _history(self) -> Path:
        from edge_runtime.state.place import default_state

        return self.state or default_state(self.name, os.environ)


def _print(
    report: "SyncReport",
    changes: "list[Change]",
    origin: str,
    into: Path,
    taking: _Taking | None,
    *,
    tell: bool,
    as_json: bool,
) -> None:
    """Print the result; end the process with exit code 1 if the newest release is refused here."""
    from edge_runtime.errors import RefusedReleaseError
    from edge_runtime.terminal.console import Console
    from edge_runtime.terminal.outcome import fail, next_command, print_result

    console, is_refused = Console(soft_wrap=True), report.status == "refused"
    if as_json and not is_refused:
        more = {"changes": changes} if report.status == "previewed" else {}
        taken = {} if taking is None else {"round": taking.part(Console(stderr=True, soft_wrap=True))}
        print_result(asdict(report) | more | taken)
        return
    if not is_refused:
        console.print(_sentence(report))
    for line in _told(report) if tell and not as_json else ():
        console.print(line)
    for note in () if as_json else report.notes:
        console.print(f"note: {note}", style="yellow")
    if is_refused:
        fail(RefusedReleaseError(_sentence(report)), as_json=as_json, result=report)
    for change in changes:
        console.print(_move(change))
    if taking is not None:
        taking.part(console)
    words = ("sync", origin, "--into") if report.status == "previewed" else ("run",)
    console.print(next_command(*words, into))


def _told(report: "SyncReport") -> list[str]:
    """Return what the server was told with --tell, as sentences; what could not be told is among the notes."""
    from edge_runtime.sync.report import told_sentence
    from edge_runtime.sync.result import NOT_TOLD

    if report.told or any(note.startswith(NOT_TOLD) for note in report.notes):
        return [told_sentence(result) for result in report.told]
    return ["Told the server nothing: this device has no new result."]


def _move(change: "Change") -> str:
    """Return the change of an item's place as a line."""
    if change.after is None:
        return f"      -  {change.title} (was {change.before})"
    if change.before is None:
        return f"{change.after:5}  +  {change.title} (new in the list)"
    moved = change.before - change.after
    return f"{change.after:5}  {'=' if not moved else '^' if moved > 0 else 'v'}  {change.title}"


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
        case "waiting":
            return (
                f"Kept: {what}. Release {report.newer_release} comes to this device later, in its place of a staged "
                f"rollout ({traffic})."
            )
        case "refused":
            return (
                f"Kept: {what}. Release {report.refused_release} has failed its self-test here before, and was not "
                f"fetched again ({traffic})."
            )
        case "previewed":
            return f"Ready: release {report.newer_release} is complete and tested, {what} is still in use ({traffic})."
        case "installed":
            before = f" instead of release {report.previous_release}" if report.previous_release else ""
            return f"Installed: {what}{before}, checked and tested ({traffic})."
