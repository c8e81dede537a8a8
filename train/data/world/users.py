"""The people of the made world: what they like, how that drifts, and why they take each item.

Every event is drawn from an explicit mixture of causes, so that the true reason of each is known, and so is the best
that any recommender could do: the ranking by the mixture itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from train.data.world.items import PARTNER_CHANCES, Floats, ShopItem, partners, price_level
from train.data.world.shop import BRANDS, CATEGORIES, COLOURS, USES

COMPLEMENT, CATEGORY, BRAND, DRIFT = "complement", "taste_category", "taste_brand", "drift"
POPULAR, NOISE = "popular", "noise"

# How often each cause is at work; a cause that has no item to offer leaves its share to the others.
CAUSE_SHARES = {COMPLEMENT: 0.42, CATEGORY: 0.27, BRAND: 0.18, POPULAR: 0.07, NOISE: 0.06}
# A complement is to the newest item, or to the one before it.
_COMPLEMENT_OF = (0.8, 0.2)
_TASTE_WEIGHTS = (0.62, 0.28, 0.10)
_NEW_FOR = 4
_LIKED_BRAND, _LIKED_COLOUR, _LIKED_USE, _PRICE = 1.6, 0.8, 1.5, 1.5
_APPEAL_SPREAD = 0.8
_FOOD_PLACE = list(CATEGORIES).index("Trail Food")
_REPEAT_CHANCE = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    """The items as arrays ``[N]``, and what goes with what ``[N, 3]``."""

    category: npt.NDArray[np.int64]
    brand: npt.NDArray[np.int64]
    colour: npt.NDArray[np.int64]
    use: npt.NDArray[np.int64]
    price: Floats
    appeal: Floats
    released_s: npt.NDArray[np.int64]
    partners: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Taste:
    """What a person likes now, the dearest first: indices into the shop's categories, brands, colours, uses."""

    categories: tuple[int, ...]
    brands: tuple[int, ...]
    colours: tuple[int, ...]
    uses: tuple[int, ...]
    price: float


@dataclass(frozen=True, slots=True)
class Event:
    """One item taken, and why.

    Attributes:
        row: of the item.
        kind: the cause that was at work.
        because: place in the person's own sequence of the earlier item that the reason names, or None.
        oracle_rank: place of the item, from 1, in the ranking by the true chances of that moment.
    """

    row: int
    kind: str
    because: int | None
    oracle_rank: int


@dataclass(frozen=True, slots=True)
class User:
    """One customer: first and last taste, when it changed (places in the sequence), and what was taken."""

    start: Taste
    end: Taste
    changes: tuple[int, ...]
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Causes:
    """What is at work while a taste lasts, whatever was taken: ``C`` causes.

    Attributes:
        kinds: of the causes.
        shares: how often each is at work, ``[C]``.
        pulls: how strongly each item is drawn by each cause, before what is not on offer is left out, ``[C, N]``.
        values: the category or brand a cause is about; None for the others.
    """

    kinds: tuple[str, ...]
    shares: Floats
    pulls: Floats
    values: tuple[int | None, ...]


def stock(items: Sequence[ShopItem], released_s: npt.NDArray[np.int64], rng: np.random.Generator) -> Shelf:
    """Return the items as arrays; ``released_s`` says from when on each can be taken."""
    return Shelf(
        category=_places([item.category for item in items], CATEGORIES),
        brand=_places([item.brand for item in items], BRANDS),
        colour=_places([item.colour for item in items], COLOURS),
        use=_places([item.use for item in items], USES),
        price=np.array([price_level(item) for item in items]),
        appeal=np.exp(rng.normal(0.0, _APPEAL_SPREAD, size=len(items))),
        released_s=released_s,
        partners=partners(items, rng),
    )


def live(shelf: Shelf, times_s: npt.NDArray[np.int64], rng: np.random.Generator) -> User:
    """Return a new person who takes an item at each of ``times_s``."""
    first = taste = _new_taste(rng)
    changes = _changes(len(times_s), rng)
    causes = _causes(shelf, taste, is_new=False)
    rows: list[int] = []
    events: list[Event] = []
    for place, now_s in enumerate(times_s):
        if place in changes:
            taste = _drifted(taste, rng)
        new = any(change <= place < change + _NEW_FOR for change in changes)
        if place in changes or (place - _NEW_FOR) in changes:
            causes = _causes(shelf, taste, is_new=new)
        event = _take(causes, shelf, rows, int(now_s), rng)
        events.append(event)
        rows.append(event.row)
    return User(first, taste, changes, tuple(events))


def _places(names: Sequence[str], known: Iterable[str]) -> npt.NDArray[np.int64]:
    place_of = {name: place for place, name in enumerate(known)}
    return np.array([place_of[name] for name in names], dtype=np.int64)


