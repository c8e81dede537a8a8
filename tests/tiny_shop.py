"""Writes a data folder of a tiny shop with a learnable pattern: users buy items in catalogue order."""

import json
from pathlib import Path

_COLOURS = ("red", "green", "blue", "white")
_KINDS = ("Lamp", "Chair", "Shelf")


def write_shop(folder: Path, n_users: int = 80, n_items: int = 36) -> Path:
    """Write interactions and items, and return ``folder``."""
    folder.mkdir()
    lines = ["user_id,item_id,timestamp"]
    for user in range(n_users):
        lines += [f"u{user},i{(user * 7 + step) % n_items},{1_600_000_000 + step}" for step in range(4 + user % 6)]
    (folder / "interactions.csv").write_text("\n".join(lines) + "\n")
    (folder / "items.jsonl").write_text("".join(json.dumps(_item(row)) + "\n" for row in range(n_items)))
    return folder


def _item(row: int) -> dict[str, object]:
    kind, colour = _KINDS[row % 3], _COLOURS[row % 4]
    return {
        "item_id": f"i{row}",
        "title": f"{colour.capitalize()} {kind} No. {row}",
        "brand": f"Brand {row % 5}",
        "categories": ["Home", f"{kind}s"],
        "colour": colour,
    }
