"""The users for whom a bundle ranks worst compared with a reference, with both lists, to look at by eye."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct

from export.lists import PADDING, TopRows, rank_biased_overlap
from export.rankings import Ranking
from export.users import TestUsers
from train.metrics.ranking import ndcg

N_WORST: Final = 20


class WorstList(Struct, frozen=True, kw_only=True):
    """One user's lists, as item ids. Positions count from 1.

    Attributes:
        user: id of the user in the data.
        history: oldest first.
        target: the true next item.
        position: position of the target in the bundle's ranking.
        reference_position: in that of the reference.
        lost: NDCG@10 of the reference minus that of the bundle.
        rbo: rank-biased overlap of the lists.
        listed: the bundle's ten best items.
        reference_listed: those of the reference.
    """

    user: str
    history: list[str]
    target: str
    position: int
    reference_position: int
    lost: float
    rbo: float
    listed: list[str]
    reference_listed: list[str]


def worst_lists(
    ours: Ranking, theirs: Ranking, users: TestUsers, user_ids: Sequence[str], item_ids: Sequence[str]
) -> list[WorstList]:
    """Return the twenty users with the largest loss of NDCG@10, and among equals those whose lists differ most.

    Fewer are returned if fewer have a loss.

    Args:
        ours: the bundle's ranking.
        theirs: the reference's ranking.
        users: the users of both.
        user_ids: ids of all users of the data.
        item_ids: ids of all items.
    """
    lost = ndcg(theirs.ranks, 10) - ndcg(ours.ranks, 10)
    rbo = rank_biased_overlap(theirs.top_rows, ours.top_rows)
    return [
        WorstList(
            user=user_ids[int(users.indices[index])],
            history=[item_ids[row] for row in users.histories[index]],
            target=item_ids[users.targets[index]],
            position=int(ours.ranks[index]) + 1,
            reference_position=int(theirs.ranks[index]) + 1,
            lost=float(lost[index]),
            rbo=float(rbo[index]),
            listed=_ids(ours.top_rows, index, item_ids),
            reference_listed=_ids(theirs.top_rows, index, item_ids),
        )
        for index in np.lexsort((rbo, -lost))[:N_WORST]
        if lost[index] > 0.0
    ]


def _ids(top_rows: TopRows, index: int, item_ids: Sequence[str]) -> list[str]:
    return [item_ids[row] for row in top_rows[index] if row != PADDING]
