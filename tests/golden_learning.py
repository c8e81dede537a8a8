"""The cases of `tests/golden/learning/`: training on the device, to the last bit the same in Python and in the page.

After a deliberate change, regenerate them with ``python -m tests.golden_learning`` and review the diff.
"""

import json
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from edge_runtime.bundle.manifest import LearningSettings
from edge_runtime.learning.adamw import AdamWSettings, AdamWState, adamw_step
from edge_runtime.learning.adapter_step import EXCLUDED, Batch, adapter_step
from edge_runtime.learning.decision import decide, trial_of
from edge_runtime.learning.exact import Doubles, exact_product, exact_sum, exp, log, softmax
from edge_runtime.learning.examples import Split, candidate_rows, offsets
from edge_runtime.learning.random32 import Random32
from edge_runtime.learning.training import Training, batches_of

FOLDER: Final = Path(__file__).parent / "golden" / "learning"

Json = dict[str, Any]

ABOUT: Final = (
    "Python and the page must give the same bytes. Numbers are little-endian float64 in base64, in row order."
)


def packed(array: Doubles | float) -> str:
    """Return numbers as the files hold them."""
    return b64encode(np.asarray(array, dtype="<f8").tobytes()).decode()


def drawn(random: Random32, *shape: int, scale: float = 1.0) -> Doubles:
    """Return numbers from ``-scale`` to ``scale``, which the page's tests draw in the same way."""
    numbers = [(random.next() / 2**31 - 1.0) * scale for _ in range(int(np.prod(shape)))]
    return np.array(numbers, dtype=np.float64).reshape(shape)


def drawn_batch(seed: int, n: int, m: int, dim: int) -> Batch:
    """Return a batch that follows from a seed: some candidates are excluded, and the last example is padding."""
    random = Random32(seed)
    states, vectors = drawn(random, n, dim, scale=2.0), drawn(random, m, dim)
    following = np.maximum(drawn(random, n, m, scale=5.0), 0.0)
    chosen = np.array([random.below(m) for _ in range(n)], dtype=np.int64)
    offsets = np.where(drawn(random, n, m) > 0.8, EXCLUDED, 0.0)
    offsets[np.arange(n), chosen] = 0.0
    weights = np.ones(n)
    weights[1:][-1:] = 0.0
    return Batch(states, vectors, following, offsets, chosen, weights)


def arithmetic() -> list[Json]:
    """Return the cases of products, sums and elementary functions."""
    random = Random32(1)
    steps = np.array([0.0, -1e-300, -(2.0**-40), -0.1, -0.34657359, -0.35, -1, -37.4, -699.99, -700, -700.01, -1e9])
    spread = np.array([[1e30, -1e-30, 3.0], [1e-320, 0.0, -0.0], [-1e-200, 1e80, 1.0]])
    cases = [
        ("plain", drawn(random, 4, 7), drawn(random, 7, 5)),
        ("many terms", drawn(random, 2, 300, scale=100.0), drawn(random, 300, 3, scale=0.01)),
        ("of very different size", spread, drawn(random, 3, 4)),
        ("halves of the grid", np.array([[1.0, 1.0 + 2.0**-25, 3 * 2.0**-26]]), np.ones((3, 1))),
        ("zeros of both signs", np.array([[0.0, -0.0], [-1.0, 1.0]]), np.array([[-0.0, 1.0], [0.0, 1.0]])),
    ]
    products = [
        {"name": f"product: {name}", "shape": [*x.shape, y.shape[1]], "x": packed(x), "y": packed(y),
         "product": packed(exact_product(x, y)), "sum": packed(exact_sum(x))}
        for name, x, y in cases
    ]  # fmt: skip
    values = np.concatenate([steps, drawn(random, 60, scale=20.0) - 20.0])
    positive = 2.0 - np.concatenate([steps[:8], [0.598, 0.602], drawn(random, 60, scale=1e6) - 1e6])
    rows = drawn(random, 3, 9, scale=30.0)
    rows[1] = EXCLUDED
    shares, logarithms = softmax(rows)
    functions = {
        "name": "functions", "x": packed(values), "exp": packed(exp(values)), "positive": packed(positive),
        "log": packed(log(positive)), "rows": packed(rows), "columns": 9, "softmax": packed(shares),
        "log_sums": packed(logarithms),
    }  # fmt: skip
    return [*products, functions]


