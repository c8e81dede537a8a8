"""Self-test of a new bundle before it is used."""

from pathlib import Path

from edge_runtime.bundle import open_folder
from edge_runtime.contents import open_contents
from edge_runtime.errors import EngineError


def self_test(bundle: Path) -> None:
    """Load the bundle and check that an engine on this machine reproduces the golden vectors.

    Raises:
        BundleError: a file violates the format.
        EngineError: no engine passes, so that the device could only rank by popularity.
    """
    candidates = open_contents(open_folder(bundle), language_model=False).engine_candidates()
    if candidates.engine is None:
        reasons = "; ".join(f"{entry.engine} {entry.precision}: {entry.reason}" for entry in candidates.refusals)
        raise EngineError(f"the new release is not used, because no engine passes its self-test here. {reasons}")
