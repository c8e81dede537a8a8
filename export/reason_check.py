"""Asks a bundle for reasons, and checks every fact they cite against the items and the history again."""

import time
from collections import Counter
from collections.abc import Mapping

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edge_runtime.contents import Contents
from edge_runtime.reasons.facts import is_true
from edge_runtime.recommender import Recommender
from export.measure import Users

N_REASONS = 40
# A slow language model may not hold a verification up.
REASONS_S = 30.0


class ReasonReport(Struct, kw_only=True):
    """A sample of reasons, each fact of which was checked again."""

    n_reasons: int
    n_true: int
    sources: Mapping[str, int]
    p50_ms: float


def check_reasons(contents: Contents, people: Users, top_rows: NDArray[np.int64]) -> ReasonReport:
    """Ask why the best item of some people was recommended, and check every fact that is cited."""
    items, levels = contents.items, contents.popularity.levels
    longest = contents.folder.manifest.encoder.max_length
    sources: Counter[str] = Counter()
    n_true, times = 0, []
    deadline = time.perf_counter() + REASONS_S
    with Recommender.open(contents.folder.path) as recommender:
        for history, rows in zip(people.histories[:N_REASONS], top_rows, strict=False):
            row, past = int(rows[0]), history[-longest:].tolist()
            started = time.perf_counter()
            reason = recommender.explain(items.item_id[row], history=[items.item_id[one] for one in history])
            times.append((time.perf_counter() - started) * 1000)
            sources[reason.source] += 1
            n_true += all(is_true(fact, items, levels, row, past) for fact in reason.facts)
            if time.perf_counter() > deadline:
                break
    return ReasonReport(
        n_reasons=len(times), n_true=n_true, sources=dict(sources), p50_ms=round(float(np.median(times)), 3)
    )
