"""Collects the problems of a data folder, so that one message can list all of them.

Rows with problems can be left out with ``--skip-bad-rows``; a problem of a whole file is always an error. Each kind of
problem is listed once per file, with the number of rows and the first of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from train.data.sequences import IntArray
from train.errors import DataError

_SHOWN_ROWS = 5
_SHOWN_CHARACTERS = 60


class RowError(ValueError):
    """A row is not valid; has the kind of problem, and a message for the user."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Source:
    """A file of the folder, and its unit: ``line`` for text, ``row`` for Parquet; both count from 1."""

    name: str
    unit: str


@dataclass(slots=True)
class Problem:
    """One kind of problem in one file.

    Attributes:
        file: file name.
        kind: a short name, the same for all rows.
        unit: ``line`` or ``row``; empty for a problem of the whole file.
        message: what was found in the first row, what was expected, and what to do.
        rows: the first few row numbers, ascending.
        count: number of rows; 1 for a problem of the whole file.
    """

    file: str
    kind: str
    unit: str
    message: str
    rows: list[int] = field(default_factory=list)
    count: int = 1

    @property
    def skippable(self) -> bool:
        """Whether the problem can be solved by leaving out rows."""
        return bool(self.unit)

    def __str__(self) -> str:
        """Return one sentence: file, row, what was found, what to do, and where else."""
        if not self.skippable:
            return f"{self.file}: {self.message}"
        text = f"{self.file}, {self.unit} {self.rows[0]}: {self.message}"
        others = self.rows[1:_SHOWN_ROWS]
        if not others:
            return text
        more = self.count - 1 - len(others)
        where = ", ".join(map(str, others)) + (f" and {more:,} more" if more else "")
        return f"{text} Also in {self.unit}{'s' if len(others) + more > 1 else ''} {where}."

    def as_json(self) -> dict[str, object]:
        """Return the problem as JSON values."""
        names = ("file", "kind", "unit", "rows", "count", "message")
        return {name: getattr(self, name) for name in names}


class Findings:
    """The problems and warnings of one folder, in the order of detection."""

    def __init__(self) -> None:
        self._problems: dict[tuple[str, str], Problem] = {}
        self._rows: dict[str, set[int]] = {}
        self.warnings: list[str] = []

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All problems so far, one for each file and kind."""
        return tuple(self._problems.values())

    @property
    def has_file_problem(self) -> bool:
        """Whether there is a problem that leaving out rows cannot solve."""
        return any(not problem.skippable for problem in self.problems)

    def bad_file(self, file: str, message: str) -> None:
        """Add a problem of a whole file."""
        self._problems[file, message] = Problem(file, message, "", message)

    def bad_rows(self, source: Source, kind: str, rows: Iterable[int], message: str) -> None:
        """Add one problem that affects these rows, if there are any; ``message`` describes the first of them."""
        numbers = [int(row) for row in rows]
        if not numbers:
            return
        self._rows.setdefault(source.name, set()).update(numbers)
        key = (source.name, kind)
        if key not in self._problems:
            self._problems[key] = Problem(source.name, kind, source.unit, message, numbers[:_SHOWN_ROWS], len(numbers))
            return
        problem = self._problems[key]
        problem.count += len(numbers)
        problem.rows.extend(numbers[: _SHOWN_ROWS - len(problem.rows)])

    def warn(self, sentence: str) -> None:
        """Add a warning, a full sentence."""
        self.warnings.append(sentence)

    def rows(self, file: str) -> IntArray:
        """Return the distinct numbers of the rows of a file that have a problem, ascending."""
        return np.array(sorted(self._rows.get(file, ())), dtype=np.int64)

    def n_rows(self) -> int:
        """Return the number of rows with a problem, over all files."""
        return sum(map(len, self._rows.values()))

    def skipped(self) -> Mapping[str, int]:
        """Return the number of rows for each skippable kind of problem."""
        counts: dict[str, int] = {}
        for problem in self.problems:
            if problem.skippable:
                counts[problem.kind] = counts.get(problem.kind, 0) + problem.count
        return counts

    def raise_problems(self, folder: str, *, skip_bad_rows: bool) -> None:
        """Raise an error if there are problems, unless all of them are in rows and ``skip_bad_rows`` is set.

        Raises:
            DataError: lists each kind of problem in one line.
        """
        problems = self.problems
        if not self.has_file_problem and (skip_bad_rows or not problems):
            return
        lines = [self.message(f"{folder}: {len(problems)} kind{'s' if len(problems) > 1 else ''} of problem.")]
        if not self.has_file_problem:
            lines.append("Correct these rows, or leave them out with --skip-bad-rows.")
        elif skip_bad_rows:
            lines.append("--skip-bad-rows does not help, because some problems are not limited to single rows.")
        raise DataError("\n".join(lines))

    def message(self, heading: str) -> str:
        """Return the heading, then one line for each kind of problem, grouped by file."""
        return "\n".join(
            [heading, *(f"  {problem}" for problem in sorted(self.problems, key=lambda problem: problem.file))]
        )


def quoted(value: object) -> str:
    """Return the ``repr`` of a value, shortened for messages."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of over 4,300 digits, or lists nested too deep
        return f"a value too large to show ({type(value).__name__})"
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
