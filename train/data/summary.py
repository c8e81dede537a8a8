"""The statistics of a data folder that ``pocketrec check`` prints."""

from dataclasses import dataclass

import numpy as np

from train.data.dataset import Dataset
from train.data.timestamp_checks import day_of, is_unix_time

# Measured by `python -m benchmarks.few_shot --trained`: with fewer events, no student ranked better on 50 items.
FEW_EVENTS = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Statistics of a data folder.

    Attributes:
        events_per_user: minimum, median and maximum.
        density: share of user-item pairs with an event.
        first_day: UTC day of the oldest event; None if the timestamps are positions.
        last_day: UTC day of the newest event, or None.
        fields: share of items with a value, for each fact and ``description``.
        pictures: number of items with a picture.
        videos: number of items with video frames.
        kept_out: number of events without positive interest, by kind.
        skipped: number of invalid rows left out, by kind of problem.
        advice: what is worth it with so few events; None if there are enough to train a model.
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
    advice: str | None
    digest: str


def summarize(dataset: Dataset) -> Summary:
    """Return the statistics of a dataset."""
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
        first_day=day_of(oldest) if is_unix_time(newest) else None,
        last_day=day_of(newest) if is_unix_time(newest) else None,
        fields={name: sum(map(bool, values)) / len(catalogue) for name, values in columns.items()},
        pictures=sum(image is not None for image in catalogue.images),
        videos=sum(map(bool, catalogue.videos)),
        kept_out=dict(dataset.report.kept_out),
        skipped=dict(dataset.report.skipped),
        warnings=dataset.report.warnings,
        advice=advice_for(sequences.n_events),
        digest=dataset.digest,
    )


def advice_for(n_events: int) -> str | None:
    """Return what is worth it on a tiny catalogue; None if there are enough events to train a model."""
    if n_events >= FEW_EVENTS:
        return None
    return (
        f"{n_events:,} events are few: below about {FEW_EVENTS:,}, similar texts and transitions, which need no "
        "training, ranked better on devices than a trained model where we measured it. Use --instant "
        "(`train --backbone none`), and write good descriptions (docs/findings.md, Fifty items and thirty people)."
    )
