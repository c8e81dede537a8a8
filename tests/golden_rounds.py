"""The cases of `tests/golden/rounds.json`: plans, noise, privacy and uploads, the same in Python and in the page.

After a deliberate change, regenerate them with ``python -m tests.golden_rounds`` and review the diff.
"""

import json
import math
from base64 import b64encode
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from edge_runtime.errors import BundleError, RoundError
from edge_runtime.learning.random32 import Random32
from edge_runtime.learning.round_training import DEFAULT_SETTINGS, trained
from edge_runtime.rounds.accountant import delta_of, epsilon_of, privacy_statement
from edge_runtime.rounds.ledger import Entry, Outcome
from edge_runtime.rounds.noise import ByteSource, discrete_gaussian
from edge_runtime.rounds.participate import Adapter, Device, Limit, intended, loss_of
from edge_runtime.rounds.plan import RoundPlan, parse_plan
from edge_runtime.rounds.update import Update, encode, quantized, saturated
from tests.golden_learning import drawn, drawn_batch, packed
from tests.tiny_round import PLAN, plan_with

PATH: Final = Path(__file__).parent / "golden" / "rounds.json"

Json = dict[str, Any]

ABOUT: Final = (
    "Integers and bytes are the same in Python and in the page, epsilons and deltas to nine digits. Vectors are "
    "little-endian float64 in base64; random bytes are the lowest of each number of xoshiro128** with the seed."
)
FIELDS: Final[dict[str, Any]] = json.loads(msgspec.json.encode(PLAN))
NOW: Final = int(PLAN.opens_time()) + 60
DAY_S: Final = 86_400
DEVICE: Final = Device(PLAN.name, PLAN.base, PLAN.adapter_sha256, 20)
TWO: Final = ("https://a.b", "https://b.c")
WIDE: Final = {"sigma": 8.0, "scale": 256, "rank": 2, "dim": 4}


def bytes_of(seed: int) -> ByteSource:
    """Return bytes that follow from a seed, which the page's tests draw in the same way."""
    random = Random32(seed)
    return lambda count: bytes(random.next() & 0xFF for _ in range(count))


def noises() -> list[Json]:
    """Return noise of small, odd and large variances."""
    return [
        {"seed": seed, "variance": str(variance), "values": discrete_gaussian(variance, size, bytes_of(seed)).tolist()}
        for seed, variance, size in ((1, 1, 50), (2, 7, 50), (3, 256, 50), (4, 65_537, 50), (5, 3_000_001**2, 20))
    ]


def losses() -> list[Json]:
    """Return ratios from hardly any to nearly no noise, with epsilons and deltas."""
    ratios, deltas = (0.01, 0.1, 0.4641, 1.0, 2.0, 3.7, 10.0, 60.0), (1e-9, 1e-6, 0.01)
    cases = []
    for mu in ratios:
        for delta in deltas:
            epsilon = epsilon_of(delta, mu)
            cases.append({"mu": mu, "delta": delta, "epsilon": epsilon, "delta_of_half": delta_of(epsilon / 2, mu)})
    return cases


def plans() -> list[Json]:
    """Return plans, accepted or not, as texts of JSON."""
    base = dict(FIELDS)
    missing = {name: value for name, value in base.items() if name != "clip"}
    short = {name: value for name, value in base.items() if name not in ("part", "bits", "max_staleness", "delta")}
    changes: list[tuple[str, Json]] = [
        ("a plan", base),
        ("only what has no default", short),
        ("32 bits", base | {"bits": 32, "scale": 1 << 20}),
        ("late updates", base | {"max_staleness": 3}),
        ("two operators", base | {"operators": list(TWO)}),
        ("two operators and many updates", base | {"operators": list(TWO), "max_updates": 65_537}),
        ("two operators and late updates", base | {"operators": list(TWO), "max_staleness": 3}),
        ("no noise", base | {"sigma": 0}),
        ("a missing field", missing),
        ("an unknown field", base | {"colour": "red"}),
        ("another schema", base | {"schema": 2}),
        ("another target", base | {"target": "phone"}),
        ("another part", base | {"part": "a"}),
        ("a null", base | {"delta": None}),
        ("24 bits", base | {"bits": 24}),
        ("a long round", base | {"round": "a" * 27}),
        ("a digest in capitals", base | {"base": "A" * 64}),
        ("noise that is not private as integers", base | {"sigma": 0.5, "scale": 16}),
        ("a scale that is no power of two", base | {"scale": 1000}),
        ("values that do not fit", base | {"scale": 1 << 14}),
        ("a clip of 0", base | {"clip": 0}),
        ("a clip that is too large", base | {"clip": 2e6, "bits": 32, "scale": 1, "sigma": 16}),
        ("too large an update", base | {"rank": 64, "dim": 1024}),
        ("a day that does not exist", base | {"opens": "2026-02-30T10:00:00Z"}),
        ("a deadline before the opening", base | {"deadline": "2026-11-28T09:59:59Z"}),
        ("no operator", base | {"operators": []}),
        ("one operator twice", base | {"operators": ["https://a.b", "https://a.b"]}),
        ("an address of another kind", base | {"operators": ["ftp://a.b"]}),
        ("an address with a password", base | {"operators": ["https://user:password@a.b"]}),
        ("an address with a query", base | {"operators": ["https://a.b/?c=d"]}),
        ("an address with a fragment", base | {"operators": ["https://a.b/#c"]}),
        ("a port that does not exist", base | {"operators": ["https://a.b:99999"]}),
        ("half an address", base | {"operators": ["http://[::1"]}),
        ("an address with a port and a path", base | {"operators": ["http://[::1]:8000/c@d"]}),
        ("more updates needed than counted", base | {"min_updates": 101}),
        ("text for a number", base | {"steps": "3"}),
    ]
    return [plan_case(name, json.dumps(fields)) for name, fields in changes]


