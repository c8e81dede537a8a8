"""Draws the items of the synthetic world: the shape shows the kind of item, the colour is that of the item.

``shapes.json`` has a list of parts for each shape, from back to front, in coordinates from 0 to 100, y downwards
(in a wider picture, of the square in its middle):
``["P", role, x, y, ...]`` is a polygon, ``["E", role, x, y, rx, ry]`` an ellipse, ``["R", role, x0, y0, x1, y1, r]`` a
rounded rectangle, ``["L", role, width, x, y, ...]`` a stroke. A role selects a colour: ``main`` is the item's
colour, ``dark`` and ``light`` are shades of it, ``accent`` is its second colour; the others are the same for all items.

All parts are converted to polygons, which are rotated for the frames of a video.
"""

import functools
import io
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from train.data.world.theme import Rgb

N_FRAMES = 6
_OVERSAMPLING = 3
_QUALITY = 82
_SPEED = 2
_ARC_STEPS = 28
_FLOOR = (50.0, 88.0)
_SWAY_DEGREES = 9.0
# A fraction of a step, so that all frames have different angles.
_FIRST_PHASE = 0.25

Points = list[tuple[float, float]]

_SHAPES = Path(__file__).with_name("shapes.json")
_FIXED: dict[str, Rgb] = {
    "ink": (52, 56, 66),
    "white": (250, 248, 242),
    "metal": (163, 172, 181),
    "steel": (203, 210, 216),
    "wood": (150, 108, 74),
    "leaf": (118, 158, 102),
    "coffee": (88, 58, 42),
    "flame": (255, 224, 130),
    "glow": (247, 150, 60),
    "glass": (190, 224, 236),
    "steam": (214, 216, 214),
    "kraft": (205, 172, 126),
    "drop": (94, 164, 204),
    "flag": (206, 74, 62),
}
_GLOWS = ("glow", "flame", "beam")


@dataclass(frozen=True, slots=True)
class Look:
    """The visible properties of an item.

    ``paper`` is the background, ``shape`` a key of :func:`shapes`, ``size`` width and height in pixels, the
    width at least the height.
    """

    shape: str
    main: Rgb
    accent: Rgb
    paper: Rgb
    size: tuple[int, int]


def picture(look: Look) -> bytes:
    """Return the picture of an item as WebP, of the size of its look."""
    return _draw(look, turn=0.0, brightness=1.0)


def frames(look: Look) -> Iterator[bytes]:
    """Yield ``N_FRAMES`` frames of a video: the product sways once, and glowing parts flicker."""
    for index in range(N_FRAMES):
        phase = 2 * math.pi * (index + _FIRST_PHASE) / N_FRAMES
        yield _draw(look, turn=math.sin(phase), brightness=0.8 + 0.2 * math.cos(2 * phase))


def _draw(look: Look, *, turn: float, brightness: float) -> bytes:
    width, n = (side * _OVERSAMPLING for side in look.size)
    left = (width - n) / 2
    image = Image.new("RGB", (width, n), look.paper)
    draw = ImageDraw.Draw(image)
    draw.ellipse(_box(50, 50, 43, 43, n, left), fill=_mix(look.paper, (255, 255, 255), 0.55))
    draw.ellipse(_box(*_FLOOR, 30, 3.6, n, left), fill=_mix(look.paper, (60, 60, 70), 0.16))
    colours = _colours(look, brightness)
    for role, polygon in _outline(look.shape):
        draw.polygon(_placed(polygon, turn, n, left), fill=colours[role])
    out = io.BytesIO()
    image.reduce(_OVERSAMPLING).save(out, "WEBP", quality=_QUALITY, method=_SPEED)
    return out.getvalue()


def _colours(look: Look, brightness: float) -> dict[str, Rgb]:
    own = {
        "main": look.main,
        "dark": _mix(look.main, (22, 24, 40), 0.26),
        "light": _mix(look.main, (255, 255, 255), 0.34),
        "accent": look.accent,
        "paper": _mix(look.paper, (255, 255, 255), 0.55),
        "beam": _mix(look.paper, (255, 226, 130), 0.75),
    }
    colours = {**_FIXED, **own}
    return colours | {role: _mix(colours["paper"], colours[role], brightness) for role in _GLOWS}


def _mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _placed(polygon: Points, turn: float, n: int, left: float) -> Points:
    """Rotate a polygon about the middle of the floor, ``turn`` in [-1, 1], and scale it to ``n`` pixels."""
    angle, scale = math.radians(_SWAY_DEGREES * turn), n / 100
    cosine, sine = math.cos(angle) * scale, math.sin(angle) * scale
    x0, y0 = _FLOOR[0] * scale + left, _FLOOR[1] * scale
    moved = ((x - _FLOOR[0], y - _FLOOR[1]) for x, y in polygon)
    return [(x * cosine - y * sine + x0, x * sine + y * cosine + y0) for x, y in moved]


def _box(x: float, y: float, rx: float, ry: float, n: int, left: float) -> tuple[float, float, float, float]:
    """Return the corners of an ellipse in a square of ``n`` pixels that begins at ``left``."""
    scale = n / 100
    return (x - rx) * scale + left, (y - ry) * scale, (x + rx) * scale + left, (y + ry) * scale


@functools.cache
def shapes() -> dict[str, list[list[Any]]]:
    """Return the parts of each shape, by name, in the format described above."""
    drawings: dict[str, list[list[Any]]] = json.loads(_SHAPES.read_text("utf-8"))
    return drawings


@functools.cache
def _outline(shape: str) -> tuple[tuple[str, Points], ...]:
    """Return the polygons of a shape with their roles, from back to front."""
    return tuple((role, polygon) for kind, role, *numbers in shapes()[shape] for polygon in _polygons(kind, numbers))


def _polygons(kind: str, numbers: Sequence[float]) -> Iterator[Points]:
    match kind:
        case "P":
            yield _pairs(numbers)
        case "E":
            x, y, rx, ry = numbers
            yield _arc(x, y, rx, ry, 0, 360)
        case "R":
            yield _rounded(*numbers)
        case _:
            yield from _stroke(numbers[0], _pairs(numbers[1:]))


def _pairs(numbers: Sequence[float]) -> Points:
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _arc(x: float, y: float, rx: float, ry: float, begin: float, end: float) -> Points:
    steps = max(4, round(_ARC_STEPS * (end - begin) / 360))
    angles = (math.radians(begin + (end - begin) * i / steps) for i in range(steps + 1))
    return [(x + rx * math.cos(angle), y + ry * math.sin(angle)) for angle in angles]


def _rounded(x0: float, y0: float, x1: float, y1: float, r: float) -> Points:
    corners = ((x1 - r, y1 - r, 0), (x0 + r, y1 - r, 90), (x0 + r, y0 + r, 180), (x1 - r, y0 + r, 270))
    return [point for x, y, begin in corners for point in _arc(x, y, r, r, begin, begin + 90)]


def _stroke(width: float, points: Points) -> Iterator[Points]:
    """Yield the polygons of a stroke with round ends: circles at the points, bars between them."""
    half = width / 2
    for x, y in points:
        yield _arc(x, y, half, half, 0, 360)
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        dx, dy = -(y1 - y0) / length * half, (x1 - x0) / length * half
        yield [(x0 + dx, y0 + dy), (x1 + dx, y1 + dy), (x1 - dx, y1 - dy), (x0 - dx, y0 - dy)]
