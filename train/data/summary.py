"""What ``pocketrec check`` says of a good data folder."""

from dataclasses import dataclass

import numpy as np

from train.data.clock import day_of, has_clock
from train.data.dataset import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A data folder in figures.

    Attributes:
        events_per_user: the fewest, the median, the most.
        density: share of all pairs of user and item that have an event.
        first_day: UTC day of the oldest event; None where the timestamps are mere positions.
        last_day: of the newest.
        fields: share of items that have a value, by name of the fact, ``description`` included.
        pictures: items with a picture.
        videos: items with frames.
        kept_out: events that are no interest, by kind.
        skipped: broken rows left out, by kind of problem.
    """

    name: str
    users: int
    items: int
    events: int
    events_per_user: tuple[int, float, int]
    density: float
    first_day: str | None
    last_day: str | None
    fields: dict[str, float]
    pictures: int
    videos: int
    kept_out: dict[str, int]
    skipped: dict[str, int]
    warnings: tuple[str, ...]
    digest: str


def summarize(dataset: Dataset) -> Summary:
    """Return the figures of a dataset."""
    sequences, catalogue = dataset.sequences, dataset.catalogue
    oldest, newest = int(sequences.timestamps.min()), int(sequences.timestamps.max())
    lengths = sequences.lengths
    pairs = np.unique(sequences.users() * len(catalogue) + sequences.rows)
    columns: dict[str, tuple[object, ...]] = {**catalogue.fields, "description": catalogue.descriptions}
    return Summary(
        name=dataset.name,
        users=len(sequences),
        items=len(catalogue),
        events=sequences.n_events,
        events_per_user=(int(lengths.min()), float(np.median(lengths)), int(lengths.max())),
        density=len(pairs) / (len(sequences) * len(catalogue)),
        first_day=day_of(oldest) if has_clock(newest) else None,
        last_day=day_of(newest) if has_clock(newest) else None,
        fields={name: sum(map(bool, values)) / len(catalogue) for name, values in columns.items()},
        pictures=sum(image is not None for image in catalogue.images),
        videos=sum(map(bool, catalogue.videos)),
        kept_out=dict(dataset.report.kept_out),
        skipped=dict(dataset.report.skipped),
        warnings=dataset.report.warnings,
        digest=dataset.digest,
    )