def plan_case(name: str, document: str) -> Json:
    """Return what this runtime makes of a document."""
    try:
        plan = parse_plan(document.encode(), PLAN.target)
    except BundleError:
        return {"name": name, "document": document, "accepted": None}
    statement = privacy_statement(plan)
    accepted = {
        "size": plan.size, "body_bytes": plan.body_bytes, "largest": plan.largest,
        "opens": plan.opens_time(), "deadline": plan.deadline_time(),
        "operator": finite(statement.operator), "readers": finite(statement.readers), "loss": finite(loss_of(plan)),
    }  # fmt: skip
    return {"name": name, "document": document, "accepted": accepted}


def finite(value: float) -> float | None:
    """Return a number as JSON has it: null for infinity."""
    return None if math.isinf(value) else value


def updates() -> list[Json]:
    """Return uploads of vectors of all sizes, with 16 and 32 bits."""
    wide, fine = plan_with(**WIDE), plan_with(**(WIDE | {"bits": 32, "scale": 1 << 20}))
    short, long = drawn(Random32(11), 8, scale=0.1), drawn(Random32(12), 8, scale=50.0)
    cases = [
        ("a short one", wide, short), ("one that is clipped", wide, long), ("32 bits", fine, long),
        ("zeros", wide, np.zeros(8)), ("one row of two", wide, short[:4]), ("huge", fine, long * 1e300),
        ("not finite", wide, np.array([math.nan] * 8)), ("without noise", plan_with(sigma=0.0), long),
        ("equal values at the clip", plan_with(sigma=0.0), np.full(8, math.sqrt(1 / 8))),
    ]  # fmt: skip
    return [update_case(name, seed, plan, vector) for seed, (name, plan, vector) in enumerate(cases, 100)]


def update_case(name: str, seed: int, plan: RoundPlan, vector: np.ndarray) -> Json:
    """Return an upload; noise and token are drawn one after the other, as on a device."""
    whole = np.zeros(plan.size)
    whole[: len(vector)] = vector
    values, token_seed = quantized(whole, plan), seed + 1000
    if plan.sigma > 0.0:
        variance = math.ceil((Fraction(plan.sigma) * plan.scale) ** 2)
        values = values + discrete_gaussian(variance, plan.size, bytes_of(seed))
    body = encode(Update(bytes_of(token_seed)(16), plan.adapter_sha256, saturated(values, plan)), plan)
    return {
        "name": name, "plan": msgspec.json.encode(plan).decode(), "vector": packed(vector), "seed": seed,
        "token_seed": token_seed, "body": b64encode(body).decode(),
    }  # fmt: skip


class Noted:
    """The rounds that a device has noted."""

    path = Path("history.sqlite")

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = entries

    def n_participations(self) -> int:
        return sum(entry.outcome != "training" for entry in self._entries)

    def entry(self, round_id: str) -> Entry | None:
        return next((entry for entry in self._entries if entry.round == round_id), None)

    def since(self, time: float) -> list[Entry]:
        return [entry for entry in self._entries if entry.time > int(time) and entry.outcome != "training"]


