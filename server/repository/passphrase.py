"""The passphrase of key files: asked for, or taken from the environment; never an argument, which others can read."""

import os
import sys
import unicodedata
from typing import Final

import typer

from server.errors import SigningError

PASSPHRASE: Final = "POCKETREC_PASSPHRASE"  # noqa: S105 - the name of a variable
MIN_LENGTH: Final = 8


class Passphrase:
    """One passphrase for all key files of a command, asked for when the first one is opened."""

    def __init__(self) -> None:
        self._text: bytes | None = None

    def new(self) -> bytes:
        """Return the passphrase for files that are about to be written.

        Raises:
            SigningError: there is none, or it is too short.
        """
        if self._text is None:
            self._text = _asked("New passphrase of the keys", confirmed=True)
        if len(self._text.decode()) < MIN_LENGTH:
            raise SigningError(
                f"found a passphrase of {len(self._text.decode())} characters, expected at least {MIN_LENGTH}: "
                "who copies the file could guess it. Choose a longer one."
            )
        return self._text

    def known(self) -> bytes:
        """Return the passphrase for files that are there.

        Raises:
            SigningError: there is none.
        """
        if self._text is None:
            self._text = _asked("Passphrase of the keys", confirmed=False)
        return self._text

    def other(self, name: str) -> bytes | None:
        """Return the passphrase of a file that :meth:`known` does not open, or None where nobody can be asked."""
        if os.environ.get(PASSPHRASE) or not sys.stdin.isatty():
            return None
        return _asked(f"Passphrase of {name}", confirmed=False)


def _asked(question: str, *, confirmed: bool) -> bytes:
    given = os.environ.get(PASSPHRASE)
    if not given and not sys.stdin.isatty():
        raise SigningError(f"expected a passphrase. Set {PASSPHRASE}, or run the command in a terminal, which asks.")
    text = given or str(typer.prompt(question, hide_input=True, confirmation_prompt=confirmed, err=True))
    try:
        return unicodedata.normalize("NFC", text).encode()
    except UnicodeEncodeError as error:
        raise SigningError(f"the passphrase is no text in UTF-8. Set {PASSPHRASE} to another one.") from error
