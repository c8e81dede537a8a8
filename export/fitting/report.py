"""Runs the search and writes its results: a student and a target for each budget, a table as JSON, and a chart."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.files import write_atomically
from export.fitting.chart import chart
from export.fitting.material import Material
from export.fitting.measure import measure, measure_test
from export.fitting.points import Point
from export.fitting.recover import recover
from export.fitting.search import Found, Progress, Row, Search, best_within, describe, pareto_front
from export.fitting.write import write_fitted, write_target
from export.parts import digest_of
from train.data.dataset import Dataset
from train.data.split import Split, Targets, leave_one_out
from train.distill.student import Student
from train.errors import RunError
from train.loop.runs import write_json
from train.metrics.histories import select_targets

RESULT_FILE, CHART_FILE, STUDENT_FOLDER = "fit.json", "fit.svg", "student"


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best point of a budget.

    Attributes:
        budget: as it was given, such as ``192KiB``.
        allowed: its bytes.
        found: the point.
        test: metrics on the test users, history excluded.
        folder: the folder with its student and target.
    """

    budget: str
    allowed: int
    found: Found
    test: Mapping[str, float]
    folder: Path

    @property
    def target(self) -> Path:
        """The file of the target."""
        return self.folder / f"{self.budget}.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The results of a search: all points with the baselines beside them, the front, and the best of each budget."""

    found: Sequence[Found]
    front: Sequence[Found]
    best: Sequence[Best]
    beside: Mapping[Point, Sequence[Row]]
    out: Path

    @property
    def rows(self) -> list[Row]:
        """The baselines of all points, each once."""
        return list(dict.fromkeys(row for rows in self.beside.values() for row in rows))

    def as_json(self) -> dict[str, Any]:
        """Return the results as JSON."""
        return {
            "points": [
                _as_json(each) | {"beside": [asdict(row) for row in self.beside[each.point]]}
                for each in sorted(self.found, key=lambda each: each.n_bytes)
            ],
            "pareto_front": [_as_json(each) for each in self.front],
            "best": [
                {"budget": each.budget, "bytes": each.allowed, "student": str(each.folder / STUDENT_FOLDER)}
                | {"target": str(each.target), "test": dict(each.test)}
                | _as_json(each.found)
                for each in self.best
            ],
            "baselines": [asdict(row) for row in self.rows],
        }


def fit_students(
    students: Sequence[Student],
    dataset: Dataset,
    budgets: Mapping[str, int],
    out: Path,
    *,
    target: str,
    n_users: int,
    recover_epochs: int,
    seed: int,
    tell: Progress,
) -> Fitted:
    """Measure the points of all budgets, and write the best of each; see :mod:`export.fitting.commands`.

    Raises:
        RunError: a student has no encoder or is of other data, or nothing fits a budget.
    """
    for student in students:
        _check(student, dataset)
    split = leave_one_out(dataset.sequences)
    valid = select_targets(split.valid, np.random.default_rng(0).permutation(len(split.valid)) < n_users)
    materials = [Material(student, split, valid, seed) for student in students]
    about = {"data": dataset.digest, "users": n_users, "seed": seed, "students": [each.about for each in students]}
    search = Search(materials, valid, out / "points", about, tell)
    found = search.run(list(budgets.values()))
    beside = {each.point: search.rows_beside(each.point) for each in found}
    finish = _Finish(materials, split, valid, dataset, out, recover_epochs, seed, tell)
    best = []
    for name, allowed in budgets.items():
        chosen = best_within(found, allowed)
        if chosen is None:
            raise RunError(_nothing_fits(name, allowed, search))
        best.append(finish.best(name, allowed, chosen, target))
    found = list(dict.fromkeys([*found, *finish.recovered]))
    result = Fitted(found=found, front=pareto_front(found), best=best, beside=beside, out=out)
    write_json(out / RESULT_FILE, result.as_json())
    shipped = [each.found for each in best]
    write_atomically(out / CHART_FILE, chart(found, result.front, shipped, result.rows).encode())
    return result


