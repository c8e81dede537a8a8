"""The exceptions of the server's side.

PocketRecError
├── DatabaseError               the server's database cannot be used
└── RepositoryError             the repository of signed releases refuses what was asked, or is damaged
    └── SigningError            a key is missing, cannot be opened, or is not the one that the repository names
"""

from edge_runtime.errors import PocketRecError


class DatabaseError(PocketRecError):
    """The server's database cannot be used."""


class RepositoryError(PocketRecError):
    """The repository refuses what was asked, or is damaged."""


class SigningError(RepositoryError):
    """A key is missing, cannot be opened, or is not the one that the repository names."""
