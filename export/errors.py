"""The errors of exporting and verifying bundles; their root is :class:`edge_runtime.errors.PocketRecError`."""

from edge_runtime.errors import PocketRecError


class BudgetError(PocketRecError):
    """A bundle exceeds a budget of its target."""


class ParityError(PocketRecError):
    """Two engines disagree beyond the stated tolerance."""


class ReportError(PocketRecError):
    """An input of a report cannot be used."""