@dataclass(frozen=True, slots=True)
class _Finish:
    """Trains what was chosen further, measures it on the test users, and writes it.

    Attributes:
        recovered: what was trained further, whether or not it got better.
    """

    materials: Sequence[Material]
    split: Split
    valid: Targets
    dataset: Dataset
    out: Path
    epochs: int
    seed: int
    tell: Progress
    recovered: list[Found] = field(default_factory=list)

    def best(self, name: str, allowed: int, chosen: Found, target: str) -> Best:
        """Finish and write the best point of a budget."""
        material = self.materials[chosen.point.student]
        if self.epochs and is_changed(material, chosen):
            chosen = self._further(name, material, chosen)
        self.tell(f"{name}: test users")
        test = measure_test(material, chosen.point, chosen.measured.settings, self.split.test)
        folder = self.out / name
        write_fitted(folder / STUDENT_FOLDER, material, chosen, _figures(material, chosen, test, self.split.test))
        one = Best(budget=name, allowed=allowed, found=chosen, test=test, folder=folder)
        write_target(one.target, target, chosen, allowed, material.student.sizes.n_items)
        return one

    def _further(self, name: str, material: Material, chosen: Found) -> Found:
        """Return a point trained further, or as it was if that is better on the validation users."""
        point = chosen.point
        self.tell(f"{name}: training what is left for {self.epochs} epochs")
        key = f"{point.student}-{point.encoder}-{point.plan}-{self.epochs}"
        place = self.out / "recovered" / digest_of(key.encode())[:16]
        recover(material, point, self.split, self.dataset, place, epochs=self.epochs, seed=self.seed)
        trained = replace(chosen, measured=measure(material, point, self.valid), recovered=True)
        self.recovered.append(trained)
        if trained.measured.ndcg >= chosen.measured.ndcg:
            return trained
        material.forget_recovered(point)
        return chosen


def _nothing_fits(name: str, allowed: int, search: Search) -> str:
    least = min(weights.least() for weights in search.weights())
    return (
        f"--budget {name}: nothing fits {allowed:,} bytes; the smallest point has {least:,}. Raise the budget, "
        "or distil a student of a full model with a smaller --dim."
    )


def is_changed(material: Material, found: Found) -> bool:
    """Return whether a point has other codes or less of the encoder than the student had when it was trained."""
    return found.point.plan is not None or found.point.encoder != material.all


def _figures(material: Material, chosen: Found, test: Mapping[str, float], targets: Targets) -> dict[str, Any]:
    """Return the metrics for ``student.json``: those of the encoder alone, and with transitions."""
    found = material.student.about.get("figures", {})
    figures = {"teacher": found["teacher"]} if "teacher" in found else {}
    if chosen.measured.settings is None:
        return figures | {"student": {"n_users": len(targets), "history_excluded": dict(test)}}
    alone = measure_test(material, chosen.point, None, targets)
    use = "texts" if chosen.point.text_codes else "codes"
    return figures | {
        "student": {"n_users": len(targets), "history_excluded": alone},
        f"student_with_transitions_and_{use}": {"n_users": len(targets), "history_excluded": dict(test)},
    }


def _check(student: Student, dataset: Dataset) -> None:
    if student.encoder is None:
        raise RunError(f"{student.path}: has no encoder; expected a student of a model with a backbone.")
    if student.about.get("data_digest") != dataset.digest:
        raise RunError(
            f"{student.path}: was distilled on data with the digest {str(student.about.get('data_digest'))[:12]}…, but "
            f"{dataset.path} has {dataset.digest[:12]}…. Give the folder that it was distilled on."
        )


def _as_json(found: Found) -> dict[str, Any]:
    settings = found.measured.settings
    return {
        "point": describe(found),
        "ranking_bytes": found.n_bytes,
        "valid_ndcg@10": found.measured.ndcg,
        "transitions": None if settings is None else asdict(settings),
    } | {name: value for name, value in asdict(found.point).items() if name != "plan"}
