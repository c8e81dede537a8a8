"""The exceptions of the server's side.

PocketRecError
├── DatabaseError               the server's database cannot be used
├── OperatorKeyError            there is no such operator's key, or it cannot have this name
├── RoundStateError             there is no such round, or it is not where it would have to be
└── RepositoryError             the repository of signed releases refuses what was asked, or is damaged
    ├── SigningError            a key is missing, cannot be opened, or is not the one that the repository names
    └── StorageError            object storage refuses a request, or does not answer
"""

from edge_runtime.errors import PocketRecError


class DatabaseError(PocketRecError):
    """The server's database cannot be used."""


class OperatorKeyError(PocketRecError):
    """There is no such operator's key, or it cannot have this name."""


class RoundStateError(PocketRecError):
    """There is no such round, or it is not where it would have to be."""


class RepositoryError(PocketRecError):
    """The repository refuses what was asked, or is damaged."""


class SigningError(RepositoryError):
    """A key is missing, cannot be opened, or is not the one that the repository names."""


class StorageError(RepositoryError):
    """Object storage refuses a request, or does not answer."""
