"""The events of a synthetic world, and the truth about them, as tables (``docs/synthetic-world.md`` lists them)."""

import numpy as np
import polars as pl

from train.data.world.items import PARTNER_PROBABILITIES
from train.data.world.theme import Theme
from train.data.world.users import CATEGORY, COMPLEMENT, DRIFT, MAKER, Event, Taste, User
from train.data.world.world import World


def truth_frames(world: World) -> dict[str, pl.DataFrame]:
    """Return the tables of the folder ``truth`` by name."""
    return {
        "reasons": _reasons(world),
        "users": _users(world),
        "items": _items(world),
        "complements": _complements(world),
    }


def events_frame(world: World) -> pl.DataFrame:
    """Return the events by user, oldest first."""
    lengths = [len(user.events) for user in world.users]
    return pl.DataFrame(
        {
            "user_id": [world.user_id(index) for index, length in enumerate(lengths) for _ in range(length)],
            "item_id": [world.items[event.row].item_id for user in world.users for event in user.events],
            "timestamp": np.concatenate(world.times_s),
            "event": [name for names in world.names for name in names],
        }
    )


def _reasons(world: World) -> pl.DataFrame:
    """Return the true reason of each event, in the order of the interactions."""
    rows = [_reason(world, user, event) for user in world.users for event in user.events]
    columns = ("kind", "because_item_id", "field", "value")
    schema = dict.fromkeys(columns, pl.String)
    reasons = pl.DataFrame(rows, schema=schema, orient="row")
    ranks = [event.oracle_rank for user in world.users for event in user.events]
    log = events_frame(world).drop("event")
    return log.hstack(reasons).with_columns(oracle_rank=pl.Series(ranks, dtype=pl.Int32))


def _reason(world: World, user: User, event: Event) -> tuple[str, str | None, str | None, str | None]:
    item, fields = world.items[event.row], world.theme.fields
    because = None if event.because is None else world.items[user.events[event.because].row].item_id
    match event.kind:
        case kind if kind in (CATEGORY, DRIFT):
            return kind, because, fields.category, item.category
        case kind if kind == MAKER:
            return kind, because, fields.maker, item.maker
        case kind if kind == COMPLEMENT:
            return kind, because, fields.kind, item.kind.plural
        case kind:
            return kind, None, None, None


def _users(world: World) -> pl.DataFrame:
    colours, uses = list(world.theme.colours), list(world.theme.uses)
    rows = [
        {"user_id": world.user_id(index)}
        | _taste_columns(world.theme, "start", user.start)
        | _taste_columns(world.theme, "end", user.end)
        | {
            "colours": [colours[colour] for colour in user.start.colours],
            "uses": [uses[use] for use in user.start.uses],
            "price_level": user.start.level,
            "drift_at": [int(times[change]) for change in user.changes],
        }
        for index, (user, times) in enumerate(zip(world.users, world.times_s, strict=True))
    ]
    return pl.DataFrame(rows, schema_overrides={"drift_at": pl.List(pl.Int64)})


def _taste_columns(theme: Theme, when: str, taste: Taste) -> dict[str, object]:
    categories, makers = list(theme.categories), list(theme.makers)
    return {
        f"{when}_categories": [categories[index] for index in taste.categories],
        f"{when}_brands": [makers[index] for index in taste.makers],
    }


def _items(world: World) -> pl.DataFrame:
    ids = [item.item_id for item in world.items]
    columns = {"item_id": ids, "appeal": world.item_arrays.appeal, "released": world.item_arrays.released_s}
    return pl.DataFrame(columns | {"colour": [item.colour for item in world.items]})


def _complements(world: World) -> pl.DataFrame:
    ids = np.array([item.item_id for item in world.items])
    n_partners = len(PARTNER_PROBABILITIES)
    return pl.DataFrame(
        {
            "because_item_id": np.repeat(ids, n_partners),
            "item_id": ids[world.item_arrays.partners.ravel()],
            "chance": np.tile(PARTNER_PROBABILITIES, len(ids)),
        }
    )