def steps() -> list[Json]:
    """Return the cases of one training step."""
    cases = [
        ("one example", 11, (1, 5, 4, 2), 1.0),
        ("one candidate", 12, (3, 1, 4, 2), 1.0),
        ("some", 13, (6, 9, 5, 3), 1.0),
        ("without transitions", 14, (6, 9, 5, 3), 0.0),
        ("as large as on a device", 15, (32, 512, 64, 8), 0.7),
    ]
    return [_step(name, seed, sizes, factor) for name, seed, sizes, factor in cases]


def _step(name: str, seed: int, sizes: tuple[int, int, int, int], factor: float) -> Json:
    n, m, dim, rank = sizes
    random = Random32(seed, 1)
    a, b = drawn(random, dim, rank, scale=0.3), drawn(random, rank, dim, scale=0.1)
    step = adapter_step(drawn_batch(seed, n, m, dim), a, b, factor)
    return {
        "name": name, "seed": seed, "n": n, "m": m, "dim": dim, "rank": rank, "factor": factor,
        "loss": packed(step.loss), "grad_b": packed(step.grad_b), "grad_factor": packed(step.grad_factor),
    }  # fmt: skip


def trainings() -> list[Json]:
    """Return a training of 40 steps: the optimizer's bytes after some of them."""
    seed, n_steps, dim, rank, rate = 21, 40, 6, 2, 0.05
    pool = drawn_batch(seed, 30, 12, dim)
    a = drawn(Random32(seed, 1), dim, rank)
    settings = AdamWSettings(learning_rate=rate)
    state = AdamWState.start(np.append(np.zeros(rank * dim), 1.0))
    centre = state.values
    kept = {}
    for number in range(n_steps):
        rows = np.array(Random32(seed, 100 + number).sample(range(29), 8))
        batch = Batch(pool.states[rows], pool.vectors, pool.following[rows], pool.offsets[rows], pool.chosen[rows],
                      pool.weights[rows])  # fmt: skip
        step = adapter_step(batch, a, state.values[:-1].reshape(rank, dim), float(state.values[-1]))
        state = adamw_step(state, np.append(step.grad_b, step.grad_factor), centre, settings)
        if number in (0, 1, n_steps - 1):
            kept[str(number + 1)] = b64encode(state.to_bytes()).decode()
    about = {"seed": seed, "pool": 30, "drawn_from": 29, "candidates": 12, "batch": 8, "dim": dim, "rank": rank}
    return [about | {"n_steps": n_steps, "learning_rate": rate, "states": kept}]


def numbers() -> list[Json]:
    """Return the cases of random numbers."""
    cases = []
    for seed, counter in ((0, 0), (0, 1), (1, 0), (2**32 - 1, 2**32 - 1), (123456789, 42)):
        drawn_numbers, bounded, chosen = (Random32(seed, counter) for _ in range(3))
        cases.append({
            "seed": seed, "counter": counter, "next": [drawn_numbers.next() for _ in range(8)],
            "below": [[n, bounded.below(n)] for n in (1, 2, 7, 1000, 2**31 + 1, 2**32)],
            "sample": chosen.sample(range(10), 6),
        })  # fmt: skip
    return cases


SETTINGS: Final = LearningSettings(
    temperature=4.0, learning_rate=0.02, factor_rate=0.01, epsilon=0.05, weight_decay=0.005, beta1=0.9, beta2=0.99,
    updates=5, examples=50, candidates=40,
)  # fmt: skip


