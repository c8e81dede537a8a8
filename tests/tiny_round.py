"""The plan of a tiny round, for tests."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from edge_runtime.bundle import open_folder
from edge_runtime.rounds.plan import RoundPlan, largest_scale

RANK, DIM = 2, 4
PLAN = RoundPlan(
    round="abcdefghijklmnopqrstuvwxyz",
    name="tiny shop",
    target="laptop-x86_64",
    base="a" * 64,
    adapter_sha256="b" * 64,
    rank=RANK,
    dim=DIM,
    steps=3,
    batch=4,
    learning_rate=0.01,
    min_events=5,
    clip=1.0,
    sigma=0.5,
    scale=largest_scale(1.0, 0.5, RANK * DIM, 16),
    participations=4,
    period_days=30,
    min_updates=2,
    max_updates=100,
    opens="2026-11-28T10:00:00Z",
    deadline="2026-11-29T10:00:00Z",
    retry_after_s=3600,
    operators=("http://127.0.0.1:8000",),
)


def plan_with(**changes: object) -> RoundPlan:
    """Return the plan with some fields changed."""
    return replace(PLAN, **changes)


def plan_for(bundle: Path, operator: str, **changes: object) -> RoundPlan:
    """Return a plan, open now, that trains the adapter of a bundle with noise that devices accept."""
    manifest = open_folder(bundle).manifest
    rank, dim, sigma = manifest.encoder.adapter_rank, manifest.encoder.dim, 4.0
    now = datetime.now(UTC)
    fields: dict[str, object] = {
        "name": manifest.name,
        "target": manifest.target,
        "base": hashlib.sha256((bundle / "manifest.json").read_bytes()).hexdigest(),
        "adapter_sha256": manifest.required_role("adapter").sha256,
        "rank": rank,
        "dim": dim,
        "sigma": sigma,
        "scale": largest_scale(PLAN.clip, sigma, rank * dim, PLAN.bits),
        "opens": f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
        "deadline": f"{now + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
        "operators": (operator,),
    }
    return plan_with(**(fields | changes))
