"""Charts as inline SVG; colours come from the style sheet, so that they follow light, dark and print."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from export.report.html import Html, element
from export.report.treemap import Box, squarify

WIDTH: Final = 720.0
_LEFT: Final = 160.0
_RIGHT: Final = 30.0
_ROW: Final = 30.0
_TOP: Final = 28.0
# A label needs this much room in a rectangle.
_LETTER: Final = 7.2
_LINE: Final = 16.0
_NOTHING: Final = 1e-9


class Interval(NamedTuple):
    """A relative difference with its interval and the allowed loss, and how it was judged."""

    label: str
    middle: float
    low: float
    high: float
    margin: float
    verdict: str


class Point(NamedTuple):
    """A point of a scatter plot; ``series`` is its class in the style sheet."""

    x: float
    y: float
    label: str
    series: str


def dots(rows: Mapping[str, Mapping[str, float]], *, label: str) -> Html:
    """Return a dot plot: a row for each segment and in it a dot for each series, in the order of the style's colours.

    Args:
        rows: segment to series to value, not negative.
        label: text for those who cannot see it.
    """
    largest = max((value for row in rows.values() for value in row.values()), default=0.0) or 1.0
    axis = _Axis(0.0, largest * 1.05)
    parts = axis.grid(len(rows))
    for index, (name, values) in enumerate(rows.items()):
        y = _TOP + _ROW * (index + 0.5)
        parts += [_text(name, _LEFT - 12, y + 4, "end")]
        ends = [axis.at(value) for value in values.values()]
        parts.append(element("line", x1=min(ends), x2=max(ends), y1=y, y2=y, class_="span"))
        # The bundle is the first series and is drawn last, on top.
        for position, (series, value) in reversed(list(enumerate(values.items()))):
            title = element("title", f"{name}, {series}: {value:.4f}")
            radius = min(4.0 + 1.5 * position, 7.0)  # a larger one shows around a smaller one on top of it
            parts.append(element("circle", title, cx=axis.at(value), cy=y, r=radius, class_=f"series-{position}"))
    return _svg(_TOP + _ROW * len(rows) + 8, parts, label)


def intervals(rows: Sequence[Interval], *, label: str) -> Html:
    """Return differences with their intervals around zero; the line across each interval is the allowed loss."""
    ends = [value for row in rows for value in (row.low, row.high, -row.margin)] or [0.0]
    reach = min(1.0, max(map(abs, ends))) or 0.01
    axis = _Axis(-reach * 1.08, reach * 1.08, percent=True)
    parts = axis.grid(len(rows))
    parts.append(_vertical(axis.at(0.0), _TOP, _TOP + _ROW * len(rows), "zero"))
    for index, row in enumerate(rows):
        y = _TOP + _ROW * (index + 0.5)
        kind = row.verdict.replace(" ", "-")
        title = element("title", f"{row.label}: {row.middle:+.2%} [{row.low:+.2%}, {row.high:+.2%}], {row.verdict}")
        parts += [
            _text(row.label, _LEFT - 12, y + 4, "end"),
            element("line", title, x1=axis.at(row.low), x2=axis.at(row.high), y1=y, y2=y, class_=f"bar {kind}"),
            element("circle", cx=axis.at(row.middle), cy=y, r=5, class_=kind),
            _vertical(axis.at(-row.margin), y - 10, y + 10, "margin"),
        ]
    return _svg(_TOP + _ROW * len(rows) + 8, parts, label)


def treemap(sizes: Mapping[str, int], *, label: str, groups: Mapping[str, int]) -> Html:
    """Return a treemap of bytes.

    Args:
        sizes: bytes by name.
        label: text for those who cannot see it.
        groups: number of the colour of each name.
    """
    ordered = sorted(((size, name) for name, size in sizes.items() if size > 0), reverse=True)
    stems = Counter(name.partition(".")[0] for name in sizes)
    parts: list[Html] = []
    for (size, name), box in zip(
        ordered, squarify([float(size) for size, _ in ordered], Box(0, 0, WIDTH, 320)), strict=True
    ):
        title = element("title", f"{name}: {size:,} bytes")
        edges = {"x": box.x + 1, "y": box.y + 1, "width": max(0, box.width - 2), "height": max(0, box.height - 2)}
        parts.append(element("rect", title, rx=3, class_=f"tile tile-{groups.get(name, 0)}", **edges))
        stem, _, suffix = name.partition(".")
        parts += _labels(box, (name, stem if stems[stem] == 1 else f".{suffix}"), f"{size / 1024:,.1f} KiB")
    return _svg(320, parts, label)


def scatter(
    points: Sequence[Point], front: Sequence[tuple[float, float]], *, label: str, x_label: str, y_label: str
) -> Html:
    """Return points over a logarithmic axis of bytes, with the Pareto front as a line.

    Args:
        points: the points.
        front: points of the front, by ascending ``x``.
        label: text for those who cannot see it.
        x_label: name of the horizontal axis.
        y_label: name of the vertical axis.
    """
    plane = _Plane(points)
    line = " ".join(f"{plane.across(x):.1f},{plane.up(y):.1f}" for x, y in front)
    parts = [
        _text(x_label, WIDTH / 2, plane.height - 6, "middle", "axis"),
        _text(y_label, plane.left, 14, "start", "axis"),
        *plane.grid(),
        element("polyline", points=line, class_="front"),
    ]
    for point in points:
        title = element("title", f"{point.label}: {point.x:,.0f} bytes, {point.y:.4f}")
        shape = {"cx": plane.across(point.x), "cy": plane.up(point.y), "r": 7.0 if point.series == "best" else 4.0}
        parts.append(element("circle", title, class_=point.series, **shape))
    return _svg(plane.height, parts, label)


class _Plane:
    """The axes of a scatter plot: bytes across, logarithmic, and quality up."""

    height, left, _top, _bottom = 384.0, 64.0, 28.0, 336.0

    def __init__(self, points: Sequence[Point]) -> None:
        xs, ys = [math.log2(point.x) for point in points], [point.y for point in points]
        middle = (min(xs) + max(xs)) / 2  # at least two powers of two are shown, so that there are labels
        self._x = _Axis(min(min(xs) - 0.2, middle - 1), max(max(xs) + 0.2, middle + 1), left=self.left)
        spread = (max(ys) - min(ys)) or 0.01
        self._low, self._high = min(ys) - 0.08 * spread, max(ys) + 0.08 * spread

    def across(self, n_bytes: float) -> float:
        """Return the horizontal position of a number of bytes."""
        return self._x.at(math.log2(n_bytes))

    def up(self, y: float) -> float:
        """Return the vertical position of a value."""
        return self._bottom - (y - self._low) / (self._high - self._low) * (self._bottom - self._top)

    def grid(self) -> list[Html]:
        """Return lines and labels: powers of two and half as much again, and round values."""
        parts: list[Html] = []
        powers = range(math.floor(self._x.low), math.floor(self._x.high) + 1)
        for n_bytes in (factor * 2.0**power for power in powers for factor in (1, 1.5)):
            if self._x.low <= math.log2(n_bytes) <= self._x.high:
                at = self.across(n_bytes)
                parts += [_vertical(at, self._top, self._bottom, "grid"), _text(_kib(n_bytes), at, self._bottom + 18)]
        ticks = _ticks(self._low, self._high)
        digits = max(math.ceil(-math.log10(ticks[1] - ticks[0]) - _NOTHING), 0)
        for tick in ticks:
            y = self.up(tick)
            parts += [
                element("line", x1=self.left, x2=WIDTH - _RIGHT, y1=y, y2=y, class_="grid"),
                _text(f"{tick:.{digits}f}", self.left - 8, y + 4, "end"),
            ]
        return parts


class _Axis:
    """A horizontal axis."""

    def __init__(self, low: float, high: float, *, percent: bool = False, left: float = _LEFT) -> None:
        self.low, self.high, self._percent, self._left = low, high, percent, left

    def at(self, value: float) -> float:
        """Return the position of a value, within the chart."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self._left + share * (WIDTH - self._left - _RIGHT)

    def grid(self, n_rows: int) -> list[Html]:
        """Return lines and labels for ``n_rows``."""
        parts: list[Html] = []
        for tick in _ticks(self.low, self.high):
            shown = _percent(tick) if self._percent else f"{tick:.3f}".rstrip("0").rstrip(".")
            parts += [
                _vertical(self.at(tick), _TOP, _TOP + _ROW * n_rows, "grid"),
                _text(shown, self.at(tick), _TOP - 10, "middle", "axis"),
            ]
        return parts


