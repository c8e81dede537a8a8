"""Generates the items of the synthetic world, with texts, facts and appearance, and their complements."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from train.data.world.pictures import Look
from train.data.world.shop import ACCENTS, BRANDS, CATEGORIES, COLOURS, MODELS, PAPERS, USES, Kind

N_ITEMS = 600
_VIDEO_SHARE = 0.2
_CATEGORIES_PER_BRAND = 4
_COLOURS_PER_BRAND = 5
_FOOD = "Trail Food"
_ADJECTIVES = ("light", "sturdy", "plain", "well-made", "compact", "hard-wearing", "quiet", "trusty")
_FLAVOURS = ("mild", "hearty", "strong", "honest", "simple")
# Of the three complements of an item: two of the more frequent kind, one of the other.
PARTNER_PROBABILITIES = (0.5, 0.25, 0.25)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ShopItem:
    """An item; ``colour`` is a name, ``accent`` an RGB colour of the picture."""

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
        """The properties that the pictures show."""
        return Look(self.kind.name, COLOURS[self.colour], self.accent, PAPERS[self.category])


def make_items(rng: np.random.Generator) -> tuple[ShopItem, ...]:
    """Generate ``N_ITEMS`` items with distinct titles, grouped by kind."""
    brands_by_category = _brands_by_category(rng)
    palettes = {brand: rng.permutation(list(COLOURS))[:_COLOURS_PER_BRAND].tolist() for brand in BRANDS}
    kinds = [(category, kind) for category, of in CATEGORIES.items() for kind in of]
    counts = [N_ITEMS // len(kinds) + (index < N_ITEMS % len(kinds)) for index in range(len(kinds))]
    titles: set[str] = set()
    items: list[ShopItem] = []
    for (category, kind), count in zip(kinds, counts, strict=True):
        for number in range(1, count + 1):
            item = _make_item(rng, category, kind, number, brands_by_category[category], palettes, titles)
            titles.add(item.title)
            items.append(item)
    return tuple(items)


def partners(items: Sequence[ShopItem], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return the rows of the complements of each item, ``[N, 3]``, in the order of ``PARTNER_PROBABILITIES``.

    They are the items of complementary kinds that match best in use, brand, colour and price.
    """
    rows_of = {
        name: np.array([row for row, _ in group])
        for name, group in itertools.groupby(enumerate(items), key=lambda pair: pair[1].kind.name)
    }
    table = np.empty((len(items), len(PARTNER_PROBABILITIES)), dtype=np.int64)
    for row, item in enumerate(items):
        frequent, other = (rows_of[name] for name in item.kind.goes_with)
        table[row, :2] = _best(item, frequent, items, rng)[:2]
        table[row, 2] = _best(item, other, items, rng)[0]
    return table


def price_level(item: ShopItem) -> float:
    """Return the logarithm of the price relative to the usual price of the item's kind."""
    return float(np.log(item.price / item.kind.price))


def _brands_by_category(rng: np.random.Generator) -> dict[str, list[str]]:
    """Assign ``_CATEGORIES_PER_BRAND`` categories to each brand, evenly; return the brands of each category."""
    names = list(CATEGORIES)
    brands_by_category: dict[str, list[str]] = {name: [] for name in names}
    for index, brand in enumerate(rng.permutation(list(BRANDS)).tolist()):
        for step in range(_CATEGORIES_PER_BRAND):
            brands_by_category[names[(index + step * (1 + index % 3)) % len(names)]].append(brand)
    return brands_by_category


def _make_item(
    rng: np.random.Generator,
    category: str,
    kind: Kind,
    number: int,
    brands: list[str],
    palettes: dict[str, list[str]],
    taken: set[str],
) -> ShopItem:
    brand = _choice(rng, brands)
    price = kind.price * BRANDS[brand] * float(np.exp(rng.normal(0.0, 0.12)))
    material, use, colour = _choice(rng, kind.materials), _choice(rng, list(USES)), _choice(rng, palettes[brand])
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
    """Return a title such as ``Alderway Fell 3 Dome Tent, moss`` that is not in ``taken``."""
    while True:
        words = (brand, _choice(rng, MODELS), _choice(rng, kind.sizes), kind.name.title())
        title = f"{' '.join(word for word in words if word)}, {colour}"
        if title not in taken:
            return title


def _description(rng: np.random.Generator, category: str, kind: Kind, material: str, use: str) -> str:
    is_food = category == _FOOD
    adjective = _choice(rng, _FLAVOURS if is_food else _ADJECTIVES)
    article = "An" if adjective[0] in "aeiou" or adjective == "honest" else "A"
    preposition = "of" if is_food else "in"
    return f"{article} {adjective} {kind.noun} {preposition} {material}, for {USES[use]}. {_choice(rng, kind.says)}"


def _choice(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]


def _best(
    item: ShopItem, rows: npt.NDArray[np.int64], items: Sequence[ShopItem], rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return ``rows`` sorted by how well they match ``item``, best first; ties in random order."""
    match = np.array([_match(item, items[row]) for row in rows]) + rng.uniform(0.0, 0.5, size=len(rows))
    return rows[np.argsort(-match, kind="stable")]


def _match(item: ShopItem, other: ShopItem) -> float:
    return (
        2.0 * (item.use == other.use)
        + 1.5 * (item.brand == other.brand)
        + 1.0 * (item.colour == other.colour)
        - abs(price_level(item) - price_level(other))
    )
