"""Ctrl-C, from the first moment of a command to its last: one line and exit code 130, never a traceback.

The handler is installed before anything else is imported, so this module imports only what Python itself has loaded or
has built in: no ``typing``, and not ``signal``, which loads ``enum``.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from types import FrameType
    from typing import NoReturn, Self
else:
    import _signal

EXIT_CODE = 130
"""What shells give a program that Ctrl-C ended: 128 + SIGINT."""

# What `--json` prints; without a JSON library, because none may be loaded yet.
_ENVELOPE = b'{"ok": false, "error": {"type": "KeyboardInterrupt", "message": "stopped."}}\n'
_IMPORT_SYSTEM = "<frozen importlib"
_SHOW_CURSOR = b"\x1b[?25h"


class Interrupt:
    """Ends a process that runs one command, in ``with interrupt.raising(advice):``, on Ctrl-C.

    Within that block, the first Ctrl-C raises ``KeyboardInterrupt``, so that files are closed and children ended. At
    any other moment it ends the process at once: while a library is imported, because many libraries catch the
    exception; and the second time, because the first had no effect. No file is left half-written, because files are
    replaced in one step everywhere.

    Args:
        is_silent: print nothing, because the parent process does.
        as_json: print the envelope of a failed command on stdout, too, unless the command has ended.
    """

    def __init__(self, *, is_silent: bool = False, as_json: bool = False) -> None:
        self._process = os.getpid()
        self._is_silent = is_silent
        self._raises = False
        self._advice = ""
        self._envelope = _ENVELOPE if as_json and not is_silent else b""
        self._stderr = os.dup(2)  # whatever the standard stream is made to be later
        _signal.signal(_signal.SIGINT, self._on_signal)
        sys.unraisablehook = self._on_unraisable

    def raising(self, advice: str) -> "Self":
        """Return this object as the context manager of a command.

        Args:
            advice: a sentence on how to continue, printed after "stopped."
        """
        self._advice = f" {advice}"
        return self

    def __enter__(self) -> None:
        self._raises = True

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._raises = False
        if kind is None:
            self._advice = ""
        if kind is None or kind is SystemExit:
            self._envelope = b""  # the command has printed its own

    def leave(self) -> "NoReturn":
        """Print that the command was stopped, and end the process."""
        _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
        restored = _SHOW_CURSOR if os.isatty(self._stderr) else b""
        if not self._is_silent:
            if self._envelope:
                os.write(1, self._envelope)
            os.write(self._stderr, restored + f"stopped.{self._advice}\n".encode(errors="replace"))
        os._exit(EXIT_CODE)

    def _on_signal(self, _: int, frame: "FrameType | None") -> None:
        if os.getpid() != self._process:  # a child that has not replaced itself by its program yet
            os._exit(EXIT_CODE)
        if not self._raises or _is_importing(frame):
            self.leave()
        self._raises = False
        raise KeyboardInterrupt

    def _on_unraisable(self, unraisable: "sys.UnraisableHookArgs") -> None:
        """End the process where Ctrl-C came during a call whose exceptions Python only prints."""
        if isinstance(unraisable.exc_value, KeyboardInterrupt):
            self.leave()
        sys.__unraisablehook__(unraisable)


def _is_importing(frame: "FrameType | None") -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith(_IMPORT_SYSTEM):
            return True
        frame = frame.f_back
    return False