def _ticks(low: float, high: float) -> list[float]:
    """Return four to eight round numbers between two numbers."""
    rough = (high - low) / 8
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = math.ceil(low / step)
    return [index * step for index in range(first, math.floor(high / step) + 1)]


def _percent(tick: float) -> str:
    return "0" if abs(tick) < _NOTHING else f"{tick:+.1%}".replace(".0%", "%")


def _labels(box: Box, names: Sequence[str], size: str) -> list[Html]:
    """Return the first of the names that fits a rectangle, with the size below it if that fits too."""
    room = int((box.height - 6) / _LINE)

    def fits(line: str) -> bool:
        return len(line) * _LETTER <= box.width - 12

    lines = [next((name for name in names if fits(name)), ""), size if fits(size) else ""]
    return [
        _text(line, box.x + 8, box.y + 18 + index * _LINE, "start", "tile-label")
        for index, line in enumerate(lines[: room if lines[0] else 0])
        if line
    ]


def _svg(height: float, parts: Sequence[Html], label: str) -> Html:
    box = f"0 0 {WIDTH:g} {height:g}"
    svg = element("svg", *parts, viewBox=box, role="img", aria_label=label)
    return element("div", svg, class_="chart", tabindex="0", role="region", aria_label="Chart")


def _text(text: str, x: float, y: float, anchor: str = "middle", kind: str = "label") -> Html:
    return element("text", text, x=x, y=y, text_anchor=anchor, class_=kind)


def _vertical(x: float, top: float, bottom: float, kind: str) -> Html:
    return element("line", x1=x, x2=x, y1=top, y2=bottom, class_=kind)


def _kib(n_bytes: float) -> str:
    if n_bytes < 1 << 10:
        return f"{n_bytes:g} B"
    return f"{n_bytes / (1 << 10):g} KiB" if n_bytes < 1 << 20 else f"{n_bytes / (1 << 20):g} MiB"
