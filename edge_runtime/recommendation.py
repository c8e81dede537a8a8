"""One entry of a list."""

from dataclasses import dataclass, field
from typing import Protocol


class ItemSource(Protocol):
    """What a list's items are described by: the release that ranked them, and the live facts."""

    def facts(self, row: int) -> dict[str, list[str]]:
        """Return the facts of an item."""
        ...

    def picture(self, row: int) -> bytes | None:
        """Return the picture of an item, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One entry of a list.

    Attributes:
        rank: 1 is the best.
        item_id: as in the catalogue.
        title: display title.
        score: comparable within one list only. Descending by rank, unless ``diversity`` is above 0.
        row: catalogue row.
    """

    rank: int
    item_id: str
    title: str
    score: float
    row: int
    _source: ItemSource | None = field(default=None, repr=False, compare=False)

    @property
    def facts(self) -> dict[str, list[str]]:
        """The facts of the item by name, live ones included; looked up when it is asked for."""
        return {} if self._source is None else self._source.facts(self.row)

    @property
    def picture(self) -> bytes | None:
        """The JPEG, PNG or WebP file of the item; None if it has none.

        The first picture reads those of the whole bundle.

        Raises:
            BundleError: the pictures are damaged, or a sync has removed this release.
        """
        return None if self._source is None else self._source.picture(self.row)
