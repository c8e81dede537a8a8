"""What a synthetic world is about, as data: the shop, the video shelf and the article list are one :class:`Theme` each.

The generators of items, people and pictures know no theme. Words that they need, the names of the fields in which the
items file has them, and what differs between a shop and a newspaper are here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

WorldKind = Literal["shop", "video", "articles"]
Rgb = tuple[int, int, int]

FIRST_S: Final = int(datetime(2023, 9, 1, tzinfo=UTC).timestamp())
N_DAYS: Final = 730
DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of item: a kind of product, a topic of videos or of articles.

    Attributes:
        name: used in titles and ids, and the shape in the pictures unless ``shape`` names another.
        plural: name of the subcategory.
        level: usual price in euros, or usual length in minutes.
        noun: used in descriptions.
        materials: one is chosen for each item.
        sizes: one is chosen for each title: the size of a product, or what a video or an article is about.
        says: sentences, one of which ends the description.
        goes_with: complementary kinds, the more frequent first.
        shape: key of the shape in the pictures, if it is not ``name``.
    """

    name: str
    plural: str
    level: float
    noun: str
    materials: tuple[str, ...]
    sizes: tuple[str, ...]
    says: tuple[str, ...]
    goes_with: tuple[str, ...]
    shape: str = ""


@dataclass(frozen=True, slots=True)
class Fields:
    """The columns of the items file in which an item's properties are; None where it does not have them.

    Attributes:
        category: the category; with the same name as ``kind``, one column has both.
        kind: the kind within the category.
        maker: brand, creator or author.
        level: price or length.
        material: material, setting or place.
        use: what it is for, or the form.
        colour: colour of the pictures; None if only the pictures show it.
        date: day of release.
    """

    category: str
    kind: str
    maker: str
    level: str
    material: str
    use: str
    colour: str | None = None
    date: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """What a world is about.

    Attributes:
        kind: name of the theme.
        categories: the kinds of each category.
        makers: brands, creators or authors, and their level relative to the usual one.
        models: one is chosen for each title; the place of ``{size}`` in it is filled from the kind.
        title: pattern of titles, of ``maker``, ``model``, ``size``, ``kind`` and ``colour``.
        description: pattern of descriptions, of ``article``, ``adjective``, ``noun``, ``material`` and ``use``.
        adjectives: words for descriptions, with categories that have their own.
        own_words: adjectives and pattern of the descriptions of single categories.
        colours: colours by name.
        accents: second colours of pictures.
        papers: background of the pictures, by category.
        uses: uses or forms, and their wording in descriptions.
        fields: names of the columns.
        has_prices: whether levels are prices, such as 19.9; otherwise they are whole minutes.
        events: names of the events, and how frequent each is.
        picture_size: width and height of pictures in pixels.
        video_share: share of the items with a video.
        repeated: category whose items are chosen again at times; None if there is none.
        new_share: share of the items that are released during the simulated time, the others before.
        half_life_days: days in which the appeal of an item halves; None if it does not age.
    """

    kind: WorldKind
    categories: Mapping[str, tuple[Kind, ...]]
    makers: Mapping[str, float]
    models: tuple[str, ...]
    title: str
    description: str
    adjectives: tuple[str, ...]
    own_words: Mapping[str, tuple[tuple[str, ...], str]]
    colours: Mapping[str, Rgb]
    accents: tuple[Rgb, ...]
    papers: Mapping[str, Rgb]
    uses: Mapping[str, str]
    fields: Fields
    has_prices: bool
    events: Mapping[str, float]
    picture_size: tuple[int, int]
    video_share: float
    repeated: str | None
    new_share: float
    half_life_days: float | None
