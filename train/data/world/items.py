"""Generates the items of the synthetic world, with texts, facts and appearance, and their complements."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from train.data.world.pictures import Look
from train.data.world.theme import Kind, Theme

N_ITEMS = 600
_CATEGORIES_PER_MAKER = 4
_COLOURS_PER_MAKER = 5
# Prices up to this one have a decimal.
_CHEAP = 10
# Of the three complements of an item: two of the more frequent kind, one of the other.
PARTNER_PROBABILITIES = (0.5, 0.25, 0.25)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Item:
    """An item; ``colour`` is a name, and ``look`` has what the pictures show."""

    item_id: str
    title: str
    description: str
    maker: str
    category: str
    kind: Kind
    level: float
    colour: str
    material: str
    use: str
    has_video: bool
    look: Look


def make_items(theme: Theme, rng: np.random.Generator) -> tuple[Item, ...]:
    """Generate ``N_ITEMS`` items with distinct titles, grouped by kind."""
    makers_by_category = _makers_by_category(theme, rng)
    palettes = {maker: rng.permutation(list(theme.colours))[:_COLOURS_PER_MAKER].tolist() for maker in theme.makers}
    kinds = [(category, kind) for category, of in theme.categories.items() for kind in of]
    counts = [N_ITEMS // len(kinds) + (index < N_ITEMS % len(kinds)) for index in range(len(kinds))]
    titles: set[str] = set()
    items: list[Item] = []
    for (category, kind), count in zip(kinds, counts, strict=True):
        for number in range(1, count + 1):
            item = _make_item(theme, rng, category, kind, number, makers_by_category[category], palettes, titles)
            titles.add(item.title)
            items.append(item)
    return tuple(items)


def partners(items: Sequence[Item], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return the rows of the complements of each item, ``[N, 3]``, in the order of ``PARTNER_PROBABILITIES``.

    They are the items of complementary kinds that match best in use, maker, colour and level.
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


def relative_level(item: Item) -> float:
    """Return the logarithm of the price or length relative to the usual one of the item's kind."""
    return float(np.log(item.level / item.kind.level))


def _makers_by_category(theme: Theme, rng: np.random.Generator) -> dict[str, list[str]]:
    """Assign ``_CATEGORIES_PER_MAKER`` categories to each maker, evenly; return the makers of each category."""
    names = list(theme.categories)
    makers: dict[str, list[str]] = {name: [] for name in names}
    for index, maker in enumerate(rng.permutation(list(theme.makers)).tolist()):
        for step in range(_CATEGORIES_PER_MAKER):
            makers[names[(index + step * (1 + index % 3)) % len(names)]].append(maker)
    return makers


def _make_item(
    theme: Theme,
    rng: np.random.Generator,
    category: str,
    kind: Kind,
    number: int,
    makers: list[str],
    palettes: dict[str, list[str]],
    taken: set[str],
) -> Item:
    maker = _choice(rng, makers)
    level = kind.level * theme.makers[maker] * float(np.exp(rng.normal(0.0, 0.12)))
    material, use = _choice(rng, kind.materials), _choice(rng, list(theme.uses))
    colour = _choice(rng, palettes[maker])
    title = _title(theme, rng, maker, kind, colour, taken)
    description = _description(theme, rng, category, kind, material, use)
    accent = theme.accents[int(rng.integers(len(theme.accents)))]
    shape = kind.shape or kind.name
    return Item(
        item_id=f"{kind.name.replace(' ', '-')}-{number:02d}",
        title=title,
        description=description,
        maker=maker,
        category=category,
        kind=kind,
        level=_price(level) if theme.has_prices else float(max(1, round(level))),
        colour=colour,
        material=material,
        use=use,
        has_video=bool(rng.random() < theme.video_share),
        look=Look(shape, theme.colours[colour], accent, theme.papers[category], theme.picture_size),
    )


def _price(level: float) -> float:
    """Return a price as shops write it, such as 4.3 and 19.9."""
    return round(level) - 0.1 if level > _CHEAP else round(level, 1)


def _title(theme: Theme, rng: np.random.Generator, maker: str, kind: Kind, colour: str, taken: set[str]) -> str:
    """Return a title that is not in ``taken``, such as ``Alderway Fell 3 Dome Tent, moss``."""
    while True:
        model, size = _choice(rng, theme.models), _choice(rng, kind.sizes)
        words = {"maker": maker, "size": size, "kind": kind.name.title(), "colour": colour}
        title = " ".join(theme.title.format(model=model.format(size=size), **words).split())
        title = title[0].upper() + title[1:]
        if title not in taken:
            return title


def _description(theme: Theme, rng: np.random.Generator, category: str, kind: Kind, material: str, use: str) -> str:
    adjectives, pattern = theme.own_words.get(category, (theme.adjectives, theme.description))
    adjective = _choice(rng, adjectives)
    article = "An" if adjective[0] in "aeiou" or adjective == "honest" else "A"
    words = {"adjective": adjective, "noun": kind.noun, "material": material, "use": theme.uses[use]}
    return f"{pattern.format(article=article, **words)} {_choice(rng, kind.says)}"


def _choice(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]


def _best(
    item: Item, rows: npt.NDArray[np.int64], items: Sequence[Item], rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return ``rows`` sorted by how well they match ``item``, best first; ties in random order."""
    match = np.array([_match(item, items[row]) for row in rows]) + rng.uniform(0.0, 0.5, size=len(rows))
    return rows[np.argsort(-match, kind="stable")]


def _match(item: Item, other: Item) -> float:
    return (
        2.0 * (item.use == other.use)
        + 1.5 * (item.maker == other.maker)
        + 1.0 * (item.colour == other.colour)
        - abs(relative_level(item) - relative_level(other))
    )
