"""The Pareto front as an SVG: NDCG@10 over bytes, with every point, the baselines and what ships."""

from collections.abc import Callable, Sequence
from math import log2
from xml.sax.saxutils import escape

from export.fitting.search import Found, Row, describe

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _EDGE = 760, 420, 64, 48, 20
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#444}.grid{stroke:#ddd}.point{fill:#7aa6d8}.row{fill:none;stroke:#999}"
    ".front{fill:none;stroke:#1f5fa8;stroke-width:2}.ships{fill:#d2542b}"
    "@media(prefers-color-scheme:dark){svg{background:#16181d}text{fill:#ccc}.grid{stroke:#333}}"
)


def chart(found: Sequence[Found], front: Sequence[Found], shipped: Sequence[Found], rows: Sequence[Row]) -> str:
    """Return an SVG document.

    Args:
        found: all points, at least one.
        front: those that are better than all smaller ones, by ascending bytes.
        shipped: the best of each budget.
        rows: baselines.
    """
    sizes = [each.n_bytes for each in found] + [row.n_bytes for row in rows]
    scores = [each.measured.ndcg for each in found] + [row.ndcg for row in rows]
    x = _scale(log2(min(sizes)) - 0.1, log2(max(sizes)) + 0.1, _LEFT, _WIDTH - _EDGE)
    low, high = min(scores) * 0.98, max(scores) * 1.02 or 1.0
    y = _scale(low, high, _HEIGHT - _BOTTOM, _EDGE)
    parts = [_axes(sizes, low, high, x, y)]
    parts += [_circle("row", x(log2(row.n_bytes)), y(row.ndcg), row.name, 4) for row in rows]
    line = " ".join(f"{x(log2(each.n_bytes)):.1f},{y(each.measured.ndcg):.1f}" for each in front)
    parts.append(f'<polyline class="front" points="{line}"/>')
    for name, those, radius in (("point", found, 4), ("ships", shipped, 6)):
        parts += [_circle(name, x(log2(each.n_bytes)), y(each.measured.ndcg), describe(each), radius) for each in those]
    parts.append(
        f'<text x="{_LEFT}" y="{_HEIGHT - 10}">bytes for ranking; blue: points and Pareto front, red: best of a '
        "budget, hollow: rows of numbers</text>"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="NDCG@10 on validation users over bytes"><style>{_STYLE}</style>{"".join(parts)}</svg>\n'
    )


def _axes(
    sizes: Sequence[int], low: float, high: float, x: Callable[[float], float], y: Callable[[float], float]
) -> str:
    lines = []
    for power in range(int(log2(min(sizes))), int(log2(max(sizes))) + 2):
        for half in (0.0, 0.585):  # 2^0.585 = 1.5
            if log2(min(sizes)) - 0.1 <= power + half <= log2(max(sizes)) + 0.1:
                at = x(power + half)
                lines.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{_EDGE}" y2="{_HEIGHT - _BOTTOM}"/>')
                label = f"{2 ** (power + half) / 1024:.0f} KiB"
                lines.append(f'<text x="{at:.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{label}</text>')
    for step in range(5):
        score = low + (high - low) * step / 4
        at = y(score)
        lines.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _EDGE}" y1="{at:.1f}" y2="{at:.1f}"/>')
        lines.append(f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{score:.4f}</text>')
    return "".join(lines)


def _circle(name: str, x: float, y: float, title: str, radius: int) -> str:
    return f'<circle class="{name}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}"><title>{escape(title)}</title></circle>'


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    span = high - low or 1.0
    return lambda value: start + (value - low) / span * (end - start)
