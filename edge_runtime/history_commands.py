"""``pocketrec history``: carries a history to another device of the same user."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from edge_runtime.errors import StateError

if TYPE_CHECKING:
    from edge_runtime.state.history import History

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
    from edge_runtime.state.history import History
    from edge_runtime.terminal.console import Console
    from edge_runtime.terminal.outcome import print_result

    with History.open(_existing(state) if action is Action.EXPORT else state) as events:
        n_events = _write(events, file, encrypt=encrypt) if action is Action.EXPORT else _read(events, file)
    if as_json:
        print_result({"action": action.value, "file": str(file), "events": n_events})
    elif action is Action.EXPORT:
        Console().print(f"{n_events:,} events written to {file}.")
    else:
        Console().print(f"{n_events:,} new events added to {state}.")


def _write(events: "History", file: Path, *, encrypt: bool) -> int:
    from edge_runtime.state.history_file import dump_history

    found = events.newest()[::-1]
    passphrase = _passphrase(confirmed=True) if encrypt else None
    try:
        data = dump_history(found, passphrase)
    except ValueError as error:
        raise StateError(str(error)) from error
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise StateError(f"{file}: exists already. Choose another file, or remove it.") from error
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    return len(found)


def _read(events: "History", file: Path) -> int:
    from edge_runtime.bundle.folder import open_file
    from edge_runtime.state.history_file import MAX_FILE_BYTES, is_encrypted, read_history

    with open_file(file) as stream:
        data = stream.read(MAX_FILE_BYTES + 1)
    passphrase = _passphrase(confirmed=False) if is_encrypted(data) else None
    return events.merge((one.item_id, one.event, one.time) for one in read_history(data, passphrase))


def _passphrase(*, confirmed: bool) -> str:
    given = os.environ.get(PASSPHRASE)
    return given or str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirmed, err=True))


def _existing(state: Path) -> Path:
    if not state.is_file():
        raise StateError(f"{state}: there is no history. `pocketrec run` names its file when it ends.")
    return state
