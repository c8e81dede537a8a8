"""The result of ``pocketrec probe``; its JSON schema is ``probe.schema.json`` beside this file.

Times are milliseconds and sizes bytes. What is not known, or does not apply, is null.
"""

from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

from edge_runtime.profiling.report import Machine

SCHEMA: Final = 1
SCHEMA_FILE: Final = "probe.schema.json"


class Range(Struct, frozen=True):
    """A predicted figure, between these two."""

    low: float
    high: float


class Subject(Struct, frozen=True):
    """What was probed for.

    Attributes:
        kind: for a target, the sizes are those of the largest bundle that it allows.
        bytes: of all files.
        n_items: size of the catalogue.
    """

    kind: Literal["bundle", "release", "target"]
    source: str
    name: str
    target: str
    release: int | None
    n_items: int
    bytes: int


class EngineFound(Struct, frozen=True):
    """An engine that the bundle offers; ``library`` is its version here, null if it is not installed."""

    engine: str
    precision: str
    usable: bool
    library: str | None
    fix: str


class Work(Struct, frozen=True):
    """What a list needs at least, and the physical limit that follows from the machine's peaks."""

    bytes: int
    operations: int
    limit_ms: float
    bound_by: str


class LanguageModelRates(Struct, frozen=True):
    """Predictions for the language model in its own process, each with the physical limit beside.

    Attributes:
        first_token_ms: of a reason, whose prompt is partly in the cache.
        tokens_per_s: after it.
        memory: resident bytes of the process.
        limit_first_token_ms: no machine with these peaks is faster.
        limit_tokens_per_s: likewise.
        least_memory: bytes of the weights that a token reads.
    """

    first_token_ms: Range
    tokens_per_s: Range
    memory: Range
    limit_first_token_ms: float
    limit_tokens_per_s: float
    least_memory: int


class Prediction(Struct, frozen=True):
    """What a list of ten will cost here.

    Attributes:
        recommend_ms: median of the time of ``recommend(10)``.
        recommend_p95_ms: 95th percentile.
        peak_memory: resident bytes of the process that ranks.
        language_model: null without a model, or without llama.cpp.
    """

    recommend_ms: Range
    recommend_p95_ms: Range
    peak_memory: Range
    work: Work
    language_model: LanguageModelRates | None


class Check(Struct, frozen=True):
    """One condition; ``passed`` is null if the prediction cannot decide it."""

    name: str
    passed: bool | None
    text: str
    fix: str = ""


class Probe(Struct, frozen=True, kw_only=True):
    """The result; ``runs`` is false if a check failed."""

    schema: int = SCHEMA
    created: str
    subject: Subject
    machine: Machine
    available_memory: int | None
    engines: tuple[EngineFound, ...]
    prediction: Prediction
    checks: tuple[Check, ...]
    runs: bool


def json_schema() -> bytes:
    """Return the JSON schema of a probe, as in :data:`SCHEMA_FILE`."""
    return msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Probe), order="sorted"), indent=1) + b"\n"


def main() -> None:
    """Write the schema file after a change: ``python -m edge_runtime.probe.report``."""
    Path(__file__).with_name(SCHEMA_FILE).write_bytes(json_schema())


if __name__ == "__main__":
    main()
