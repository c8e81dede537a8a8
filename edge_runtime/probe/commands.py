"""``pocketrec probe``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edge_runtime.probe.subjects import Probed


def probe(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="SUBJECT",
            help="Address of a server, folder of a bundle, or a target: a name, or a TOML file.",
        ),
    ],
    target: Annotated[str, typer.Option(help="Which release of a server.", metavar="TARGET")] = "laptop-x86_64",
    items: Annotated[
        int, typer.Option(min=10, max=1 << 24, help="Size of the catalogue, where a target is probed for.", metavar="N")
    ] = 10_000,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Accept plain http from another machine, as in `pocketrec sync`.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Predict whether a bundle will run here, and how fast.

    Nothing is downloaded: of a server's release only the manifest is fetched. A bundle of random numbers with the same
    sizes is made and measured here for some seconds, with the memory that is free, the bandwidth of the memory, the
    speed of one core and the engines that are installed. Predictions are ranges; `pocketrec profile` measures exactly,
    once the bundle is here. Exit code 1 if it will not run, with the reason and what to do.

    Example: pocketrec probe https://releases.example.org --target laptop-x86_64
    """
    from edge_runtime.errors import ProbeError
    from edge_runtime.probe import view
    from edge_runtime.probe.probe import probe as measure
    from edge_runtime.profiling.view import progress
    from edge_runtime.terminal.console import Console
    from edge_runtime.terminal.outcome import fail, print_result

    probed = _probed(subject, target, items, insecure=insecure)
    with progress() as tell:
        found = measure(probed, tell=tell)
    if not as_json:
        view.show(found, Console())
    failed = [one for one in found.checks if one.passed is False]
    if failed:
        reasons = "; ".join(f"{one.name}: {one.text}. Fix: {one.fix}" for one in failed)
        fail(ProbeError(reasons), as_json=as_json, result=found)
    if as_json:
        print_result(found)


def _probed(subject: str, target: str, items: int, *, insecure: bool) -> "Probed":
    from edge_runtime.probe import subjects

    if subject.startswith(("http://", "https://")):
        return _release(subject, target, insecure=insecure)
    path = Path(subject)
    if path.is_dir() or (path.parent != Path() and not subject.endswith(".toml")):
        return subjects.from_folder(path)
    return subjects.from_target(subject, items)


def _release(url: str, target: str, *, insecure: bool) -> "Probed":
    from edge_runtime.bundle.names import is_plain_name
    from edge_runtime.probe import subjects
    from edge_runtime.sync.fetch import Source
    from edge_runtime.sync.transport import HttpTransport

    if not is_plain_name(target):
        raise typer.BadParameter(f"found {target!r}, expected a name such as laptop-x86_64", param_hint="--target")
    try:
        transport = HttpTransport(url, insecure=insecure)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="SUBJECT") from error
    try:
        return subjects.from_server(Source(transport), url, target)
    finally:
        transport.close()
