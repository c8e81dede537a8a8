"""Collects what is wrong with a data folder, so that one message names all of it. Reads nothing itself.

A problem of a row can be left out with ``--skip-bad-rows``; a problem of a file cannot. The same kind of problem is
said once, with the first rows it stands in and how many there are.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from train.data.sequences import IntArray
from train.errors import DataError

_SHOWN_ROWS = 5
_SHOWN_CHARACTERS = 60


class RowError(ValueError):
    """One row cannot be used: the kind of problem, and in the message what was found."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Source:
    """A file of the folder, and what its rows are called: ``line`` in text, ``row`` in Parquet; both count from 1."""

    name: str
    unit: str


@dataclass(slots=True)
class Problem:
    """One kind of problem in one file.

    Attributes:
        file: its name inside the folder.
        kind: a few words, the same for every row.
        unit: ``line`` or ``row``; empty for a problem of the whole file.
        message: what was found in the first row, what was expected, and what to do.
        rows: the first few rows, ascending.
        count: how many rows; 1 for a problem of the whole file.
    """

    file: str
    kind: str
    unit: str
    message: str
    rows: list[int] = field(default_factory=list)
    count: int = 1

    @property
    def skippable(self) -> bool:
        """Whether leaving out rows would end the problem."""
        return bool(self.unit)

    def __str__(self) -> str:
        """Return one sentence: file, row, what was found, what to do, and where else."""
        if not self.skippable:
            return f"{self.file}: {self.message}"
        said = f"{self.file}, {self.unit} {self.rows[0]}: {self.message}"
        others = self.rows[1:_SHOWN_ROWS]
        if not others:
            return said
        more = self.count - 1 - len(others)
        where = ", ".join(map(str, others)) + (f" and {more:,} more" if more else "")
        return f"{said} Also in {self.unit}{'s' if len(others) + more > 1 else ''} {where}."

    def as_json(self) -> dict[str, object]:
        """Return the same for machines."""
        names = ("file", "kind", "unit", "rows", "count", "message")
        return {name: getattr(self, name) for name in names}


class Findings:
    """The problems and warnings of one folder, in the order in which they were found."""

    def __init__(self) -> None:
        self._problems: dict[tuple[str, str], Problem] = {}
        self._rows: dict[str, set[int]] = {}
        self.warnings: list[str] = []

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every kind of problem found so far."""
        return tuple(self._problems.values())

    @property
    def hopeless(self) -> bool:
        """Whether some problem cannot be left out."""
        return any(not problem.skippable for problem in self.problems)

    def refuse(self, file: str, message: str) -> None:
        """Note a problem of a whole file."""
        self._problems[file, message] = Problem(file, message, "", message)

    def bad_rows(self, source: Source, kind: str, rows: Iterable[int], message: str) -> None:
        """Note a problem of rows; ``message`` describes the first of them. Without rows nothing happens."""
        found = [int(row) for row in rows]
        if not found:
            return
        self._rows.setdefault(source.name, set()).update(found)
        key = (source.name, kind)
        if key not in self._problems:
            self._problems[key] = Problem(source.name, kind, source.unit, message, found[:_SHOWN_ROWS], len(found))
            return
        known = self._problems[key]
        known.count += len(found)
        known.rows.extend(found[: _SHOWN_ROWS - len(known.rows)])

    def warn(self, sentence: str) -> None:
        """Note something a person should know, which stops nothing."""
        self.warnings.append(sentence)

    def rows(self, file: str) -> IntArray:
        """Return the number of every row of a file that has a problem, ascending, each once."""
        return np.array(sorted(self._rows.get(file, ())), dtype=np.int64)

    def n_rows(self) -> int:
        """Return how many rows of all files have a problem."""
        return sum(map(len, self._rows.values()))

    def skipped(self) -> Mapping[str, int]:
        """Return how many rows each skippable kind of problem has."""
        counts: dict[str, int] = {}
        for problem in self.problems:
            if problem.skippable:
                counts[problem.kind] = counts.get(problem.kind, 0) + problem.count
        return counts

    def settle(self, folder: str, *, skip_bad_rows: bool) -> None:
        """Raise what was found, if it cannot be, or is not to be, left out.

        Raises:
            DataError: with one line a kind of problem.
        """
        problems = self.problems
        if not self.hopeless and (skip_bad_rows or not problems):
            return
        lines = [self.message(f"{folder}: {len(problems)} kind{'s' if len(problems) > 1 else ''} of problem.")]
        if not self.hopeless:
            lines.append("Mend these rows, or leave them out with --skip-bad-rows.")
        elif skip_bad_rows:
            lines.append("--skip-bad-rows cannot help here: not only single rows are at fault.")
        raise DataError("\n".join(lines))

    def message(self, heading: str) -> str:
        """Return the heading, and below it one line for each kind of problem, file by file."""
        return "\n".join(
            [heading, *(f"  {problem}" for problem in sorted(self.problems, key=lambda found: found.file))]
        )


def quoted(value: object) -> str:
    """Return a value as it can be shown in one line, cut to a sane length."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
