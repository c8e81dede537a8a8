"""What a catalogue has is told from its facts and videos."""

from pathlib import Path

import pytest

from export.catalogue_kind import catalogue_kind
from train.data.dataset import Catalogue


def catalogue_with(*fields: str, n_videos: int = 0) -> Catalogue:
    """Return a catalogue of three items with a value in each of the fields, of which some have a video."""
    frames = (Path("0.webp"),)
    return Catalogue(
        item_ids=("a", "b", "c"),
        titles=("A", "B", "C"),
        fields=dict.fromkeys(fields, (("x",), ("y",), ("z",))),
        descriptions=(None,) * 3,
        images=(None,) * 3,
        videos=tuple(frames if index < n_videos else () for index in range(3)),
    )


@pytest.mark.parametrize(
    ("fields", "n_videos", "kind"),
    [
        (("brand", "price"), 0, "shop"),
        (("brand",), 3, "shop"),
        (("author", "price"), 0, "shop"),
        (("creator", "topics"), 0, "video"),
        (("topics",), 2, "video"),
        (("topics",), 1, "shop"),
        (("author", "section"), 0, "articles"),
        ((), 0, "shop"),
    ],
)
def test_the_kind_of_a_catalogue_follows_from_its_facts_and_videos(
    fields: tuple[str, ...], n_videos: int, kind: str
) -> None:
    assert catalogue_kind(catalogue_with(*fields, n_videos=n_videos)) == kind
