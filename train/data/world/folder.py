"""Writes the synthetic world: a data folder, and the ground truth about its events.

Equal seeds give equal bytes for the same versions of numpy, Polars and Pillow. See ``docs/synthetic-world.md``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from edge_runtime.paths import AnyPath
from train.data.json_lines import Record
from train.data.new_folder import new_folder
from train.data.world.items import PARTNER_PROBABILITIES, ShopItem, make_items
from train.data.world.pictures import frames, picture
from train.data.world.shop import BRANDS, CATEGORIES, COLOURS, USES
from train.data.world.users import (
    BRAND,
    CATEGORY,
    COMPLEMENT,
    DRIFT,
    Event,
    ItemArrays,
    Taste,
    User,
    arrays_of,
    simulate_user,
)

N_USERS = 1500
FIRST_S = int(datetime(2023, 9, 1, tzinfo=UTC).timestamp())
N_DAYS = 730
_DAY_S = 86_400
_MIN_EVENTS, _MAX_EVENTS = 5, 40
_NEW_ITEMS = 0.1
_SESSION_EVENTS = 1.8
_EVENT_NAMES = ("click", "like", "purchase")
_EVENT_SHARES = (0.35, 0.2, 0.45)
# Relative frequency of events in the hours from 7 to 22 UTC.
_HOURS = np.array([2, 3, 4, 4, 4, 5, 6, 5, 4, 4, 5, 7, 9, 10, 8, 4], dtype=np.float64)
_FIRST_HOUR = 7


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """A synthetic world, before it is written.

    Attributes:
        items: the items of the shop, in catalogue order.
        item_arrays: the items as arrays, with appeal, release date and complements.
        users: the users and their events.
        times_s: for each user the timestamps of the events, int64.
        names: for each user the names of the events.
    """

    items: tuple[ShopItem, ...]
    item_arrays: ItemArrays
    users: tuple[User, ...]
    times_s: tuple[npt.NDArray[np.int64], ...]
    names: tuple[tuple[str, ...], ...]

    def user_id(self, index: int) -> str:
        """Return the id of a user."""
        return f"u{index + 1:04d}"


def generate_world(seed: int) -> World:
    """Generate a world; the shop and the users have separate random generators."""
    shop_rng, users_rng = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2))
    items = make_items(shop_rng)
    item_arrays = arrays_of(items, _releases(len(items), shop_rng), shop_rng)
    times_s = tuple(_times(users_rng) for _ in range(N_USERS))
    users = tuple(simulate_user(item_arrays, times, users_rng) for times in times_s)
    names = tuple(tuple(users_rng.choice(_EVENT_NAMES, size=len(t), p=_EVENT_SHARES).tolist()) for t in times_s)
    return World(items, item_arrays, users, times_s, names)


def write_world(out: AnyPath, *, seed: int = 0) -> None:
    """Generate a world and write it as a data folder with a subfolder ``truth``.

    Raises:
        DataError: ``out`` is not empty.
    """
    out = Path(out)
    with new_folder(out) as draft:
        world = generate_world(seed)
        _write_items(draft, world.items)
        _events_frame(world).write_parquet(draft / "interactions.parquet")
        (draft / "truth").mkdir()
        for name, frame in (("reasons", _reasons), ("users", _users), ("items", _items), ("complements", _complements)):
            frame(world).write_parquet(draft / "truth" / f"{name}.parquet")


def _releases(n_items: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return when each item is released: most at the start, some later."""
    late = rng.random(n_items) < _NEW_ITEMS
    days = rng.integers(1, N_DAYS - 14, size=n_items)
    return np.where(late, FIRST_S + days * _DAY_S, FIRST_S).astype(np.int64)


