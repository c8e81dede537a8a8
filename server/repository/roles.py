"""The roles of a repository: who signs what, how long it is valid, and where a key belongs."""

from dataclasses import dataclass
from typing import Final

from edge_runtime.bundle.release import COMPONENTS

ROOT: Final = "root"
TARGETS: Final = "targets"
SNAPSHOT: Final = "snapshot"
TIMESTAMP: Final = "timestamp"
ROLLOUT: Final = "rollout"
TOP_LEVEL: Final = (ROOT, TARGETS, SNAPSHOT, TIMESTAMP)
DELEGATED: Final = (*COMPONENTS, ROLLOUT)
"""The roles that sign one folder of documents each, in the order in which a client asks them."""

ROOT_KEYS: Final = tuple(f"{ROOT}-{number}" for number in (1, 2, 3))
KEYS: Final = (*ROOT_KEYS, *TOP_LEVEL[1:], *DELEGATED)
"""All keys, by name: the role, and a number where it has several."""


@dataclass(frozen=True, slots=True)
class Role:
    """How a role is used.

    Attributes:
        signs: what its key signs.
        place: where its key belongs.
        days: how long its metadata is valid.
    """

    signs: str
    place: str
    days: int


ROLES: Final = {
    ROOT: Role("which keys count; any 2 of the 3", "offline: three people or three safes, one key each", 365),
    TARGETS: Role("releases of the whole bundle; the keys below", "offline: a stick in a drawer", 365),
    SNAPSHOT: Role("what belongs together", "online: the machine that publishes", 30),
    TIMESTAMP: Role("what is newest; renewed by a timer", "online: the machine that publishes", 3),
    "codebook": Role("codes and facts of items", "where the catalogue is prepared", 365),
    "transitions": Role("which items follow which", "where the day's events are counted", 365),
    "prompts": Role("the prompts", "where they are trained", 365),
    "adapter": Role("the adapter, and nothing else", "online: the server of the rounds", 365),
    ROLLOUT: Role("holds a rollout back, and nothing else", "online: the machine that publishes", 365),
}


def role_of(key: str) -> str:
    """Return the role of a key: that of ``root-2`` is ``root``."""
    return ROOT if key in ROOT_KEYS else key


def path_pattern(role: str) -> str:
    """Return the paths that a delegated role may sign."""
    return f"{role}/*"
