"""The search: measures all points of all budgets, each of them once, and chooses the best for each budget."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from export.fitting.material import Material
from export.fitting.measure import Measured, measure, measure_rows, row_bytes, settings_of, widest_rows
from export.fitting.points import Encoder, Point, Weights, points_within
from export.parts import digest_of
from train.data.split import Targets
from train.loop.runs import write_json

Progress = Callable[[str], None]
KINDS = {"int8": 8, "int4": 4, "truncated": 16}
"""Bits of a number by the kind of a baseline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A measured point and its bytes for ranking; ``recovered`` if it was trained further."""

    point: Point
    n_bytes: int
    measured: Measured
    recovered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A baseline: a table of rows in place of codes and transitions; it cannot be exported.

    Attributes:
        name: such as ``int4 rows of 24 of 64 dimensions, 1 block``.
        kind: ``int8``, ``int4`` or ``truncated``, which is half precision.
        n_bytes: bytes of encoder, prompts, adapter and rows.
        ndcg: NDCG@10 on the validation users.
    """

    name: str
    kind: str
    n_bytes: int
    ndcg: float


class Search:
    """Measures points, and keeps each result in a file, so that an interrupted search continues where it was."""

    def __init__(
        self, materials: Sequence[Material], valid: Targets, folder: Path, about: Mapping[str, Any], tell: Progress
    ) -> None:
        """Prepare.

        Args:
            materials: the students.
            valid: users that points are measured on.
            folder: receives a JSON file for each point.
            about: everything else that determines a result; results of another search are not used.
            tell: called with a description of each stage.
        """
        self._materials = materials
        self._valid = valid
        self._folder = folder
        self._about = json.dumps(about, sort_keys=True)
        self._tell = tell
        self._weights: list[Weights] = []
        folder.mkdir(parents=True, exist_ok=True)

    def weights(self) -> list[Weights]:
        """Return the bytes of the parts of each student."""
        if not self._weights:
            self._tell("sizes of the parts")
            self._weights = [
                material.weights({one: self._encoder_bytes(index, one) for one in material.encoders})
                for index, material in enumerate(self._materials)
            ]
        return self._weights

    def run(self, budgets: Sequence[int]) -> list[Found]:
        """Return all points of the budgets, measured."""
        weights = self.weights()
        points = list(dict.fromkeys(point for budget in budgets for point in points_within(budget, weights)))
        found = []
        for index, point in enumerate(points):
            n_bytes = weights[point.student].of(point)
            self._tell(f"point {index + 1} of {len(points)}: {words(point)}, {n_bytes / 1024:.0f} KiB")
            kept = self._kept(asdict(point), partial(self._measure, point))
            measured = Measured(ndcg=kept["ndcg"], settings=settings_of(kept["settings"]))
            found.append(Found(point=point, n_bytes=n_bytes, measured=measured))
        return found

    def rows_beside(self, point: Point) -> list[Row]:
        """Return rows of int8, int4 and half precision with a point's encoder in at most the point's bytes.

        Each has as many principal components as fit. There is none of a kind of which not even one fits.
        """
        material, weights = self._materials[point.student], self.weights()[point.student]
        sizes, fixed = material.student.sizes, weights.encoder[point.encoder] + weights.matrices
        rows = []
        for kind, n_bits in KINDS.items():
            width = widest_rows(weights.of(point) - fixed, sizes.n_items, sizes.dim, n_bits)
            if not width:
                continue
            bits = "half-precision" if kind == "truncated" else kind
            name = f"{bits} rows of {width} of {sizes.dim} dimensions, {point.encoder.words()}"
            key = {"student": point.student, "encoder": asdict(point.encoder), "rows": n_bits, "width": width}
            kept = self._kept(key, partial(self._measure_rows, point, n_bits, width, name))
            n_bytes = fixed + sizes.n_items * row_bytes(width, n_bits)
            rows.append(Row(name=name, kind=kind, n_bytes=n_bytes, ndcg=kept["ndcg"]))
        return rows

    def _encoder_bytes(self, student: int, encoder: Encoder) -> int:
        material = self._materials[student]
        kept = self._kept(
            {"student": student, "encoder": asdict(encoder), "of": "bytes"},
            lambda: {"n_bytes": material.encoder_bytes(encoder)},
        )
        return int(kept["n_bytes"])

    def _measure(self, point: Point) -> dict[str, Any]:
        return _as_json(measure(self._materials[point.student], point, self._valid))

    def _measure_rows(self, point: Point, n_bits: int, width: int, name: str) -> dict[str, Any]:
        self._tell(f"baseline: {name}")
        material = self._materials[point.student]
        return {"ndcg": measure_rows(material, point.encoder, n_bits, width, self._valid)}

    def _kept(self, key: Mapping[str, Any], compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return a result from its file, or compute and save it."""
        name = digest_of((self._about + json.dumps(key, sort_keys=True)).encode())[:16]
        path = self._folder / f"{name}.json"
        try:
            kept: dict[str, Any] = json.loads(path.read_bytes())["result"]
        except (FileNotFoundError, ValueError, KeyError):
            kept = compute()
            write_json(path, {"point": key, "result": kept})
        return kept


def best_within(found: Sequence[Found], budget: int) -> Found | None:
    """Return the point with the best NDCG@10 among those of at most ``budget`` bytes; of equal ones the smallest."""
    fitting = [each for each in found if each.n_bytes <= budget]
    return max(fitting, key=lambda each: (each.measured.ndcg, -each.n_bytes), default=None)


def pareto_front(found: Sequence[Found]) -> list[Found]:
    """Return the points that are better than all smaller ones, by ascending bytes."""
    front: list[Found] = []
    for each in sorted(found, key=lambda each: (each.n_bytes, -each.measured.ndcg)):
        if not front or each.measured.ndcg > front[-1].measured.ndcg:
            front.append(each)
    return front


def describe(found: Found) -> str:
    """Return what is kept at a measured point, in words."""
    return words(found.point) + (", trained further" if found.recovered else "")


def words(point: Point) -> str:
    """Return what is kept at a point, in words."""
    codes = "codes as trained" if point.plan is None else f"{point.plan.mean_codes:.1f} codes an item"
    followers = f", {point.followers} follower{'s' * (point.followers > 1)}" if point.followers else ""
    texts = f", {point.text_codes} codes of texts" if point.text_codes else ""
    return f"{codes}, {point.encoder.words()}{followers}{texts}"


def _as_json(measured: Measured) -> dict[str, Any]:
    return {"ndcg": measured.ndcg, "settings": None if measured.settings is None else asdict(measured.settings)}
