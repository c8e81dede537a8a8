"""The command ``pocketrec audit``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edge_runtime.audit.report import Audit
    from edge_runtime.audit.traffic import Traffic
    from edge_runtime.terminal.console import Console


def audit(
    bundle: Annotated[
        Path,
        typer.Argument(
            help="The folder with manifest.json, or the folder that `pocketrec sync` fills; for --sync, the latter.",
            metavar="BUNDLE",
            file_okay=False,
        ),
    ],
    sync: Annotated[
        str | None,
        typer.Option("--sync", metavar="URL", help="Sync with this server first, and compare with receipts."),
    ] = None,
    part: Annotated[
        bool, typer.Option("--take-part", help="In that sync, take part in the round, as `pocketrec sync` does.")
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option(help="File of the history, for --take-part. [default: that of the catalogue]", metavar="FILE"),
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="Trusted N.root.json, for a first sync.", metavar="FILE", exists=True)
    ] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="As for `pocketrec sync`.")] = False,
    linger: Annotated[
        float,
        typer.Option(min=0.0, max=3600.0, help="Stay so long after each engine, for what is sent later.", metavar="S"),
    ] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Watch what leaves this device, and print it byte for byte.

    A plain session opens each engine, observes, recommends, explains with and without the language model, learns and
    closes, with a new history of its own. It must send nothing. With --sync a real sync of the device comes first; each
    byte that it sends must be in its receipts. What else tries to reach another process or machine is refused and
    printed, and the exit code is 1.

    On Linux the kernel watches (seccomp, no privilege needed), child processes and native libraries included. Elsewhere
    only what Python sends is seen, and the output says so.

    Example: pocketrec audit build/demo/bundles/laptop-x86_64

    Example: pocketrec audit device --sync https://shop.example --take-part
    """
    from edge_runtime.audit.report import audit as watched
    from edge_runtime.errors import AuditError
    from edge_runtime.terminal.console import Console
    from edge_runtime.terminal.outcome import fail, print_result

    options = _options(sync, part=part, state=state, root=root, insecure=insecure)
    progress = Console(stderr=True, soft_wrap=True, quiet=as_json)
    found = watched(bundle, sync=sync, options=options, linger_s=linger, say=lambda text: progress.print(text + " ..."))
    if not as_json:
        _show(found, Console(soft_wrap=True))
    if found.leaks:
        things = "1 thing" if found.leaks == 1 else f"{found.leaks} things"
        message = f"{bundle}: {things} left, or would have, that no receipt has."
        fail(AuditError(message), as_json=as_json, result=found)
    if as_json:
        print_result(found)


def _options(sync: str | None, *, part: bool, state: Path | None, root: Path | None, insecure: bool) -> list[str]:
    """Return the options of the sync; paths are absolute, because the process has another working directory."""
    from edge_runtime.address import parse_address

    if sync is None:
        if part or state is not None or root is not None or insecure:
            raise typer.BadParameter("--take-part, --state, --root and --insecure belong to --sync URL")
        return []
    try:
        parse_address(sync)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--sync") from error
    options = [flag for flag, given in (("--take-part", part), ("--insecure", insecure)) if given]
    for flag, path in (("--state", state), ("--root", root)):
        options += [] if path is None else [flag, str(path.resolve())]
    return options


def _show(found: "Audit", console: "Console") -> None:
    console.print(_watch(found), style=None if found.by_kernel else "yellow")
    for one in found.sessions:
        console.print(
            f"Session with {one['engine']}: {one['events']} events, {one['listed']} items listed, reason by "
            f"{one['reason']}, {one['learning_steps']} learning steps."
        )
    if found.traffic is not None:
        _show_traffic(found.traffic, console)
    for attempt in found.attempts:
        amount = f", {attempt.n_bytes} bytes" if attempt.n_bytes else ""
        console.print(f"Refused: {attempt.program} ({attempt.process}), {attempt.call} to {attempt.address}{amount}")
        _show_bytes(attempt.data, console)
    for event, address in found.python:
        console.print(f"Refused: Python's {event} to {address}")
    if not found.attempts and not found.python:
        console.print("Sent by the session: nothing.")


def _watch(found: "Audit") -> str:
    if found.by_kernel:
        return (
            "Watched by the kernel (seccomp): connections, listening sockets and packets, of all processes, threads "
            "and native libraries that the session starts. Not watched: files and shared memory."
        )
    return (
        f"Only Python's own sockets were watched, not native libraries and child processes: {found.unwatched}. "
        "Of a sync, the requests were recorded on their way."
    )


def _show_traffic(traffic: "Traffic", console: "Console") -> None:
    n_bytes = sum(map(len, traffic.requests))
    encrypted = f", of which {traffic.n_encrypted_bytes:,} encrypted" if traffic.n_encrypted_bytes else ""
    seen = traffic.n_plain_bytes + traffic.n_encrypted_bytes
    console.print(f"Sent by the sync: {n_bytes:,} bytes in its receipts; {seen:,} bytes seen{encrypted}.")
    for request in traffic.requests:
        _show_bytes(request, console)
    for rest in traffic.unexplained:
        console.print("Not in the receipts:")
        _show_bytes(rest, console)


def _show_bytes(data: str, console: "Console") -> None:
    from edge_runtime.sync.receipts import readable_lines

    for line in readable_lines(data):
        console.print(f"    {line}")
