"""HTML and charts of a report, as text: every value is escaped, and charts are SVG inside the page."""

from collections.abc import Sequence
from html import escape
from typing import Final

WIDTH: Final = 640
_ROW: Final = 26
_LABELS: Final = 150


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: object) -> Html:
    """Return an element; text among its children is escaped, and ``_`` in names of attributes stands for ``-``."""
    words = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items())
    if name == "meta":
        return Html(f"<{name}{words}>")
    inside = "".join(one if isinstance(one, Html) else escape(one) for one in children)
    return Html(f"<{name}{words}>{inside}</{name}>")


def join(*parts: Html) -> Html:
    """Return several pieces one after the other."""
    return Html("".join(parts))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Html:
    """Return a table; an empty head is left out, and the first cell of a row is its heading."""
    top = element("tr", *(element("th", word, scope="col") for word in head))
    lines = [
        element("tr", element("th", first, scope="row"), *(element("td", cell) for cell in rest))
        for first, *rest in rows
    ]
    parts = [element("thead", top)] if any(head) else []
    return element("div", element("table", *parts, element("tbody", *lines)), class_="wide")


def progress(value: int, ticks: Sequence[tuple[int, str]]) -> Html:
    """Return a bar up to a value, with named ticks; the last one is its end."""
    end = max(value, *(at for at, _ in ticks))
    shapes = [
        element("rect", class_="ground", x=0, y=0, width=WIDTH, height=18),
        element("rect", class_="fill", x=0, y=0, width=_n(WIDTH * value / end), height=18),
    ]
    for index, (at, words) in enumerate(ticks):
        x = WIDTH * at / end
        shapes.append(element("line", class_="tick", x1=_n(x), x2=_n(x), y1=0, y2=26))
        anchor = "start" if x < WIDTH / 2 else "end"
        shapes.append(element("text", words, x=_n(x), y=40 + 16 * index, text_anchor=anchor))
    return _drawing(shapes, 44 + 16 * len(ticks), f"{value:,} updates; {', '.join(words for _, words in ticks)}")


def bars(rows: Sequence[tuple[str, int, str]]) -> Html:
    """Return horizontal bars, each with a label, a number and a remark."""
    most = max(1, *(number for _, number, _ in rows))
    shapes = []
    for index, (label, number, remark) in enumerate(rows):
        y = _ROW * index
        width = (WIDTH - _LABELS - 170) * number / most
        shapes += [
            element("text", label, x=_LABELS - 8, y=y + 14, text_anchor="end"),
            element("rect", class_="fill", x=_LABELS, y=y, width=_n(max(width, 1)), height=18),
            element("text", f"{number:,}, {remark}", x=_n(_LABELS + width + 8), y=y + 14),
        ]
    return _drawing(shapes, _ROW * len(rows), "; ".join(f"{label}: {number:,}" for label, number, _ in rows))


def intervals(rows: Sequence[tuple[str, float, float, float]]) -> Html:
    """Return intervals around differences (label, low, middle, high), with a line at 0."""
    reach = max((abs(value) for _, *values in rows for value in values), default=0.0) or 1.0
    middle, half = (WIDTH + _LABELS) / 2, (WIDTH - _LABELS) / 2 - 8
    height = _ROW * len(rows)
    shapes = [element("line", class_="tick", x1=_n(middle), x2=_n(middle), y1=0, y2=height)]
    for index, (label, low, value, high) in enumerate(rows):
        y, kind = _ROW * index + 12, "better" if low > 0 else "worse" if high < 0 else "same"
        low_x, value_x, high_x = (_n(middle + half * one / reach) for one in (low, value, high))
        shapes += [
            element("text", label, x=_LABELS - 8, y=y + 4, text_anchor="end"),
            element("line", class_=kind, x1=low_x, x2=high_x, y1=y, y2=y),
            element("circle", class_=kind, cx=value_x, cy=y, r=4),
        ]
    return _drawing(shapes, height, "differences with their intervals; the table has the numbers")


def _drawing(shapes: Sequence[Html], height: int, label: str) -> Html:
    box = f"0 -2 {WIDTH} {height + 4}"
    return element("svg", *shapes, viewBox=box, role="img", aria_label=label, xmlns="http://www.w3.org/2000/svg")


def _n(value: float) -> str:
    return f"{value:.1f}"
