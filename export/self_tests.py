"""Checks before a bundle is published that no device would refuse one of its engines."""

from pathlib import Path

from edge_runtime.bundle import open_folder
from edge_runtime.contents import open_contents
from edge_runtime.errors import EngineError
from export.measure import open_engine, open_transitions


def check_engines(bundle: Path) -> None:
    """Open every engine of a bundle that is installed here as a device does, and run its self-test.

    A bundle without engines is tested by its transitions.

    Raises:
        EngineError: a device would refuse an engine; it names the engine and the reason.
    """
    contents = open_contents(open_folder(bundle), language_model=False)
    engines = contents.folder.manifest.engines
    if not engines:
        if contents.transitions is not None:
            _refuse("transitions", open_transitions(contents))
        return
    for variant in engines:
        try:
            opened = open_engine(contents, variant)
        except ModuleNotFoundError:
            continue
        _refuse(f"{variant.engine} {variant.precision}", opened)


def _refuse(name: str, opened: object) -> None:
    """Raise if an engine did not open: then a reason stands in its place."""
    if isinstance(opened, str):
        raise EngineError(
            f"a device would refuse {name} of this bundle: {opened}. It was not written. Remove the folder .work in "
            "--out, which keeps finished parts, and export again; if it is refused again, use a target without it."
        )