def _new_taste(rng: np.random.Generator) -> Taste:
    return Taste(
        categories=_pick(rng, len(CATEGORIES), 3),
        brands=_pick(rng, len(BRANDS), 3),
        colours=_pick(rng, len(COLOURS), 2),
        uses=_pick(rng, len(USES), 1),
        price=float(rng.normal(0.0, 0.25)),
    )


def _pick(rng: np.random.Generator, n: int, count: int) -> tuple[int, ...]:
    return tuple(int(place) for place in rng.permutation(n)[:count])


def _changes(n_events: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Return where the taste changes: about once in twelve events, never among the first four."""
    count = min(int(rng.poisson(n_events / 12)), n_events // 6)
    return tuple(sorted({int(place) for place in rng.integers(4, n_events, size=count)})) if count else ()


def _drifted(taste: Taste, rng: np.random.Generator) -> Taste:
    """Put a new category and a new brand first; the last of each is forgotten."""
    category = int(rng.choice([place for place in range(len(CATEGORIES)) if place not in taste.categories]))
    brand = int(rng.choice([place for place in range(len(BRANDS)) if place not in taste.brands]))
    return replace(taste, categories=(category, *taste.categories[:2]), brands=(brand, *taste.brands[:2]))


def _causes(shelf: Shelf, taste: Taste, *, is_new: bool) -> _Causes:
    """Return the causes of a taste; ``is_new`` while its first category is freshly discovered."""
    liking = _liking(shelf, taste)
    kinds = [DRIFT if is_new else CATEGORY, CATEGORY, CATEGORY, BRAND, BRAND, BRAND, POPULAR, NOISE]
    weights = np.array([*_TASTE_WEIGHTS, *_TASTE_WEIGHTS, 1.0, 1.0])
    shares = np.array([CAUSE_SHARES[CATEGORY if kind == DRIFT else kind] for kind in kinds]) * weights
    pulls = [
        *(np.where(shelf.category == category, liking, 0.0) for category in taste.categories),
        *(np.where(shelf.brand == brand, liking, 0.0) for brand in taste.brands),
        shelf.appeal**2,
        np.ones(len(liking)),
    ]
    return _Causes(tuple(kinds), shares, np.stack(pulls), (*taste.categories, *taste.brands, None, None))


def _liking(shelf: Shelf, taste: Taste) -> Floats:
    liking: Floats = shelf.appeal * np.exp(
        _LIKED_BRAND * np.isin(shelf.brand, taste.brands)
        + _LIKED_COLOUR * np.isin(shelf.colour, taste.colours)
        + _LIKED_USE * np.isin(shelf.use, taste.uses)
        - _PRICE * np.abs(shelf.price - taste.price)
    )
    return liking


def _take(causes: _Causes, shelf: Shelf, rows: list[int], now_s: int, rng: np.random.Generator) -> Event:
    """Draw a cause, then an item by it. A cause that has nothing on offer leaves its share to the others."""
    offered = _offered(shelf, rows, now_s)
    near = _complements(shelf, rows)
    pulls = np.concatenate((near * (offered > 0), causes.pulls * offered))
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
        because = _newest(shelf, rows, kind, causes.values[drawn - len(near)])
    return Event(row, kind, because if because >= 0 else None, int((overall > overall[row]).sum()) + 1)


def _offered(shelf: Shelf, rows: list[int], now_s: int) -> Floats:
    """Return 1 for what can be taken now, 0 for what is not on sale yet or was taken before; food is taken again."""
    offered = (shelf.released_s <= now_s).astype(np.float64)
    if rows:
        offered[rows] *= np.where(shelf.category[rows] == _FOOD_PLACE, _REPEAT_CHANCE, 0.0)
    return offered


def _complements(shelf: Shelf, rows: list[int]) -> Floats:
    """Return the pull of the newest items' partners, ``[0 to 2, N]``, the newest item first."""
    pulls = np.zeros((min(len(_COMPLEMENT_OF), len(rows)), len(shelf.appeal)))
    for back, pull in enumerate(pulls, start=1):
        np.add.at(pull, shelf.partners[rows[-back]], PARTNER_CHANCES)
    return pulls


def _newest(shelf: Shelf, rows: list[int], kind: str, value: int | None) -> int:
    """Return the place of the newest item that shares the category or brand; -1 if none does."""
    column = shelf.brand if kind == BRAND else shelf.category
    return next((place for place in range(len(rows) - 1, -1, -1) if column[rows[place]] == value), -1)


def _draw(chances: Floats, rng: np.random.Generator) -> int:
    """Return a place with the chance that stands there, ``chances`` summing to 1; never one whose chance is 0."""
    sums = np.cumsum(chances)
    return int(np.searchsorted(sums, rng.random() * sums[-1], side="right"))
