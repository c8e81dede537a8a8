"""The on-device runtime: opens a bundle, stores the history, ranks items and explains recommendations, offline.

The public API is :class:`Recommender`, the conditions of its filters, the transport of syncs, and the exceptions that
they raise:

    from edge_runtime import BundleError, Recommender, StateError, below, none_of

The package never imports torch, ``train``, ``export`` or ``server``. Importing it disables the telemetry of the
libraries that it may load later.
"""

from edge_runtime.telemetry import switch_off
from edge_runtime.version import __version__

TYPE_CHECKING = False  # not imported from `typing`: the Ctrl-C handler is not installed yet, and imports take time
if TYPE_CHECKING:
    from typing import Any

    from edge_runtime.errors import (
        AuditError,
        BundleError,
        BundleIntegrityError,
        BundleVersionError,
        BusyError,
        ClosedError,
        DamagedStoreError,
        DeltaError,
        EngineError,
        ExpiredMetadataError,
        FilterError,
        PocketRecError,
        ProbeError,
        ProfileError,
        RefusedReleaseError,
        RoundError,
        SelfTestError,
        ServerUnreachableError,
        SlowTestError,
        StateError,
        SyncError,
        TargetError,
        UnknownItemError,
        UnprotectedError,
        UpdateRefusedError,
        VariableError,
    )
    from edge_runtime.filters.conditions import Range, Where, above, at_least, at_most, below, between, none_of
    from edge_runtime.learning.status import LearningResult, LearningStatus
    from edge_runtime.recommendation import Recommendation
    from edge_runtime.recommender import Recommender
    from edge_runtime.sync.transport import HttpTransport

__all__ = [
    "AuditError",
    "BundleError",
    "BundleIntegrityError",
    "BundleVersionError",
    "BusyError",
    "ClosedError",
    "DamagedStoreError",
    "DeltaError",
    "EngineError",
    "ExpiredMetadataError",
    "FilterError",
    "HttpTransport",
    "LearningResult",
    "LearningStatus",
    "PocketRecError",
    "ProbeError",
    "ProfileError",
    "Range",
    "Recommendation",
    "Recommender",
    "RefusedReleaseError",
    "RoundError",
    "SelfTestError",
    "ServerUnreachableError",
    "SlowTestError",
    "StateError",
    "SyncError",
    "TargetError",
    "UnknownItemError",
    "UnprotectedError",
    "UpdateRefusedError",
    "VariableError",
    "Where",
    "__version__",
    "above",
    "at_least",
    "at_most",
    "below",
    "between",
    "none_of",
]

_CONDITIONS = ("Range", "Where", "above", "at_least", "at_most", "below", "between", "none_of")

switch_off()


def __getattr__(name: str) -> "Any":  # noqa: ANN401 - a module's attribute may be anything
    """Import a public name on first use, so that reading a bundle does not load the recommender."""
    if name == "Recommender":
        from edge_runtime import recommender

        return recommender.Recommender
    if name == "Recommendation":
        from edge_runtime import recommendation

        return recommendation.Recommendation
    if name in ("LearningResult", "LearningStatus"):
        from edge_runtime.learning import status

        return getattr(status, name)
    if name in _CONDITIONS:
        from edge_runtime.filters import conditions

        return getattr(conditions, name)
    if name == "HttpTransport":
        from edge_runtime.sync import transport

        return transport.HttpTransport
    if name in __all__:
        from edge_runtime import errors

        return getattr(errors, name)
    raise AttributeError(f"module 'edge_runtime' has no attribute {name!r}")


def __dir__() -> "list[str]":
    return sorted({*globals(), *__all__})
