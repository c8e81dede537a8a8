"""The exceptions of the server's side.

PocketRecError
└── RepositoryError             the repository of signed releases refuses what was asked, or is damaged
    └── SigningError            a key is missing, cannot be opened, or is not the one that the repository names
"""

from edge_runtime.errors import PocketRecError


class RepositoryError(PocketRecError):
    """The repository refuses what was asked, or is damaged."""


class SigningError(RepositoryError):
    """A key is missing, cannot be opened, or is not the one that the repository names."""
