"""Updates of a device's bundle from a server or a folder."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_runtime.device_folder import stale_since
    from edge_runtime.sync.opening import sync
    from edge_runtime.sync.report import SyncReport
    from edge_runtime.sync.taking_part import RoundReport, take_part

__all__ = ["RoundReport", "SyncReport", "stale_since", "sync", "take_part"]


def __getattr__(name: str) -> object:
    # Loaded when they are asked for: importing one module of this package must not load the verifier.
    if name == "sync":
        from edge_runtime.sync.opening import sync

        return sync
    if name == "SyncReport":
        from edge_runtime.sync.report import SyncReport

        return SyncReport
    if name in {"RoundReport", "take_part"}:
        from edge_runtime.sync import taking_part

        return getattr(taking_part, name)
    if name == "stale_since":
        from edge_runtime.device_folder import stale_since

        return stale_since
    raise AttributeError(name)
