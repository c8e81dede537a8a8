"""The trial of a new bundle before it goes into use."""

from pathlib import Path

from edge_runtime.errors import EngineError


def self_test(bundle: Path) -> None:
    """Read everything that ranking needs and let the engines of this machine reproduce the golden vectors.

    Raises:
        BundleError: a file breaks the format.
        EngineError: not one engine passes: a device would fall to the popularity order, so it keeps what it has.
    """
    from edge_runtime.bundle import open_folder
    from edge_runtime.contents import open_contents

    ladder = open_contents(open_folder(bundle), language_model=False).ladder()
    if ladder.engine is None:
        reasons = "; ".join(f"{one.engine} {one.precision}: {one.reason}" for one in ladder.refusals)
        raise EngineError(f"the new release is not used, because no engine passes its self-test here. {reasons}")
