"""How often the name of a picture's colour is right, on the pictures of the synthetic worlds, whose colours are known.

A name is right if a person would also use it for the item's colour: some colours have two names, such as rust, which is
red, orange or brown. The intervals are those of Wilson, 95 %. Exit code 1 if a world's precision is below 0.95.

Example: python -m benchmarks.picture_colours
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import polars as pl

from train.data.folder import read_folder
from train.data.world.folder import write_world
from train.data.world.themes import THEMES
from train.items.colour_names import picture_colour

LEAST_PRECISION: Final = 0.95
_Z: Final = 1.96

# What a person may call each colour of the worlds.
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "rust": ("red", "orange", "brown"), "moss": ("green",), "lake blue": ("blue",), "amber": ("yellow", "orange"),
    "heather": ("purple",), "slate": ("grey", "blue"), "berry": ("red", "pink"), "sage": ("green",),
    "rose": ("pink",), "teal": ("turquoise",), "sand": ("beige", "brown", "yellow"), "night blue": ("blue",),
    "tomato": ("red", "orange"), "tangerine": ("orange",), "sunflower": ("yellow",), "leaf": ("green",),
    "sea": ("blue",), "violet": ("purple",), "peony": ("pink",), "chestnut": ("brown",), "lagoon": ("turquoise",),
    "midnight": ("blue",), "mint": ("green",), "stone": ("grey",), "brick": ("red", "brown"),
    "apricot": ("orange",), "straw": ("yellow", "beige"), "fern": ("green",), "ink blue": ("blue",),
    "plum": ("purple",), "blossom": ("pink",), "bark": ("brown",), "sea green": ("turquoise",), "dusk": ("blue",),
    "meadow": ("green",), "ash": ("grey",),
}  # fmt: skip


def main() -> None:
    """Print the precision of each world as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="of the worlds")
    seed: int = parser.parse_args().seed
    with TemporaryDirectory() as folder:
        found = {}
        for kind in THEMES:
            write_world(Path(folder) / kind, seed=seed, kind=kind)
            found[kind] = precision(Path(folder) / kind)
    print(json.dumps(found, indent=1))
    if min(one["precision"] for one in found.values()) < LEAST_PRECISION:
        raise SystemExit(1)


def precision(world: Path) -> dict[str, Any]:
    """Return how many pictures of a world have a name, and the share of right ones with its interval."""
    truth = dict(pl.read_parquet(world / "truth" / "items.parquet").select("item_id", "colour").iter_rows())
    catalogue = read_folder(world).catalogue
    pairs = [
        (truth[item_id], name)
        for item_id, image in zip(catalogue.item_ids, catalogue.images, strict=True)
        if image is not None and (name := picture_colour(image)) is not None
    ]
    wrong = [f"{true} called {name}" for true, name in pairs if name not in NAMES[true]]
    n_right = len(pairs) - len(wrong)
    return {
        "pictures": len(catalogue),
        "named": len(pairs),
        "right": n_right,
        "precision": round(n_right / len(pairs), 4),
        "interval": [round(bound, 4) for bound in wilson(n_right, len(pairs))],
        "wrong": sorted(wrong),
    }


def wilson(n_right: int, n: int) -> tuple[float, float]:
    """Return the interval of a share (Wilson, "Probable Inference", JASA 1927)."""
    share, z2 = n_right / n, _Z**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * (share * (1 - share) / n + z2 / (4 * n * n)) ** 0.5
    return middle - half, min(1.0, middle + half)


if __name__ == "__main__":
    main()
