"""Names the colour of a picture, or none where it is not sure. Nothing is learned.

Colours are compared in CIELAB (CIE 15:2018; D65, 2 degree observer), where equal distances look about equally
large. The names are the eleven basic colour terms of Berlin and Kay, "Basic Color Terms", 1969, and beige and
turquoise, each by a few examples. A pixel has a name if the nearest example of another name is clearly farther away
than that of its own; colours between two names, such as amber, have none. A picture has the name of most of its
subject.
"""

from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from train.items.picture import UnreadableError, open_picture

_SIDE: Final = 48
# Distances in CIELAB; 2.3 is a just noticeable difference.
_MARGIN: Final = 8.0
_FARTHEST: Final = 25.0
# What is hardly coloured may be called grey, nothing else.
_FARTHEST_GREY: Final = 10.0
_SAME_PAPER: Final = 12.0
# A border of which so much has one light colour is paper behind the subject; a dark one is a part of the picture.
_PLAIN_BORDER: Final = 0.7
_LIGHTNESS_OF_PAPER: Final = 75.0
_SMALLEST_SUBJECT: Final = 0.06
# Of the subject's pixels, those without a name included.
_LEAST_SHARE: Final = 0.4
_LEAST_LEAD: Final = 0.2
# Outlines, shadows and metal are grey in pictures of any colour, and so is black print on white from afar.
_LEAST_SHARE_OF_GREYS: Final = 0.65
_MOST_CONTRAST_OF_GREYS: Final = 18.0

Floats = NDArray[np.float64]

GREYS: Final = ("black", "white", "grey")

# Examples in sRGB.
PALETTE: Final[dict[str, tuple[tuple[int, int, int], ...]]] = {
    "black": ((0, 0, 0), (28, 28, 30)),
    "white": ((255, 255, 255), (244, 244, 242)),
    "grey": ((90, 90, 92), (128, 128, 128), (168, 168, 168), (204, 204, 204)),
    "red": ((220, 30, 30), (170, 20, 30), (205, 65, 55), (120, 15, 20)),
    "orange": ((240, 130, 30), (228, 100, 30), (250, 165, 80)),
    "yellow": ((245, 215, 40), (250, 235, 120), (215, 180, 30)),
    "green": ((50, 150, 60), (20, 90, 40), (120, 180, 80), (150, 205, 140), (90, 120, 60), (140, 160, 115)),
    "blue": ((40, 80, 190), (20, 40, 110), (80, 140, 210), (150, 190, 230), (50, 62, 108), (65, 112, 150)),
    "turquoise": ((64, 180, 175), (50, 140, 142), (130, 205, 200), (20, 100, 105)),
    "purple": ((120, 60, 160), (80, 40, 110), (165, 130, 190)),
    "pink": ((240, 130, 170), (250, 190, 205), (225, 60, 130)),
    "brown": ((110, 70, 40), (70, 45, 25), (150, 105, 65)),
    "beige": ((225, 205, 170), (205, 180, 140)),
}


def picture_colour(path: Path) -> str | None:
    """Return the colour of a picture's subject; None if it has no single clear one, or the file cannot be read."""
    try:
        image = open_picture(path)
    except UnreadableError:
        return None
    return colour_name(np.asarray(image.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR, reducing_gap=3.0)))


def colour_name(pixels: NDArray[np.uint8]) -> str | None:
    """Return the colour of the subject of RGB pixels, ``[height, width, 3]``; None if it has no single clear one."""
    lab = to_lab(pixels)
    subject = lab[_is_subject(lab)]
    if len(subject) < _SMALLEST_SUBJECT * lab.shape[0] * lab.shape[1]:
        return None
    names = _names_of(subject)
    counts = np.bincount(names[names >= 0], minlength=len(PALETTE)) / len(subject)
    second, first = np.argsort(counts, kind="stable")[-2:]
    name = list(PALETTE)[first]
    if name in GREYS and subject[:, 0].std() > _MOST_CONTRAST_OF_GREYS:
        return None
    least = _LEAST_SHARE_OF_GREYS if name in GREYS else _LEAST_SHARE
    return name if counts[first] >= least and counts[first] - counts[second] >= _LEAST_LEAD else None


def to_lab(pixels: NDArray[np.uint8]) -> Floats:
    """Return CIELAB of sRGB (IEC 61966-2-1), ``[..., 3]``, for the white point D65."""
    encoded = pixels.astype(np.float64) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    xyz = linear @ np.asarray(to_xyz).T / np.asarray([0.95047, 1.0, 1.08883])
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), axis=-1)


def _is_subject(lab: Floats) -> NDArray[np.bool_]:
    """Return which pixels are not of a plain paper behind the subject, ``[height, width]``; all if there is none."""
    border = np.concatenate((lab[0], lab[-1], lab[1:-1, 0], lab[1:-1, -1]))
    paper = np.median(border, axis=0)
    if paper[0] < _LIGHTNESS_OF_PAPER or (_distances(border, paper) < _SAME_PAPER).mean() < _PLAIN_BORDER:
        return np.ones(lab.shape[:2], dtype=np.bool_)
    return _distances(lab, paper) >= _SAME_PAPER


def _names_of(colours: Floats) -> NDArray[np.int64]:
    """Return the index in :data:`PALETTE` of the name of each colour, ``[n, 3]`` to ``[n]``; -1 for none."""
    nearest = np.stack([_distances(colours[:, None], of).min(axis=1) for of in _examples()], axis=1)
    order = np.sort(nearest, axis=1)
    named = nearest.argmin(axis=1)
    farthest = np.asarray([_FARTHEST_GREY if name in GREYS else _FARTHEST for name in PALETTE])
    is_clear = (order[:, 0] <= farthest[named]) & (order[:, 1] - order[:, 0] >= _MARGIN)
    return np.where(is_clear, named, -1)


@cache
def _examples() -> tuple[Floats, ...]:
    """Return the examples of each name in CIELAB."""
    return tuple(to_lab(np.asarray(of, dtype=np.uint8)) for of in PALETTE.values())


def _distances(some: Floats, others: Floats) -> Floats:
    distances: Floats = np.linalg.norm(some - others, axis=-1)
    return distances
