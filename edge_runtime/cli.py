"""The command ``pocketrec``: finds its sub-commands by entry points, and reports errors in one place.

Exit codes: 0 done, 1 failed or refused, 2 misused. Results go to stdout, complaints to stderr.
"""

import io
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated

import typer

from edge_runtime import __version__
from edge_runtime.errors import PocketRecError
from edge_runtime.terminal.console import print_error

GROUP = "pocketrec.commands"

# The order of the work, so that `pocketrec --help` reads as a story; commands of others follow, by name.
ORDER = (
    "demo", "world", "import", "check", "train", "distill", "evaluate", "export", "verify",
    "inspect", "recommend", "run", "serve", "sync",
)  # fmt: skip


def application() -> typer.Typer:
    """Return the command with every installed sub-command."""
    app = typer.Typer(
        name="pocketrec",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(_root)
    for entry in sorted(entry_points(group=GROUP), key=_place):
        app.command(entry.name)(_stoppable(_load(entry)))
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code."""
    _write_what_can_be_encoded()
    try:
        application()(args=arguments, prog_name="pocketrec")
    except PocketRecError as error:
        print_error(str(error))
        sys.exit(1)
    except OSError as error:
        print_error(f"{error.filename or 'the system'}: {error.strerror or error}")
        sys.exit(1)


def _write_what_can_be_encoded() -> None:
    """Let the standard streams replace what their encoding lacks: a title in another script must not end a command."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a program that starts `main` itself may have put others there
            stream.reconfigure(errors="replace")


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"pocketrec {__version__}\n")
        raise typer.Exit


def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")] = False,
) -> None:
    """Recommenders that run where the person is.

    Start with: pocketrec demo
    """


def _place(entry: EntryPoint) -> tuple[int, str]:
    return (ORDER.index(entry.name) if entry.name in ORDER else len(ORDER), entry.name)


def _load(entry: EntryPoint) -> Callable[..., object]:
    """Import one command, or return one that says what to install when its part of the project is not here."""
    try:
        function: Callable[..., object] = entry.load()
    except ModuleNotFoundError as missing:
        return _unavailable(entry.name, missing.name or "")
    return function


def _unavailable(name: str, module: str) -> Callable[..., object]:
    def explain() -> None:
        raise PocketRecError(
            f"`pocketrec {name}` needs the module {module!r}, which is not installed. The device's commands "
            "come with `pip install pocketrec`; for this one work in a checkout, after `make setup`."
        )

    explain.__doc__ = f"(not installed here: needs {module})"
    return explain


def _stoppable(function: Callable[..., object]) -> Callable[..., object]:
    """Turn Ctrl-C into one line: every command keeps what it had finished."""

    @wraps(function)
    def stoppable(*args: object, **kwargs: object) -> object:
        try:
            return function(*args, **kwargs)
        except KeyboardInterrupt as stop:
            raise PocketRecError("stopped. What was finished is kept; run the same command again to go on.") from stop

    return stoppable
