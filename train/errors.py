"""The errors of training and its data; their root is :class:`edge_runtime.errors.PocketRecError`."""

from edge_runtime.errors import PocketRecError


class DataError(PocketRecError):
    """A data folder is not valid."""


class RunError(PocketRecError):
    """A training run cannot be used, resumed or overwritten."""