def sessions() -> list[Json]:
    """Return trainings of a whole session: from states and a history to the optimizer's bytes."""
    cases = (
        ("the whole catalogue", 31, 40, 80, 4, 2),
        ("drawn items", 32, 90, 70, 6, 3),
        ("few events", 33, 200, 20, 4, 2),
        ("more numbers than are trained", 34, 50, 60, 700, 4),
    )
    return [_session(*case) for case in cases]


def _session(name: str, seed: int, n_items: int, n_events: int, dim: int, rank: int) -> Json:
    random = Random32(seed)
    rows = np.array([random.below(n_items) for _ in range(n_events)], dtype=np.int64)
    split = Split.of(rows, SETTINGS)
    retired = np.array([random.below(n_items) for _ in range(3)], dtype=np.int64)
    candidates = candidate_rows(split, n_items, SETTINGS.candidates, seed)
    a, shared = drawn(random, dim, rank, scale=0.3), drawn(random, rank, dim, scale=0.1)
    states, vectors = drawn(random, len(split.targets), dim, scale=2.0), drawn(random, n_items, dim)
    following = np.maximum(drawn(random, len(split.targets), len(candidates), scale=5.0), 0.0)
    batches = batches_of(
        states=states.astype(np.float32), vectors=vectors.astype(np.float32)[candidates],
        following=following.astype(np.float32),
        offsets=offsets(split.targets, candidates, np.concatenate([split.own, retired]), n_items),
        chosen=np.searchsorted(candidates, split.targets), temperature=SETTINGS.temperature,
    )  # fmt: skip
    training = Training(batches, a.astype(np.float32), shared.astype(np.float32), SETTINGS)
    state = training.start()
    for _ in range(SETTINGS.updates):
        state = [each for each in training.update(state) if each is not None][-1]
    return {
        "name": name, "seed": seed, "n_items": n_items, "n_events": n_events, "dim": dim, "rank": rank,
        "settings": msgspec.to_builtins(SETTINGS), "candidates": candidates.tolist(),
        "digest": sha256(state.to_bytes()).hexdigest(), "factor": packed(state.values[-1]),
    }  # fmt: skip


def decisions() -> list[Json]:
    """Return trials of drawn scores, some of them equal, and what is decided from them."""
    cases = []
    for seed, scale, lift in ((41, 3.0, 1.0), (42, 3.0, -1.0), (43, 0.5, 0.0), (44, 2.0, 0.3)):
        random, trials = Random32(seed), []
        for _ in range(6):
            target = random.below(15)
            hidden = np.array([random.below(15) for _ in range(4)], dtype=np.int64)
            without = np.round(drawn(random, 15, scale=scale)).astype(np.float32)
            with_adapter = without.copy()
            with_adapter[target] += np.float32(lift)
            trials.append(trial_of(without, with_adapter, target, hidden, 2.0))
        found = decide(trials)
        cases.append({
            "seed": seed, "scale": scale, "lift": lift, "trials": [[one.log_gain, one.rank_gain] for one in trials],
            "helps": found.helps, "gain": found.gain, "error": found.error, "rank_gain": found.rank_gain,
        })  # fmt: skip
    return cases


FILES: Final[dict[str, Callable[[], list[Json]]]] = {
    "exact.json": arithmetic, "adapter_step.json": steps, "adamw.json": trainings, "random32.json": numbers,
    "sessions.json": sessions, "decisions.json": decisions,
}  # fmt: skip


def dump(cases: list[Json]) -> str:
    """Return the text of a file, with one line per case."""
    lines = ",\n".join(json.dumps(case) for case in cases)
    return f'{{\n"about": {json.dumps(ABOUT)},\n"cases": [\n{lines}\n]\n}}\n'


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file_name, make in FILES.items():
        (FOLDER / file_name).write_text(dump(make()), encoding="utf-8")
