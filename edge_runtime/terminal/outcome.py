"""How every command ends: the JSON envelope of ``--json``, failures, and the command that usually comes next.

With ``--json`` a command prints exactly one object on stdout: ``ok``, and the entries of its result. If it fails or
Ctrl-C stops it, ``ok`` is false, and ``error`` has a ``type`` and a ``message``. The message is on stderr, too.
"""

import shlex
import sys
from os import PathLike, fspath
from typing import NoReturn

from edge_runtime.terminal.console import Console, print_error, print_json


def print_result(result: object) -> None:
    """Print the result of a command that succeeded as one JSON object.

    Args:
        result: a mapping, or a struct or dataclass whose fields become entries.
    """
    print_json({"ok": True} | _entries(result))


def print_outcome(result: object, sentences: str, *following: str | PathLike[str], as_json: bool) -> None:
    """Print the result of a command that succeeded as JSON, or in sentences with the command that usually comes next.

    Args:
        result: as for :func:`print_result`.
        sentences: what was done.
        following: the words of the next command, without ``pocketrec``.
        as_json: print one JSON object.
    """
    if as_json:
        print_result(result)
    else:
        Console(soft_wrap=True).print(f"{sentences}\n{next_command(*following)}")


def fail(error: Exception, message: str = "", *, as_json: bool, result: object = None, exit_code: int = 1) -> NoReturn:
    """End the process of a command that failed.

    Args:
        error: what went wrong.
        message: for users; by default the text of the error. Notes of the error follow on stderr.
        as_json: print the envelope on stdout, too.
        result: what was found before the failure; its entries stand beside ``error``.
        exit_code: 1 for a failure or refusal, 2 for a usage error.
    """
    text = message or str(error)
    if as_json:
        print_failure(error, text, result)
    print_error("\n".join([text, *getattr(error, "__notes__", ())]))
    sys.exit(exit_code)


def print_failure(error: Exception, message: str, result: object = None) -> None:
    """Print the envelope of a command that failed; arguments as for :func:`fail`."""
    envelope = {"ok": False, "error": {"type": type(error).__name__, "message": message}}
    print_json(envelope | ({} if result is None else _entries(result)))


def next_command(*words: str | PathLike[str]) -> str:
    """Return a line with the command that usually comes next, quoted so that it can be pasted into a shell."""
    return f"Next: {shlex.join(['pocketrec', *(fspath(word) for word in words)])}"


def _entries(result: object) -> dict[str, object]:
    import msgspec

    entries = msgspec.to_builtins(result, enc_hook=str)
    if not isinstance(entries, dict):
        raise TypeError(f"expected a mapping, a struct or a dataclass, got {type(result).__name__}")
    return entries
