"""The result of ``pocketrec profile``; its JSON schema is ``profile.schema.json`` beside this file.

Python and the page write the same structure; what one of them cannot measure is null, with a reason where a reader
would miss it. Times are milliseconds and sizes bytes, unless a name says otherwise.
"""

from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

SCHEMA: Final = 1
SCHEMA_FILE: Final = "profile.schema.json"

State = Literal["valid", "noisy", "invalid"]
Phase = Literal["open", "first inference", "steady", "observe to list", "reason"]
Clock = Literal["thread CPU", "wall"]


class Verdict(Struct, frozen=True):
    """Whether figures can be trusted, and what speaks against it.

    Of the whole profile of two bundles, the figures are their ratios; otherwise they are times. ``noisy``: times are
    disturbed, ratios may still hold. ``invalid``: the figures say nothing.
    """

    state: State
    reasons: tuple[str, ...] = ()


class Distribution(Struct, frozen=True):
    """Times of one step; a percentile is null if there are too few runs for it."""

    runs: int
    minimum: float
    median: float
    p90: float | None
    p95: float | None
    p99: float | None


class Limit(Struct, frozen=True):
    """The least time that the step could take on this machine.

    Attributes:
        ms: the larger one of the times that its parts need.
        bound_by: what takes that time.
        bytes: bytes to read.
        operations: floating-point operations; null if unknown.
        share: ``ms`` divided by the median wall time: 1 cannot be exceeded.
    """

    ms: float
    bound_by: Literal["reading", "arithmetic", "digests", "the disk"]
    bytes: int
    operations: int | None
    share: float


class Row(Struct, frozen=True):
    """One step of one variant.

    Attributes:
        variant: bundle and engine.
        wall_ms: what a user waits.
        cpu_ms: what the calling thread works; null where the platform has no such clock.
        seconds: time measured in total.
        wall_by_cpu: total wall time divided by total CPU time; of processes of their own, the median of the quotients.
        drift: by which share the second half was slower than the first.
        uncertainty: by which share the median may be wrong, from the spread of the rounds; null if not repeated.
        no_limit: why there is no limit.
    """

    phase: Phase
    step: str
    variant: str
    wall_ms: Distribution
    cpu_ms: Distribution | None
    seconds: float
    wall_by_cpu: float | None
    drift: float | None
    uncertainty: float | None
    limit: Limit | None
    no_limit: str | None
    verdict: Verdict


class Ratio(Struct, frozen=True):
    """Time of ``variant`` divided by that of ``against``, pair by pair: the median and its interval."""

    step: str
    variant: str
    against: str
    clock: Clock
    pairs: int
    rounds: int
    median: float
    low: float
    high: float
    confidence: float


class Operator(Struct, frozen=True):
    """All nodes of one operator: calls and microseconds of one inference, and the share of all operators."""

    operator: str
    ran_on: str
    calls: float
    us: float
    share: float


class EngineUse(Struct, frozen=True):
    """The engine that was asked for and the one that ran.

    Attributes:
        ran_on: number of nodes of the graph by where they ran, as the library reports it.
        operators: slowest first; empty if the library does not time operators.
        note: why something is missing.
    """

    variant: str
    asked: str
    actual: str | None
    ran_on: dict[str, int]
    operators: tuple[Operator, ...]
    note: str | None


class Outputs(Struct, frozen=True):
    """Check of the lists that were timed against those of the golden vectors, or of another engine.

    Attributes:
        against: what the lists were compared with.
        lists: number of timed lists.
        overlap: mean share of the expected top ten.
        least: the least overlap that the bundle allows.
        finite: whether every score was a finite number.
    """

    variant: str
    against: str
    lists: int
    overlap: float
    least: float
    finite: bool
    passed: bool


class Memory(Struct, frozen=True):
    """Resident memory of a process of its own, medians.

    Attributes:
        started: of the interpreter alone.
        opened: after opening the bundle.
        peak: the highest, lists included.
    """

    variant: str
    runs: int
    started: int
    opened: int
    peak: int


class LanguageModel(Struct, frozen=True):
    """Rates of the language model in tokens a second, medians.

    Attributes:
        rate: of the reason writer, sentence grammar included.
        own_loop: of llama.cpp alone, for as many tokens after the same prompts.
        threads: that llama.cpp computed with.
        fresh_tokens: tokens of a prompt that were not in the cache, the median.
        memory: the most resident bytes of the model's process.
        least_memory: of the weights and a full cache.
    """

    variant: str
    prompts: int
    prompt_tokens: int
    rate: float
    own_loop: float
    threads: int
    fresh_tokens: int | None = None
    memory: int | None = None
    least_memory: int | None = None


class BudgetCheck(Struct, frozen=True):
    """A budget of the bundle's target; ``passed`` is null if the run cannot decide it."""

    name: str
    actual: float
    allowed: float
    passed: bool | None
    note: str | None = None


class Histories(Struct, frozen=True):
    """The histories that were measured with."""

    source: str
    count: int
    shortest: int
    median: float
    longest: int


class ProfiledBundle(Struct, frozen=True):
    """A bundle of the profile."""

    path: str
    name: str
    release: int
    target: str
    ranking_bytes: int
    bundle_bytes: int


class Machine(Struct, frozen=True):
    """The machine and its measured peaks; null where the platform does not tell."""

    system: str
    processor: str
    cores: int | None
    memory: int | None
    runtime: str
    load: float | None
    clock_ns: float
    read_bytes_per_s: dict[str, float] | None
    operations_per_s: float | None
    digest_bytes_per_s: float | None
    disk_flush_ms: float | None


class Profile(Struct, frozen=True, kw_only=True):
    """All results of one profile."""

    schema: int = SCHEMA
    created: str
    mode: str
    seed: int
    machine: Machine
    bundles: tuple[ProfiledBundle, ...]
    histories: Histories
    engines: tuple[EngineUse, ...]
    rows: tuple[Row, ...]
    ratios: tuple[Ratio, ...]
    outputs: tuple[Outputs, ...]
    memory: tuple[Memory, ...]
    language_models: tuple[LanguageModel, ...]
    budgets: tuple[BudgetCheck, ...]
    notes: tuple[str, ...]
    verdict: Verdict


def json_schema() -> bytes:
    """Return the JSON schema of a profile, as in :data:`SCHEMA_FILE`."""
    return msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Profile), order="sorted"), indent=1) + b"\n"


def main() -> None:
    """Write the schema file after a change: ``python -m edge_runtime.profiling.report``."""
    Path(__file__).with_name(SCHEMA_FILE).write_bytes(json_schema())


if __name__ == "__main__":
    main()