def _times(rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return the timestamps of a user's events, in sessions of a few minutes on different days."""
    count = min(_MIN_EVENTS + int(rng.gamma(1.3, 8.5)), _MAX_EVENTS)
    n_sessions = max(2, round(count / _SESSION_EVENTS))
    begin = int(rng.integers(0, N_DAYS - 120))
    end = min(N_DAYS, begin + 60 + n_sessions * int(rng.integers(8, 40)))
    days = np.sort(rng.choice(np.arange(begin, end), size=n_sessions, replace=False))
    hours = _FIRST_HOUR + rng.choice(len(_HOURS), size=n_sessions, p=_HOURS / _HOURS.sum())
    starts = FIRST_S + days * _DAY_S + hours * 3600 + rng.integers(0, 1800, size=n_sessions)
    session = np.sort(np.concatenate((np.arange(n_sessions), rng.integers(0, n_sessions, size=count)))[:count])
    pauses = rng.integers(40, 240, size=count)
    since = np.cumsum(pauses) - np.cumsum(pauses)[np.searchsorted(session, session)]
    return (starts[session] + since).astype(np.int64)


def _write_items(folder: Path, items: Sequence[ShopItem]) -> None:
    (folder / "images").mkdir()
    records: list[Record] = []
    for item in items:
        image = f"images/{item.item_id}.webp"
        (folder / image).write_bytes(picture(item.look))
        records.append(_record(item, image))
        if item.has_video:
            _write_frames(folder / "videos" / item.item_id, item)
    (folder / "items.jsonl").write_bytes(b"\n".join(msgspec.json.encode(record) for record in records) + b"\n")


def _write_frames(folder: Path, item: ShopItem) -> None:
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames(item.look)):
        (folder / f"{number}.webp").write_bytes(frame)


def _record(item: ShopItem, image: str) -> Record:
    record: Record = {
        "item_id": item.item_id,
        "title": item.title,
        "description": item.description,
        "brand": item.brand,
        "categories": [item.category, item.kind.plural],
        "price": item.price,
        "colour": item.colour,
        "material": item.material,
        "use": item.use,
        "image": image,
    }
    return record | ({"video": f"videos/{item.item_id}"} if item.has_video else {})


def _events_frame(world: World) -> pl.DataFrame:
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
    log = _events_frame(world).drop("event")
    return log.hstack(reasons).with_columns(oracle_rank=pl.Series(ranks, dtype=pl.Int32))


def _reason(world: World, user: User, event: Event) -> tuple[str, str | None, str | None, str | None]:
    item = world.items[event.row]
    because = None if event.because is None else world.items[user.events[event.because].row].item_id
    match event.kind:
        case kind if kind in (CATEGORY, DRIFT):
            return kind, because, "categories", item.category
        case kind if kind == BRAND:
            return kind, because, "brand", item.brand
        case kind if kind == COMPLEMENT:
            return kind, because, "categories", item.kind.plural
        case kind:
            return kind, None, None, None


def _users(world: World) -> pl.DataFrame:
    rows = [
        {"user_id": world.user_id(index)}
        | _taste_columns("start", user.start)
        | _taste_columns("end", user.end)
        | {
            "colours": [list(COLOURS)[colour] for colour in user.start.colours],
            "uses": [list(USES)[use] for use in user.start.uses],
            "price_level": user.start.price,
            "drift_at": [int(times[change]) for change in user.changes],
        }
        for index, (user, times) in enumerate(zip(world.users, world.times_s, strict=True))
    ]
    return pl.DataFrame(rows, schema_overrides={"drift_at": pl.List(pl.Int64)})


def _taste_columns(when: str, taste: Taste) -> dict[str, object]:
    return {
        f"{when}_categories": [list(CATEGORIES)[index] for index in taste.categories],
        f"{when}_brands": [list(BRANDS)[index] for index in taste.brands],
    }


def _items(world: World) -> pl.DataFrame:
    ids = [item.item_id for item in world.items]
    return pl.DataFrame({"item_id": ids, "appeal": world.item_arrays.appeal, "released": world.item_arrays.released_s})


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
