"""Plans and updates for tests of rounds."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from edge_runtime.rounds.plan import RoundPlan
from edge_runtime.rounds.update import Update, encode

ADAPTER = "a" * 64
OTHER = "b" * 64
TARGET = "laptop-x86_64"
FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def plan(letter: str = "r", **changes: Any) -> RoundPlan:
    """Return a plan for 8 values, for which every update of values up to 1,000 is legal."""
    now = datetime.now(UTC)
    fields: dict[str, Any] = {
        "round": letter * 26,
        "name": "tiny",
        "target": TARGET,
        "base": "0" * 64,
        "adapter_sha256": ADAPTER,
        "rank": 2,
        "dim": 4,
        "steps": 10,
        "batch": 4,
        "learning_rate": 0.01,
        "min_events": 4,
        "clip": 1.0,
        "sigma": 0.5,
        "scale": 1024,
        "participations": 4,
        "period_days": 30,
        "min_updates": 2,
        "max_updates": 1000,
        "opens": (now - timedelta(hours=1)).strftime(FORMAT),
        "deadline": (now + timedelta(hours=1)).strftime(FORMAT),
        "retry_after_s": 7,
        "operators": ("https://rounds.example",),
    }
    return RoundPlan(**(fields | changes))


def update(
    of: RoundPlan, values: "list[int] | None" = None, token: bytes | None = None, adapter: str | None = None
) -> bytes:
    """Return the body of an upload; by default of ones, with a new token."""
    integers = np.array([1] * of.size if values is None else values, dtype=np.int64)
    return encode(Update(token or secrets.token_bytes(16), adapter or of.adapter_sha256, integers), of)