def intents() -> list[Json]:
    """Return devices, and whether they take part, with all that they have revealed then."""
    wide = plan_with(**WIDE)
    old, long_ago, tomorrow = NOW - 20 * DAY_S, NOW - 400 * DAY_S, NOW + DAY_S
    cases: list[tuple[str, RoundPlan, list[Entry], int]] = [
        ("the first time", wide, [], NOW),
        ("too early", wide, [], NOW - 61), ("when it opens", wide, [], NOW - 60),
        ("when it closes", wide, [], int(wide.deadline_time())),
        ("the third time", wide, noted(2, old), NOW), ("the fifth time", wide, noted(4, old), NOW),
        ("after long", wide, noted(4, long_ago), NOW),
        ("with a clock that was set back", wide, noted(4, tomorrow), NOW),
        ("trained, and stopped", wide, [entry(wide.round, old, "training")], NOW),
        ("prepared before", wide, [entry(wide.round, old, "prepared")], NOW),
        ("beyond the limit", wide, noted(1, NOW - 200 * DAY_S, loss=4.0), NOW),
        ("without noise", plan_with(sigma=0.0), [], NOW),
        ("with another adapter", plan_with(**WIDE, base="c" * 64), [], NOW),
        ("with few events", plan_with(**WIDE, min_events=21), [], NOW),
    ]  # fmt: skip
    return [intent_case(*case) for case in cases]


def entry(round_id: str, time: int, outcome: Outcome, loss: float = 0.0625) -> Entry:
    """Return a round as it is noted."""
    return Entry(round_id, time, loss, "http://127.0.0.1:8000", time + DAY_S, 60, outcome=outcome)


def noted(count: int, time: int, loss: float = 0.0625) -> list[Entry]:
    """Return some rounds that counted."""
    return [entry(letter * 26, time, "counted", loss) for letter in "wxyz"[:count]]


def intent_case(name: str, plan: RoundPlan, entries: list[Entry], now: int) -> Json:
    """Return whether the device takes part; null if not."""
    try:
        found = intended(plan, DEVICE, Noted(entries), now, Limit())  # type: ignore[arg-type]
    except RoundError:
        result = None
    else:
        result = {"before": found.before, "epsilon": found.epsilon}
    rounds = [{"round": one.round, "time": one.time, "loss": one.loss, "outcome": one.outcome} for one in entries]
    plan_text = msgspec.json.encode(plan).decode()
    return {"name": name, "plan": plan_text, "entries": rounds, "now": now, "intent": result}


def trainings() -> list[Json]:
    """Return trainings of all rows, of the first one, and with a batch of all examples."""
    cases = ((51, 9, 12, 4, 2, 2, 6, 3), (52, 7, 20, 8, 3, 1, 5, 4), (53, 5, 6, 4, 2, 2, 3, 100))
    return [training_case(*case) for case in cases]


def training_case(seed: int, n: int, m: int, dim: int, rank: int, trained_rank: int, steps: int, batch: int) -> Json:
    """Return what a training changes: the batch, then A and B are drawn from the seed."""
    random = Random32(seed, 1)
    a, b = drawn(random, dim, rank, scale=0.3), drawn(random, rank, dim, scale=0.1)
    plan = plan_with(rank=trained_rank, dim=dim, steps=steps, batch=batch, learning_rate=0.05)
    adapter = Adapter(a.astype(np.float32), b.astype(np.float32))
    change = trained(drawn_batch(seed, n, m, dim), DEFAULT_SETTINGS, plan, adapter, seed, lambda: 0.0)
    return {
        "seed": seed, "n": n, "m": m, "dim": dim, "rank": rank, "change": packed(change),
        "plan": {"rank": trained_rank, "dim": dim, "steps": steps, "batch": batch, "learningRate": 0.05},
        "settings": {name: getattr(DEFAULT_SETTINGS, name) for name in ("beta1", "beta2", "epsilon")},
    }  # fmt: skip


PARTS: Final[dict[str, Callable[[], list[Json]]]] = {
    "noise": noises, "privacy": losses, "plans": plans, "updates": updates, "intents": intents,
    "trainings": trainings,
}  # fmt: skip


def dump() -> str:
    """Return the text of the file, with one line per case."""
    parts = [f'"about": {json.dumps(ABOUT)}']
    for name, make in PARTS.items():
        lines = ",\n".join(json.dumps(case, allow_nan=False) for case in make())
        parts.append(f'"{name}": [\n{lines}\n]')
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    PATH.write_text(dump(), encoding="utf-8")
