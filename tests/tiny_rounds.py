"""Plans of rounds that are open now, and updates for them."""

import secrets
from datetime import UTC, datetime, timedelta

import numpy as np

from edge_runtime.rounds.plan import RoundPlan
from edge_runtime.rounds.update import Update, encode
from tests.tiny_round import plan_with

ADAPTER = "a" * 64
OTHER = "b" * 64
_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def plan(letter: str = "r", **changes: object) -> RoundPlan:
    """Return a plan for 8 values, whose round is open now and closes in an hour."""
    now = datetime.now(UTC)
    times = {
        "opens": (now - timedelta(hours=1)).strftime(_FORMAT),
        "deadline": (now + timedelta(hours=1)).strftime(_FORMAT),
    }
    return plan_with(**({"round": letter * 26, "adapter_sha256": ADAPTER, **times} | changes))


def update(
    of: RoundPlan, values: "list[int] | None" = None, token: bytes | None = None, adapter: str | None = None
) -> bytes:
    """Return the body of an upload; by default of ones, with a new token."""
    integers = np.array([1] * of.size if values is None else values, dtype=np.int64)
    return encode(Update(token or secrets.token_bytes(16), adapter or of.adapter_sha256, integers), of)
