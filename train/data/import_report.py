"""What an import tells of a source: what was written, and what was left out, events apart from items."""

from dataclasses import dataclass

from train.data.findings import Problem
from train.data.summary import Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of the lines of a source.

    Attributes:
        k: of the k-core.
        n_events: what was written.
        n_items: what was written.
        n_broken: lines of events that could not be read: left out.
        n_broken_items: lines of items that could not be read, or describe an item again: left out.
        n_unknown: events of items that the source does not describe: left out.
        n_duplicates: events of the same user, item and second: left out.
        n_outside: events outside of the k-core: left out.
        n_undescribed: items that the source does not describe: written without a title.
        problems: the kinds of lines that could not be read.
        values: the kinds of values that could not be read, of items that were written without them.
        notes: what a person should know of how the source was read, in sentences.
        summary: the folder, as ``pocketrec check`` sums it up.
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
        """Return what people read: figures first, then every kind of line and value that was left out."""
        lines = [
            f"wrote {self.n_events:,} events and {self.n_items:,} items",
            f"events left out: {self.n_broken:,} broken lines, {self.n_unknown:,} events of items that the source "
            f"does not describe, {self.n_duplicates:,} duplicates and {self.n_outside:,} events outside of the "
            f"{self.k}-core",
            f"items: {self.n_broken_items:,} lines left out; {self.n_undescribed:,} items without a title, since the "
            "source does not describe them",
        ]
        lines += [f"left out: {problem}" for problem in self.problems]
        lines += [f"value left out: {problem}" for problem in self.values]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def as_json(self) -> dict[str, object]:
        """Return the same for machines, without the summary."""
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
