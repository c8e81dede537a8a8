"""Decides whether a language model of others may be put into a bundle, from the licences that it states.

A permissive licence is enough; any other has to be accepted by name. A model that states none is refused: a bundle
hands the model on, which needs permission. This is a check of names and no legal advice.
"""

from collections.abc import Sequence
from typing import Final

from edge_runtime.errors import PocketRecError
from train.reasons.model_card import SAME_AS_CATALOGUE

_SPDX: Final = (
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSD-3-Clause-Clear", "BSL-1.0", "CC-BY-3.0", "CC-BY-4.0",
    "CC0-1.0", "CDLA-Permissive-2.0", "ISC", "MIT", "NCSA", "PostgreSQL", "Unlicense", "Zlib",
)  # fmt: skip
PERMISSIVE: Final = {name.casefold(): name for name in _SPDX}
"""Licences that allow to hand a model on and to sell what contains it, by lower-case name; the values are SPDX's."""

MAX_NAME: Final = 100
OPTION: Final = "--accept-licence"


class LicenceError(PocketRecError):
    """A language model may not be put into a bundle."""


def checked_licences(stated: Sequence[str], accepted: Sequence[str], source: str) -> tuple[str, ...]:
    """Return the licences of a model under the names of SPDX where it has one.

    Args:
        stated: as the model states them; empty for a model that was trained on the catalogue only.
        accepted: names that the user accepts.
        source: the model, for messages.

    Raises:
        LicenceError: the model states none, or one that is neither permissive nor accepted.
    """
    if not any(name.strip() for name in stated):
        raise LicenceError(
            f"{source}: states no licence, so it may not be handed on in a bundle. Expected `license:` in the front "
            "matter of README.md, or the key general.license of a GGUF file. Ask its authors, or use another model."
        )
    if any(len(name) > MAX_NAME or not name.isprintable() for name in stated):
        raise LicenceError(f"{source}: found a licence of {max(map(len, stated)):,} characters, expected a name.")
    if list(stated) == [SAME_AS_CATALOGUE]:
        return ()
    known = {name.casefold() for name in accepted}
    refused = [name for name in stated if name.casefold() not in PERMISSIVE and name.casefold() not in known]
    if refused:
        raise LicenceError(_refusal(refused, accepted, source))
    return tuple(PERMISSIVE.get(name.casefold(), name) for name in stated)


def accepted_only(licences: Sequence[str]) -> tuple[str, ...]:
    """Return the licences that hold only because the user accepted them."""
    return tuple(name for name in licences if name.casefold() not in PERMISSIVE)


def _refusal(refused: Sequence[str], accepted: Sequence[str], source: str) -> str:
    names = " and ".join(refused)
    commercial = " It forbids commercial use." if any("-nc" in name.casefold() for name in refused) else ""
    others = f" {OPTION} names {', '.join(accepted)}." if accepted else ""
    options = " ".join(f"{OPTION} {name}" for name in refused)
    return (
        f"{source}: found the licence {names}, which is not permissive.{commercial}{others} Read it; if its terms are "
        f"met by everyone who gets the bundle, add {options}. It is then named in the bundle and its bill of materials."
    )
