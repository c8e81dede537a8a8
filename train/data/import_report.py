"""The report of an import: what was written, and what was left out."""

from dataclasses import dataclass

from train.data.findings import Problem
from train.data.summary import Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What was imported from a source.

    Attributes:
        k: minimum number of events per user and item.
        n_events: events written.
        n_items: items written.
        n_broken: unreadable event lines, left out.
        n_broken_items: unreadable or duplicate item lines, left out.
        n_unknown: events of items without metadata, left out.
        n_duplicates: repeated events of the same user, item and second, left out.
        n_outside: events outside the k-core, left out.
        n_undescribed: items without metadata, written without a title.
        problems: unreadable lines, by kind.
        values: unreadable values, by kind; their items were written without them.
        notes: full sentences about how the source was read.
        summary: summary of the folder, as by ``pocketrec check``.
    """

    k: int
    n_events: int
    n_items: int
    n_broken: int
    n_broken_items: int
    n_unknown: int
    n_duplicates: int
    n_outside: int
    n_undescribed: int
    problems: tuple[Problem, ...]
    values: tuple[Problem, ...]
    notes: tuple[str, ...]
    summary: Summary

    def __str__(self) -> str:
        """Return counts, then one line for each kind of line or value that was left out."""
        lines = [
            f"wrote {self.n_events:,} events and {self.n_items:,} items",
            f"events left out: {self.n_broken:,} unreadable lines, {self.n_unknown:,} events of items without "
            f"metadata, {self.n_duplicates:,} duplicates and {self.n_outside:,} events outside the "
            f"{self.k}-core",
            f"items: {self.n_broken_items:,} lines left out; {self.n_undescribed:,} items without metadata were "
            "written without a title",
        ]
        lines += [f"left out: {problem}" for problem in self.problems]
        lines += [f"value left out: {problem}" for problem in self.values]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON values, without the summary."""
        return {
            "k": self.k,
            "events": self.n_events,
            "items": self.n_items,
            "left_out": {
                "broken_event_lines": self.n_broken,
                "broken_item_lines": self.n_broken_items,
                "events_of_unknown_items": self.n_unknown,
                "duplicate_events": self.n_duplicates,
                "events_outside_of_core": self.n_outside,
            },
            "items_without_description": self.n_undescribed,
            "problems": [problem.as_json() for problem in self.problems],
            "values_left_out": [problem.as_json() for problem in self.values],
            "notes": list(self.notes),
        }
