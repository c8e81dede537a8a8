"""Simulates the users of the synthetic world: their preferences, how these drift, and the cause of each event.

Every event is drawn from an explicit mixture of causes. The true reason of each event is therefore known, and so is the
best possible ranking, which is by the probabilities of the mixture.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from train.data.world.items import PARTNER_PROBABILITIES, Floats, Item, partners, relative_level
from train.data.world.theme import DAY_S, Theme

COMPLEMENT, CATEGORY, MAKER, DRIFT = "complement", "taste_category", "taste_brand", "drift"
POPULAR, NOISE = "popular", "noise"

# Mixture weights; the weight of a cause without available items is distributed to the others.
CAUSE_SHARES = {COMPLEMENT: 0.42, CATEGORY: 0.27, MAKER: 0.18, POPULAR: 0.07, NOISE: 0.06}
# Complements of the newest item, and of the one before it.
_COMPLEMENT_OF = (0.8, 0.2)
_TASTE_WEIGHTS = (0.62, 0.28, 0.10)
_NEW_FOR = 4
_LIKED_MAKER, _LIKED_COLOUR, _LIKED_USE, _LEVEL = 1.6, 0.8, 1.5, 1.5
_APPEAL_SPREAD = 0.8
_REPEAT_CHANCE = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class ItemArrays:
    """Properties of the items, ``[N]``, and rows of their complements, ``[N, 3]``.

    ``repeated`` is the index of the category whose items are chosen again at times, -1 if there is none.
    """

    theme: Theme
    repeated: int
    category: npt.NDArray[np.int64]
    maker: npt.NDArray[np.int64]
    colour: npt.NDArray[np.int64]
    use: npt.NDArray[np.int64]
    level: Floats
    appeal: Floats
    released_s: npt.NDArray[np.int64]
    partners: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Taste:
    """The preferences of a user, strongest first, as indices of categories, makers, colours and uses."""

    categories: tuple[int, ...]
    makers: tuple[int, ...]
    colours: tuple[int, ...]
    uses: tuple[int, ...]
    level: float


@dataclass(frozen=True, slots=True)
class Event:
    """An event and its cause.

    Attributes:
        row: row of the item.
        kind: kind of the cause.
        because: index in the user's sequence of the earlier event that is the reason, or None.
        oracle_rank: rank of the item, from 1, by the true probabilities at that time.
    """

    row: int
    kind: str
    because: int | None
    oracle_rank: int


@dataclass(frozen=True, slots=True)
class User:
    """A user: first and last preferences, the indices of events at which they changed, and the events."""

    start: Taste
    end: Taste
    changes: tuple[int, ...]
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Causes:
    """The ``C`` causes that do not depend on the history, for given preferences.

    Attributes:
        kinds: kind of each cause.
        shares: mixture weights, ``[C]``.
        pulls: unnormalized probability of each item, regardless of availability, ``[C, N]``.
        values: index of the category or maker of a cause; None for others.
    """

    kinds: tuple[str, ...]
    shares: Floats
    pulls: Floats
    values: tuple[int | None, ...]


def arrays_of(
    theme: Theme, items: Sequence[Item], released_s: npt.NDArray[np.int64], rng: np.random.Generator
) -> ItemArrays:
    """Return the items as arrays; ``released_s`` is the time from which each is available."""
    categories = list(theme.categories)
    return ItemArrays(
        theme=theme,
        repeated=-1 if theme.repeated is None else categories.index(theme.repeated),
        category=_indices([item.category for item in items], categories),
        maker=_indices([item.maker for item in items], theme.makers),
        colour=_indices([item.colour for item in items], theme.colours),
        use=_indices([item.use for item in items], theme.uses),
        level=np.array([relative_level(item) for item in items]),
        appeal=np.exp(rng.normal(0.0, _APPEAL_SPREAD, size=len(items))),
        released_s=released_s,
        partners=partners(items, rng),
    )


def simulate_user(item_arrays: ItemArrays, times_s: npt.NDArray[np.int64], rng: np.random.Generator) -> User:
    """Simulate a new user with one event at each of ``times_s``."""
    theme = item_arrays.theme
    first = taste = _new_taste(theme, rng)
    changes = _changes(len(times_s), rng)
    causes = _causes(item_arrays, taste, is_new=False)
    rows: list[int] = []
    events: list[Event] = []
    for index, now_s in enumerate(times_s):
        if index in changes:
            taste = _drifted(theme, taste, rng)
        new = any(change <= index < change + _NEW_FOR for change in changes)
        if index in changes or (index - _NEW_FOR) in changes:
            causes = _causes(item_arrays, taste, is_new=new)
        event = _draw_event(causes, item_arrays, rows, int(now_s), rng)
        events.append(event)
        rows.append(event.row)
    return User(first, taste, changes, tuple(events))


def _indices(names: Sequence[str], known: Iterable[str]) -> npt.NDArray[np.int64]:
    index_of = {name: index for index, name in enumerate(known)}
    return np.array([index_of[name] for name in names], dtype=np.int64)


def _new_taste(theme: Theme, rng: np.random.Generator) -> Taste:
    return Taste(
        categories=_pick(rng, len(theme.categories), 3),
        makers=_pick(rng, len(theme.makers), 3),
        colours=_pick(rng, len(theme.colours), 2),
        uses=_pick(rng, len(theme.uses), 1),
        level=float(rng.normal(0.0, 0.25)),
    )


def _pick(rng: np.random.Generator, n: int, count: int) -> tuple[int, ...]:
    return tuple(int(index) for index in rng.permutation(n)[:count])


def _changes(n_events: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Return at which events the preferences change: about once in twelve, never in the first four."""
    count = min(int(rng.poisson(n_events / 12)), n_events // 6)
    return tuple(sorted({int(index) for index in rng.integers(4, n_events, size=count)})) if count else ()


def _drifted(theme: Theme, taste: Taste, rng: np.random.Generator) -> Taste:
    """Return preferences with a new first category and maker; the last of each is dropped."""
    category = int(rng.choice([index for index in range(len(theme.categories)) if index not in taste.categories]))
    maker = int(rng.choice([index for index in range(len(theme.makers)) if index not in taste.makers]))
    return replace(taste, categories=(category, *taste.categories[:2]), makers=(maker, *taste.makers[:2]))


def _causes(item_arrays: ItemArrays, taste: Taste, *, is_new: bool) -> _Causes:
    """Return the causes for given preferences; ``is_new`` if the first category was added recently."""
    liking = _liking(item_arrays, taste)
    kinds = [DRIFT if is_new else CATEGORY, CATEGORY, CATEGORY, MAKER, MAKER, MAKER, POPULAR, NOISE]
    weights = np.array([*_TASTE_WEIGHTS, *_TASTE_WEIGHTS, 1.0, 1.0])
    shares = np.array([CAUSE_SHARES[CATEGORY if kind == DRIFT else kind] for kind in kinds]) * weights
    pulls = [
        *(np.where(item_arrays.category == category, liking, 0.0) for category in taste.categories),
        *(np.where(item_arrays.maker == maker, liking, 0.0) for maker in taste.makers),
        item_arrays.appeal**2,
        np.ones(len(liking)),
    ]
    return _Causes(tuple(kinds), shares, np.stack(pulls), (*taste.categories, *taste.makers, None, None))


def _liking(item_arrays: ItemArrays, taste: Taste) -> Floats:
    liking: Floats = item_arrays.appeal * np.exp(
        _LIKED_MAKER * np.isin(item_arrays.maker, taste.makers)
        + _LIKED_COLOUR * np.isin(item_arrays.colour, taste.colours)
        + _LIKED_USE * np.isin(item_arrays.use, taste.uses)
        - _LEVEL * np.abs(item_arrays.level - taste.level)
    )
    return liking


def _draw_event(
    causes: _Causes, item_arrays: ItemArrays, rows: list[int], now_s: int, rng: np.random.Generator
) -> Event:
    """Draw a cause, then an item. The weight of a cause without available items is distributed to the others."""
    availability = _availability(item_arrays, rows, now_s)
    near = _complements(item_arrays, rows)
    pulls = np.concatenate((near * (availability > 0), causes.pulls * availability))
    shares = np.concatenate((CAUSE_SHARES[COMPLEMENT] * np.array(_COMPLEMENT_OF[: len(near)]), causes.shares))
    totals = pulls.sum(axis=1)
    shares = np.where(totals > 0, shares, 0.0) / shares[totals > 0].sum()
    chances = pulls / np.maximum(totals, np.finfo(np.float64).tiny)[:, None]
    drawn = _draw(shares, rng)
    row = _draw(chances[drawn], rng)
    overall = shares @ chances
    kind, because = COMPLEMENT, len(rows) - 1 - drawn
    if drawn >= len(near):
        kind = causes.kinds[drawn - len(near)]
        because = _newest_match(item_arrays, rows, kind, causes.values[drawn - len(near)])
    return Event(row, kind, because if because >= 0 else None, int((overall > overall[row]).sum()) + 1)


def _availability(item_arrays: ItemArrays, rows: list[int], now_s: int) -> Floats:
    """Return a factor for each item: 0 if not yet released or in the history, 1 otherwise.

    It is in between for items of the category that is repeated, and for old ones where items age.
    """
    availability = (item_arrays.released_s <= now_s).astype(np.float64)
    if item_arrays.theme.half_life_days is not None:
        ages = np.maximum(now_s - item_arrays.released_s, 0) / (item_arrays.theme.half_life_days * DAY_S)
        availability *= np.exp2(-ages)
    if rows:
        availability[rows] *= np.where(item_arrays.category[rows] == item_arrays.repeated, _REPEAT_CHANCE, 0.0)
    return availability


def _complements(item_arrays: ItemArrays, rows: list[int]) -> Floats:
    """Return the probabilities of the complements of the newest items, ``[0 to 2, N]``, newest item first."""
    pulls = np.zeros((min(len(_COMPLEMENT_OF), len(rows)), len(item_arrays.appeal)))
    for back, pull in enumerate(pulls, start=1):
        np.add.at(pull, item_arrays.partners[rows[-back]], PARTNER_PROBABILITIES)
    return pulls


def _newest_match(item_arrays: ItemArrays, rows: list[int], kind: str, value: int | None) -> int:
    """Return the index of the newest event with the same category or maker; -1 if there is none."""
    column = item_arrays.maker if kind == MAKER else item_arrays.category
    return next((index for index in range(len(rows) - 1, -1, -1) if column[rows[index]] == value), -1)


def _draw(chances: Floats, rng: np.random.Generator) -> int:
    """Draw an index by ``chances``, which sum to 1; never one with a chance of 0."""
    sums = np.cumsum(chances)
    return int(np.searchsorted(sums, rng.random() * sums[-1], side="right"))
