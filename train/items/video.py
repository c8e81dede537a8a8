"""Frames of videos, which are encoded as pictures."""

from pathlib import Path

import numpy as np

from train.data.dataset import Catalogue
from train.items.blocks import TokenLayout

MAX_FRAMES = 8


def frames(catalogue: Catalogue) -> tuple[list[Path], TokenLayout]:
    """Return frames of all videos, at most ``MAX_FRAMES`` of an item, evenly spaced, and their layout."""
    kept = [[video[at] for at in evenly_spaced(len(video), MAX_FRAMES)] for video in catalogue.videos]
    lengths = [len(video) for video in kept]
    rows = np.repeat(np.arange(len(kept), dtype=np.int64), lengths)
    tokens = np.asarray([token for length in lengths for token in range(length)], dtype=np.int64)
    return [path for video in kept for path in video], TokenLayout(
        rows, tokens, (len(kept), max(lengths, default=0) or 1)
    )


def evenly_spaced(n: int, maximum: int) -> list[int]:
    """Return ``min(n, maximum)`` of ``n`` indices: the centres of equal parts, all different."""
    kept = min(n, maximum)
    return [(2 * part + 1) * n // (2 * kept) for part in range(kept)]
