"""The command ``pocketrec``: finds its sub-commands by entry points, and reports errors in one place.

Exit codes: 0 for success, 1 for a failure or refusal, 2 for a usage error, 130 after Ctrl-C. Results go to stdout,
messages to stderr.
"""

import errno
import io
import os
import shlex
import sys
from collections.abc import Sequence
from functools import partial, wraps
from inspect import signature
from typing import Annotated, Any, NoReturn

import typer

from edge_runtime.errors import PocketRecError
from edge_runtime.installed import what_is_missing
from edge_runtime.interrupt import EXIT_CODE, Interrupt
from edge_runtime.subcommands import Command, Decorator, Subcommands
from edge_runtime.version import __version__

# Click's class, or that of the copy of Click in newer Typers.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]
_JSON = "--json"


def application(stoppable: Decorator = lambda command: command) -> typer.Typer:
    """Return the command with every installed sub-command.

    Args:
        stoppable: makes of a sub-command one that Ctrl-C ends properly.
    """
    app = typer.Typer(
        name="pocketrec",
        cls=Subcommands,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100, "obj": stoppable},
    )
    app.callback()(_root)
    return app


def main(arguments: Sequence[str] | None = None, *, interrupt: Interrupt | None = None) -> None:
    """Run one command and leave with its exit code.

    Args:
        arguments: of the command, by default those of the process.
        interrupt: what Ctrl-C does, if this process is the command's alone.
    """
    _write_what_can_be_encoded()
    words = sys.argv[1:] if arguments is None else list(arguments)
    app = application(*([partial(_stoppable, interrupt, words)] if interrupt is not None else []))
    try:
        code = app(args=words, prog_name="pocketrec", standalone_mode=False)
    except _UsageError as error:
        _explain_usage(error, as_json=_JSON in words)
    except PocketRecError as error:
        _fail(error, words)
    except typer.Abort:  # Ctrl-C or the end of the input at a question
        sys.exit(EXIT_CODE)
    except OSError as error:
        if error.errno == errno.EPIPE:  # the reader of the output, such as `head`, has exited
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        _fail(error, words, f"{error.filename or 'the system'}: {error.strerror or error}")
    except ModuleNotFoundError as error:
        advice = what_is_missing(error, next((word for word in words if not word.startswith("-")), ""))
        if advice is None:
            raise
        _fail(error, words, advice)
    else:
        sys.exit(code if isinstance(code, int) else 0)


def _explain_usage(error: Any, *, as_json: bool) -> NoReturn:  # noqa: ANN401 - Click's, or its copy's
    error.show()
    if as_json:
        from edge_runtime.terminal.outcome import print_failure

        print_failure(error, error.format_message())
    sys.exit(error.exit_code)


def _fail(error: Exception, words: Sequence[str], message: str = "") -> NoReturn:
    from edge_runtime.terminal.outcome import fail

    fail(error, message, as_json=_JSON in words)


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
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Sequential recommenders that run on the user's device.

    Start with: pocketrec demo
    """


def _stoppable(interrupt: Interrupt, words: Sequence[str], command: Command) -> Command:
    """Return a command that Ctrl-C ends with the command line that goes on."""
    resume = ["--resume"] if "resume" in signature(command).parameters and "--resume" not in words else []
    # Only commands with a folder of their own keep what they have done so far.
    has_folder = {"out", "into"} & signature(command).parameters.keys()
    keeps = has_folder and not getattr(command, "all_or_nothing", False)
    line = shlex.join(["pocketrec", *words, *resume])
    advice = f"What was finished is kept; continue with: {line}" if keeps else f"Run it again with: {line}"

    @wraps(command)
    def stoppable(*args: object, **kwargs: object) -> object:
        try:
            with interrupt.raising(advice):
                return command(*args, **kwargs)
        except KeyboardInterrupt:
            interrupt.leave()

    return stoppable
