"""Videos are frames, each described as a picture."""

from pathlib import Path

import numpy as np

from train.data.dataset import Catalogue
from train.items.blocks import TokenLayout

MOST_FRAMES = 8


def frames(catalogue: Catalogue) -> tuple[list[Path], TokenLayout]:
    """Return the frames to look at, at most ``MOST_FRAMES`` of an item, evenly spaced, and where they belong."""
    kept = [[video[at] for at in evenly_spaced(len(video), MOST_FRAMES)] for video in catalogue.videos]
    lengths = [len(video) for video in kept]
    rows = np.repeat(np.arange(len(kept), dtype=np.int64), lengths)
    tokens = np.asarray([token for length in lengths for token in range(length)], dtype=np.int64)
    return [path for video in kept for path in video], TokenLayout(
        rows, tokens, (len(kept), max(lengths, default=0) or 1)
    )


def evenly_spaced(n: int, most: int) -> list[int]:
    """Return ``min(n, most)`` places of ``n``: the middles of equal parts, each a different one."""
    kept = min(n, most)
    return [(2 * part + 1) * n // (2 * kept) for part in range(kept)]
