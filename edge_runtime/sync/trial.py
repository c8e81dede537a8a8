"""Self-test of a new bundle before it is used."""

from pathlib import Path

from edge_runtime.bundle import open_folder
from edge_runtime.bundle.item_table import check_item_table
from edge_runtime.contents import open_contents
from edge_runtime.errors import EngineError, SelfTestError


def self_test(bundle: Path) -> None:
    """Load the bundle and check that it reproduces the golden vectors on this machine.

    An engine must do so; in a bundle without engines, the transitions.

    Raises:
        BundleError: a file violates the format.
        SelfTestError: none passes, so that the device could only use a fallback, and none would in another try.
        EngineError: none passes now, as with too little memory, too little time or a library that is missing.
    """
    contents = open_contents(open_folder(bundle), language_model=False)
    check_item_table(contents.table)
    candidates = contents.engine_candidates()
    if candidates.self_test is None:
        reasons = "; ".join(f"{entry.engine} {entry.precision}: {entry.reason}" for entry in candidates.refusals)
        causes = {entry.cause for entry in candidates.refusals}
        kind = SelfTestError if "release" in causes and "circumstances" not in causes else EngineError
        raise kind(f"the new release is not used, because no engine passes its self-test here. {reasons}")
