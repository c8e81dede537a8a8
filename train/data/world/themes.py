"""The themes by name."""

from collections.abc import Mapping
from typing import Final

from train.data.world.articles import ARTICLES
from train.data.world.shop import SHOP
from train.data.world.theme import Theme, WorldKind
from train.data.world.video import VIDEO

THEMES: Final[Mapping[WorldKind, Theme]] = {"shop": SHOP, "video": VIDEO, "articles": ARTICLES}
