"""What a newer release would change in this user's list, before it is switched to."""

from dataclasses import dataclass
from pathlib import Path

from edge_runtime.paths import AnyPath
from edge_runtime.recommendation import Recommendation
from edge_runtime.recommender import Recommender


@dataclass(frozen=True, slots=True)
class Change:
    """One item of either list.

    Attributes:
        item_id: the item.
        title: its title.
        before: its place in the list of the bundle in use, from 1; None if it is not there.
        after: its place in the list of the newer one.
    """

    item_id: str
    title: str
    before: int | None
    after: int | None


def compare_lists(in_use: Path, newer: Path, state: AnyPath | None, k: int = 10) -> list[Change]:
    """Return the items of both top lists for the user's history, those of the newer list first.

    Args:
        in_use: folder of the bundle in use.
        newer: folder of the newer bundle, which is complete and tested.
        state: path of the history file; None for an empty history.
        k: length of the lists.

    Raises:
        BundleError: a bundle is damaged.
        StateError: the history cannot be read.
    """
    before, after = (_top(bundle, state, k) for bundle in (in_use, newer))
    places = {item.item_id: place for place, item in enumerate(before, start=1)}
    shown = {item.item_id for item in after}
    changes = [Change(item.item_id, item.title, places.get(item.item_id), place) for place, item in enumerate(after, 1)]
    gone = [item for item in before if item.item_id not in shown]
    return [*changes, *(Change(item.item_id, item.title, places[item.item_id], None) for item in gone)]


def _top(bundle: Path, state: AnyPath | None, k: int) -> list[Recommendation]:
    with Recommender.open(bundle, state, language_model=False) as recommender:
        return list(recommender.recommend(k))
