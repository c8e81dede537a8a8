"""Stocks the made world's shop: some 600 items with texts, facts and a look, and which item goes with which."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from train.data.world.pictures import Look
from train.data.world.shop import ACCENTS, BRANDS, CATEGORIES, COLOURS, MODELS, PAPERS, USES, Kind

N_ITEMS = 600
_VIDEO_SHARE = 0.2
_CATEGORIES_A_BRAND = 4
_COLOURS_A_BRAND = 5
_FOOD = "Trail Food"
_ADJECTIVES = ("light", "sturdy", "plain", "well-made", "compact", "hard-wearing", "quiet", "trusty")
_FLAVOURS = ("mild", "hearty", "strong", "honest", "simple")
# The chances of the three partners of an item: two of the likelier kind, one of the other.
PARTNER_CHANCES = (0.5, 0.25, 0.25)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ShopItem:
    """One thing on sale; ``colour`` is a name, ``accent`` a colour of the picture."""

    item_id: str
    title: str
    description: str
    brand: str
    category: str
    kind: Kind
    price: float
    colour: str
    accent: tuple[int, int, int]
    material: str
    use: str
    has_video: bool

    @property
    def look(self) -> Look:
        """What the pictures need to know."""
        return Look(self.kind.name, COLOURS[self.colour], self.accent, PAPERS[self.category])


def make_items(rng: np.random.Generator) -> tuple[ShopItem, ...]:
    """Return ``N_ITEMS`` items, those of one kind together, all titles distinct."""
    makers = _makers(rng)
    palettes = {brand: rng.permutation(list(COLOURS))[:_COLOURS_A_BRAND].tolist() for brand in BRANDS}
    kinds = [(category, kind) for category, of in CATEGORIES.items() for kind in of]
    counts = [N_ITEMS // len(kinds) + (place < N_ITEMS % len(kinds)) for place in range(len(kinds))]
    titles: set[str] = set()
    items: list[ShopItem] = []
    for (category, kind), count in zip(kinds, counts, strict=True):
        for number in range(1, count + 1):
            item = _make_item(rng, category, kind, number, makers[category], palettes, titles)
            titles.add(item.title)
            items.append(item)
    return tuple(items)


def partners(items: Sequence[ShopItem], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return for each item the rows of the items that go with it, ``[N, 3]``, beside ``PARTNER_CHANCES``.

    They are of the kinds that go with its kind, and of those the ones that match in use, brand, colour and price.
    """
    rows_of = {
        name: np.array([row for row, _ in group])
        for name, group in itertools.groupby(enumerate(items), key=lambda pair: pair[1].kind.name)
    }
    table = np.empty((len(items), len(PARTNER_CHANCES)), dtype=np.int64)
    for row, item in enumerate(items):
        likelier, other = (rows_of[name] for name in item.kind.goes_with)
        table[row, :2] = _best(item, likelier, items, rng)[:2]
        table[row, 2] = _best(item, other, items, rng)[0]
    return table


def price_level(item: ShopItem) -> float:
    """Return how dear an item is for its kind: the logarithm, 0 for an ordinary one."""
    return float(np.log(item.price / item.kind.price))


def _makers(rng: np.random.Generator) -> dict[str, list[str]]:
    """Deal the brands to the categories, ``_CATEGORIES_A_BRAND`` to each brand, evenly."""
    names = list(CATEGORIES)
    makers: dict[str, list[str]] = {name: [] for name in names}
    for place, brand in enumerate(rng.permutation(list(BRANDS)).tolist()):
        for step in range(_CATEGORIES_A_BRAND):
            makers[names[(place + step * (1 + place % 3)) % len(names)]].append(brand)
    return makers


def _make_item(
    rng: np.random.Generator,
    category: str,
    kind: Kind,
    number: int,
    makers: list[str],
    palettes: dict[str, list[str]],
    taken: set[str],
) -> ShopItem:
    brand = _one(rng, makers)
    price = kind.price * BRANDS[brand] * float(np.exp(rng.normal(0.0, 0.12)))
    material, use, colour = _one(rng, kind.materials), _one(rng, list(USES)), _one(rng, palettes[brand])
    return ShopItem(
        item_id=f"{kind.name.replace(' ', '-')}-{number:02d}",
        title=_title(rng, brand, kind, colour, taken),
        description=_description(rng, category, kind, material, use),
        brand=brand,
        category=category,
        kind=kind,
        price=round(price) - 0.1 if price > 10 else round(price, 1),
        colour=colour,
        accent=ACCENTS[int(rng.integers(len(ACCENTS)))],
        material=material,
        use=use,
        has_video=bool(rng.random() < _VIDEO_SHARE),
    )


def _title(rng: np.random.Generator, brand: str, kind: Kind, colour: str, taken: set[str]) -> str:
    """Return a title such as ``Alderway Fell 3 Dome Tent, moss`` that no other item has."""
    while True:
        words = (brand, _one(rng, MODELS), _one(rng, kind.sizes), kind.name.title())
        title = f"{' '.join(word for word in words if word)}, {colour}"
        if title not in taken:
            return title


def _description(rng: np.random.Generator, category: str, kind: Kind, material: str, use: str) -> str:
    is_food = category == _FOOD
    adjective = _one(rng, _FLAVOURS if is_food else _ADJECTIVES)
    article = "An" if adjective[0] in "aeiou" or adjective == "honest" else "A"
    made = "of" if is_food else "in"
    return f"{article} {adjective} {kind.noun} {made} {material}, for {USES[use]}. {_one(rng, kind.says)}"


def _one(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]


def _best(
    item: ShopItem, rows: npt.NDArray[np.int64], items: Sequence[ShopItem], rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return ``rows``, those that match ``item`` best first; chance breaks the ties."""
    match = np.array([_match(item, items[row]) for row in rows]) + rng.uniform(0.0, 0.5, size=len(rows))
    return rows[np.argsort(-match, kind="stable")]


def _match(item: ShopItem, other: ShopItem) -> float:
    return (
        2.0 * (item.use == other.use)
        + 1.5 * (item.brand == other.brand)
        + 1.0 * (item.colour == other.colour)
        - abs(price_level(item) - price_level(other))
    )
