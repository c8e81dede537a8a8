"""``pocketrec history``: carries a history to another device of the same user."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from edge_runtime.errors import StateError

PASSPHRASE: Final = "POCKETREC_PASSPHRASE"  # noqa: S105 - the name of a variable
"""Environment variable with the passphrase; it is never an argument, because other processes can read arguments."""


class Action(StrEnum):
    """What to do with the file."""

    EXPORT = "export"
    IMPORT = "import"


def history(
    action: Annotated[Action, typer.Argument(help="Write the file, or add its events.", metavar="export|import")],
    file: Annotated[Path, typer.Argument(help="The file that goes to the other device.", metavar="FILE")],
    state: Annotated[Path, typer.Option(help="File of the history, as `pocketrec run` names it.", metavar="PATH")],
    encrypt: Annotated[
        bool,
        typer.Option("--encrypt", help=f"Encrypt with a passphrase, which is asked for, or taken from {PASSPHRASE}."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Carry a history to a device of your own. It is written to a file, or the events of such a file are added.

    Events are merged by their times; those that are there already are not added again.

    Example: pocketrec history export phone.history --state history.sqlite --encrypt
    """
    from edge_runtime.terminal.console import Console
    from edge_runtime.terminal.outcome import print_result

    n_events = _write(state, file, encrypt=encrypt) if action is Action.EXPORT else _read(state, file)
    if as_json:
        print_result({"action": action.value, "file": str(file), "events": n_events})
        return
    counted = f"{n_events:,} {'event' if n_events == 1 else 'events'}"
    what = f"{counted} written to {file}." if action is Action.EXPORT else f"{counted} added to {state}."
    Console(soft_wrap=True).print(what)


def _write(state: Path, file: Path, *, encrypt: bool) -> int:
    from edge_runtime.files import write_durably
    from edge_runtime.state.history import History
    from edge_runtime.state.history_file import dump_history

    if not state.is_file():
        raise StateError(f"{state}: there is no history. `pocketrec run` names its file when it ends.")
    with History.open(state) as events:
        found = events.newest()[::-1]
    passphrase = _passphrase(confirmed=True) if encrypt else None
    try:
        data = dump_history(found, passphrase)
    except ValueError as error:
        raise StateError(str(error)) from error
    try:
        # Nobody else on this machine may read it.
        write_durably(file, data, "xb", permissions=0o600)
    except FileExistsError as error:
        raise StateError(f"{file}: exists already. Choose another file, or remove it.") from error
    return len(found)


def _read(state: Path, file: Path) -> int:
    from edge_runtime.bundle.folder import open_file
    from edge_runtime.state.history import History
    from edge_runtime.state.history_file import MAX_FILE_BYTES, is_encrypted, read_history

    with open_file(file) as stream:
        data = stream.read(MAX_FILE_BYTES + 1)
    passphrase = _passphrase(confirmed=False) if is_encrypted(data) else None
    found = read_history(data, passphrase)
    with History.open(state) as events:
        return events.merge((one.item_id, one.event, one.time) for one in found)


def _passphrase(*, confirmed: bool) -> str:
    given = os.environ.get(PASSPHRASE)
    if not given and not sys.stdin.isatty():
        raise StateError(f"expected a passphrase. Set {PASSPHRASE}, or run the command in a terminal, which asks.")
    text = given or str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirmed, err=True))
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise StateError(f"the passphrase is no text in UTF-8. Set {PASSPHRASE} to another one.") from error
    return text
