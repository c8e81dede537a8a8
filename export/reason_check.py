"""Generates reasons with a bundle, and checks the facts that they cite against the items and the history."""

import time
from collections import Counter
from collections.abc import Mapping

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edge_runtime.contents import Contents
from edge_runtime.reasons.facts import is_true
from edge_runtime.recommender import Recommender
from export.users import TestUsers

N_REASONS = 40
# A slow language model must not delay a verification.
MAX_SECONDS = 30.0


class ReasonReport(Struct, kw_only=True):
    """Result of checking a sample of reasons.

    Attributes:
        n_reasons: number of reasons.
        n_true: number of reasons whose facts are all true.
        sources: number of reasons by source, language model or template.
        p50_ms: median time of a reason, in milliseconds.
    """

    n_reasons: int
    n_true: int
    sources: Mapping[str, int]
    p50_ms: float


def check_reasons(contents: Contents, users: TestUsers, top_rows: NDArray[np.int64]) -> ReasonReport:
    """Explain the best item of the first users, and check every cited fact."""
    items, levels = contents.items, contents.popularity.levels
    max_length = contents.folder.manifest.encoder.max_length
    sources: Counter[str] = Counter()
    n_true, times = 0, []
    transitions = None if contents.transitions is None else contents.transitions.table
    deadline = time.perf_counter() + MAX_SECONDS
    with Recommender.open(contents.folder.path) as recommender:
        for history, rows in zip(users.histories[:N_REASONS], top_rows, strict=False):
            row, past = int(rows[0]), history[-max_length:].tolist()
            started = time.perf_counter()
            reason = recommender.explain(items.item_id[row], history=[items.item_id[event] for event in history])
            times.append((time.perf_counter() - started) * 1000)
            sources[reason.source] += 1
            n_true += all(is_true(fact, items, levels, row, past, transitions) for fact in reason.facts)
            if time.perf_counter() > deadline:
                break
    return ReasonReport(
        n_reasons=len(times), n_true=n_true, sources=dict(sources), p50_ms=round(float(np.median(times)), 3)
    )
