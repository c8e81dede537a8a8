"""Writes the synthetic world: a data folder, and the ground truth about its events.

Equal seeds give equal bytes for the same versions of numpy, Polars and Pillow. See ``docs/synthetic-world.md``.
"""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from edge_runtime.paths import AnyPath
from train.data.json_lines import Record
from train.data.new_folder import new_folder
from train.data.world.items import Item
from train.data.world.pictures import frames, picture
from train.data.world.theme import Theme, WorldKind
from train.data.world.themes import THEMES
from train.data.world.truth import events_frame, truth_frames
from train.data.world.world import World, generate_world


def write_world(out: AnyPath, *, seed: int = 0, kind: WorldKind = "shop") -> None:
    """Generate a world and write it as a data folder with a subfolder ``truth``.

    Raises:
        DataError: ``out`` is not empty.
    """
    out = Path(out)
    with new_folder(out) as draft:
        world = generate_world(seed, THEMES[kind])
        _write_items(draft, world)
        events_frame(world).write_parquet(draft / "interactions.parquet")
        (draft / "truth").mkdir()
        for name, frame in truth_frames(world).items():
            frame.write_parquet(draft / "truth" / f"{name}.parquet")


def _write_items(folder: Path, world: World) -> None:
    records: list[Record] = []
    for item, released_s in zip(world.items, world.item_arrays.released_s.tolist(), strict=True):
        record = _record(world.theme, item, released_s)
        video = f"videos/{item.item_id}"
        if item.has_video:
            for number, frame in enumerate(frames(item.look)):
                _write(folder / video / f"{number}.webp", frame)
        # The picture of a video in a video shelf is its first frame.
        image = f"{video}/0.webp" if world.theme.video_share == 1 else f"images/{item.item_id}.webp"
        if not (folder / image).exists():
            _write(folder / image, picture(item.look))
        records.append(record | {"image": image} | ({"video": video} if item.has_video else {}))
    (folder / "items.jsonl").write_bytes(b"\n".join(msgspec.json.encode(record) for record in records) + b"\n")


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


def _record(theme: Theme, item: Item, released_s: int) -> Record:
    """Return an item without its pictures, in the columns of its theme."""
    fields, category, kind = theme.fields, item.category, item.kind.plural
    in_one = fields.category == fields.kind
    record: Record = {
        "item_id": item.item_id,
        "title": item.title,
        "description": item.description,
        fields.maker: item.maker,
        fields.category: [category, kind] if in_one else category,
    }
    if not in_one:
        record[fields.kind] = kind
    record[fields.level] = item.level if theme.has_prices else int(item.level)
    if fields.colour is not None:
        record[fields.colour] = item.colour
    record |= {fields.material: item.material, fields.use: item.use}
    if fields.date is not None:
        record[fields.date] = datetime.fromtimestamp(released_s, UTC).date().isoformat()
    return record
