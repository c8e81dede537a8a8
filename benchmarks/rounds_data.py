"""Histories for the simulator of rounds: of real people, or of the synthetic world before or after a fashion."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from train.data.world.users import simulate_user
from train.data.world.world import World, event_times, generate_world

MIN_EVENTS: Final = 10
FASHION: Final = 0.4
"""Share of the events that are of the category in fashion."""

Histories = list[list[str]]
"""Item ids of each person, oldest first."""


def world_histories(n_users: int, seed: int, fashion: float = FASHION, shop: int = 0) -> Histories:
    """Simulate people of the synthetic world whom its model never saw, each with at least :data:`MIN_EVENTS` events.

    Since the model was trained, one category has come into fashion: so many of each person's events are of it instead,
    drawn by the appeal of its items.

    Args:
        n_users: how many.
        seed: of the people.
        fashion: share of such events; 0 for people like those that the model was trained on.
        shop: seed of the world that the model was trained on.
    """
    world, rng = generate_world(shop), np.random.default_rng([seed, 99])
    pull = fashion_pull(world, shop)
    return [_history(world, pull, fashion, rng) for _ in range(n_users)]


def fashion_pull(world: World, shop: int) -> np.typing.NDArray[np.float64]:
    """Return what draws people to each item in fashion, ``[N]``; the seed of the shop chooses the category."""
    categories = world.item_arrays.category
    chosen = np.random.default_rng([shop, 7]).choice(np.unique(categories))
    return np.where(categories == chosen, world.item_arrays.appeal, 0.0)


def file_histories(file: Path, known: Sequence[str]) -> Histories:
    """Return the histories of a file of interactions, without items that the bundle does not know."""
    data = pl.read_parquet(file).sort(["user_id", "timestamp"], maintain_order=True)
    data = data.filter(pl.col("item_id").is_in(list(known)))
    everyone = [group["item_id"].to_list() for _, group in data.group_by("user_id", maintain_order=True)]
    return [items for items in everyone if len(items) >= MIN_EVENTS]


def _history(world: World, pull: np.typing.NDArray[np.float64], fashion: float, rng: np.random.Generator) -> list[str]:
    times = event_times(rng)
    while len(times) < MIN_EVENTS:
        times = event_times(rng)
    rows = [event.row for event in simulate_user(world.item_arrays, times, rng).events]
    for index in range(len(rows)):
        new = pull.copy()
        new[rows] = 0.0
        if rng.random() < fashion and new.any():
            rows[index] = int(rng.choice(len(pull), p=new / new.sum()))
    return [world.items[row].item_id for row in rows]
