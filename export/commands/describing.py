"""``pocketrec targets``."""

from pathlib import Path
from typing import Annotated

import typer

from train.options import AsJson

BUILT_IN = sorted(path.stem for path in Path(__file__).parent.with_name("targets").glob("*.toml"))
"""The names of the built-in targets, found without the modules that read them."""


def complete_target(incomplete: str) -> list[str]:
    """Return the built-in targets whose names begin so, for the shell."""
    return [name for name in BUILT_IN if name.startswith(incomplete)]


def targets(
    target: Annotated[
        str | None,
        typer.Argument(
            help="A built-in target, or a TOML file of your own, to explain. [default: list the built-in ones]",
            metavar="TARGET",
            autocompletion=complete_target,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the targets that bundles can be exported for. With a name or a file it explains that target.

    A target is a TOML file with engines, language model and budgets; an invalid file is refused with the line.

    Example: pocketrec targets raspberry-pi-5
    """
    from export.show_targets import print_target, print_targets
    from export.target import known_targets, read_target

    if target is None:
        print_targets([read_target(name) for name in known_targets()], as_json=as_json)
    else:
        print_target(read_target(target), as_json=as_json)
