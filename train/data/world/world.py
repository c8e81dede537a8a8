"""Generates a synthetic world in memory: the items, the people, and every event with its cause."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from train.data.world.items import Item, make_items
from train.data.world.shop import SHOP
from train.data.world.theme import DAY_S, FIRST_S, N_DAYS, Theme
from train.data.world.users import ItemArrays, User, arrays_of, simulate_user

N_USERS = 1500
_MIN_EVENTS, _MAX_EVENTS = 5, 40
_SESSION_EVENTS = 1.8
# Items that age were released within so many half-lives before the first day.
_EARLIER_HALF_LIVES = 2
# Relative frequency of events in the hours from 7 to 22 UTC.
_HOURS = np.array([2, 3, 4, 4, 4, 5, 6, 5, 4, 4, 5, 7, 9, 10, 8, 4], dtype=np.float64)
_FIRST_HOUR = 7


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """A synthetic world, before it is written.

    Attributes:
        theme: what it is about.
        items: the items, in catalogue order.
        item_arrays: the items as arrays, with appeal, release date and complements.
        users: the users and their events.
        times_s: for each user the timestamps of the events, int64.
        names: for each user the names of the events.
    """

    theme: Theme
    items: tuple[Item, ...]
    item_arrays: ItemArrays
    users: tuple[User, ...]
    times_s: tuple[npt.NDArray[np.int64], ...]
    names: tuple[tuple[str, ...], ...]

    def user_id(self, index: int) -> str:
        """Return the id of a user."""
        return f"u{index + 1:04d}"


def generate_world(seed: int, theme: Theme = SHOP) -> World:
    """Generate a world; the items and the users have separate random generators."""
    items_rng, users_rng = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2))
    items = make_items(theme, items_rng)
    item_arrays = arrays_of(theme, items, _releases(theme, len(items), items_rng), items_rng)
    times_s = tuple(event_times(users_rng) for _ in range(N_USERS))
    users = tuple(simulate_user(item_arrays, times, users_rng) for times in times_s)
    events, shares = list(theme.events), list(theme.events.values())
    names = tuple(tuple(users_rng.choice(events, size=len(t), p=shares).tolist()) for t in times_s)
    return World(theme, items, item_arrays, users, times_s, names)


def event_times(rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return the timestamps of a user's events, in sessions of a few minutes on different days."""
    count = min(_MIN_EVENTS + int(rng.gamma(1.3, 8.5)), _MAX_EVENTS)
    n_sessions = max(2, round(count / _SESSION_EVENTS))
    begin = int(rng.integers(0, N_DAYS - 120))
    end = min(N_DAYS, begin + 60 + n_sessions * int(rng.integers(8, 40)))
    days = np.sort(rng.choice(np.arange(begin, end), size=n_sessions, replace=False))
    hours = _FIRST_HOUR + rng.choice(len(_HOURS), size=n_sessions, p=_HOURS / _HOURS.sum())
    starts = FIRST_S + days * DAY_S + hours * 3600 + rng.integers(0, 1800, size=n_sessions)
    session = np.sort(np.concatenate((np.arange(n_sessions), rng.integers(0, n_sessions, size=count)))[:count])
    pauses = rng.integers(40, 240, size=count)
    since = np.cumsum(pauses) - np.cumsum(pauses)[np.searchsorted(session, session)]
    return (starts[session] + since).astype(np.int64)


def _releases(theme: Theme, n_items: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return when each item is released, in seconds: some during the simulated time, the others before."""
    late = rng.random(n_items) < theme.new_share
    days = rng.integers(1, N_DAYS - 14, size=n_items)
    earlier = np.zeros(n_items, dtype=np.int64)
    if theme.half_life_days is not None:
        earlier = rng.integers(0, int(_EARLIER_HALF_LIVES * theme.half_life_days), size=n_items)
    return (FIRST_S + np.where(late, days, -earlier) * DAY_S).astype(np.int64)
