"""Places rectangles with given areas side by side, as nearly square as possible.

The squarified treemap of Bruls, Huizing and van Wijk, "Squarified Treemaps", VisSym 2000.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float


def squarify(sizes: Sequence[float], box: Box) -> list[Box]:
    """Return a rectangle in ``box`` for each of the positive ``sizes``, which must be in descending order."""
    boxes: list[Box] = []
    scale = box.width * box.height / sum(sizes) if sizes else 0.0
    areas = [size * scale for size in sizes]
    while areas:
        side = min(box.width, box.height)
        n = 1
        while n < len(areas) and _worst(areas[: n + 1], side) <= _worst(areas[:n], side):
            n += 1
        placed, box = _place(areas[:n], box)
        boxes += placed
        areas = areas[n:]
    return boxes


def _worst(areas: Sequence[float], side: float) -> float:
    """Return the largest aspect ratio of a row of rectangles along ``side``."""
    thickness = sum(areas) / side
    return max(max(thickness * thickness / area, area / (thickness * thickness)) for area in areas)


def _place(areas: Sequence[float], box: Box) -> tuple[list[Box], Box]:
    """Place a row along the shorter side; return its rectangles and what is left of the box."""
    is_wide = box.width >= box.height
    thickness = sum(areas) / (box.height if is_wide else box.width)
    placed, offset = [], 0.0
    for area in areas:
        length = area / thickness
        if is_wide:
            placed.append(Box(box.x, box.y + offset, thickness, length))
        else:
            placed.append(Box(box.x + offset, box.y, length, thickness))
        offset += length
    if is_wide:
        return placed, Box(box.x + thickness, box.y, box.width - thickness, box.height)
    return placed, Box(box.x, box.y + thickness, box.width, box.height - thickness)
