"""Prints the time of one training step of the adapter on the device, beside PyTorch's, and beside what was asked for.

One step is 32 examples with 512 candidates, 64 dimensions and rank 8 unless told otherwise. Python's steps, in turns:
the runtime's own in numpy, whose bytes are the same everywhere; the ONNX graph in ONNX Runtime; and as baseline
PyTorch's autograd, in float32. The page's are made in Chromium, and their bytes are compared with Python's. All are CPU
times of one thread, so that other programs on the machine matter less; the page's are means of ten steps.

Usage: python -m benchmarks.adapter_step [--steps 300] [--examples 32] [--candidates 512] [--dim 64] [--rank 8] [--json]
"""

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from playwright.sync_api import CDPSession

    from edge_runtime.learning.adapter_step import Batch

    Floats = NDArray[np.float32]

# Nothing else is imported here: the libraries take the number of their threads from the environment.

PAGE: Final = Path(__file__).parents[1] / "web_demo"
ASKED_MS: Final = {"numpy": 5.0, "the page": 15.0}
_FACTOR, _WARM_UP, _STEPS_AT_ONCE = 0.7, 20, 10


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--steps", type=int, default=300, help="Steps of each. [default: %(default)s]")
    parser.add_argument("--examples", type=int, default=32, help="Examples of a batch. [default: %(default)s]")
    parser.add_argument("--candidates", type=int, default=512, help="Candidates. [default: %(default)s]")
    parser.add_argument("--dim", type=int, default=64, help="Dimensions of a state. [default: %(default)s]")
    parser.add_argument("--rank", type=int, default=8, help="Rank of the adapter. [default: %(default)s]")
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    options = parser.parse_args()
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    batch, a, b = drawn(options.examples, options.candidates, options.dim, options.rank)
    found = in_python(batch, a, b, options.steps) | in_page(batch, a, b, options.steps)
    if options.json:
        print(json.dumps({"asked_ms": ASKED_MS, "found": found}, indent=1))
        return
    for name, each in found.items():
        asked = f"  at most {ASKED_MS[name]:g}" if name in ASKED_MS else ""
        same = {None: "", True: "  same bytes as numpy", False: "  OTHER BYTES THAN NUMPY"}[each.get("same_bytes")]
        print(f"{name:24} p50 {each['p50_ms']:7.3f} ms  p95 {each['p95_ms']:7.3f} ms{asked}{same}")


def drawn(n: int, m: int, dim: int, rank: int) -> "tuple[Batch, Floats, Floats]":
    """Return a batch and an adapter of random float32 numbers; a third of the scores has something of transitions."""
    import numpy as np

    from edge_runtime.learning.adapter_step import EXCLUDED, Batch

    random = np.random.default_rng(0)
    states, vectors, a, b = (
        (scale * random.normal(size=shape)).astype(np.float32)
        for shape, scale in (((n, dim), 1.0), ((m, dim), 0.3), ((dim, rank), dim**-0.5), ((rank, dim), 0.05))
    )
    chosen = random.integers(m, size=n)
    following = np.maximum(random.normal(size=(n, m)) - 0.5, 0).astype(np.float32)
    offsets = np.where(random.random((n, m)) < 0.05, EXCLUDED, 0).astype(np.float32)
    offsets[np.arange(n), chosen] = 0
    return Batch(states, vectors, following, offsets, chosen, np.ones(n, dtype=np.float32)), a, b


def in_python(batch: "Batch", a: "Floats", b: "Floats", n_steps: int) -> dict[str, dict[str, Any]]:
    """Return the times of each library, measured in turns."""
    from edge_runtime.learning.adapter_step import adapter_step

    calls: dict[str, Callable[[], object]] = {
        "numpy": lambda: adapter_step(batch, a, b, _FACTOR),
        "ONNX Runtime, float32": _onnx(batch, a, b),
        "PyTorch, float32": _autograd(batch, a, b),
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(_WARM_UP + n_steps):
        for name, call in calls.items():
            started = time.thread_time_ns()
            call()
            if number >= _WARM_UP:
                times[name].append((time.thread_time_ns() - started) / 1e6)
    return {name: _summary(each) for name, each in times.items()}


def _onnx(batch: "Batch", a: "Floats", b: "Floats") -> Callable[[], object]:
    import numpy as np

    from edge_runtime.engines.onnxruntime import library
    from edge_runtime.learning.adapter_step import GRAPH

    onnxruntime = library()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(GRAPH.read_bytes(), options, providers=["CPUExecutionProvider"])
    names = ("states", "vectors", "following", "offsets", "chosen", "weights")
    feed: dict[str, Any] = {name: getattr(batch, name) for name in names}
    feed |= {"adapter_a": a, "adapter_b": b, "factor": np.array(_FACTOR, dtype=np.float32)}
    return lambda: session.run(None, feed)


def _autograd(batch: "Batch", a: "Floats", b: "Floats") -> Callable[[], object]:
    import torch
    from torch.nn.functional import cross_entropy

    torch.set_num_threads(1)
    states, vectors, following, offsets, chosen, weights, fixed, start = (
        torch.from_numpy(array)
        for array in (
            batch.states, batch.vectors, batch.following, batch.offsets, batch.chosen, batch.weights, a, b,
        )
    )  # fmt: skip
    trained, factor = start.clone().requires_grad_(), torch.tensor(_FACTOR, requires_grad=True)

    def step() -> object:
        scores = (states + states @ fixed @ trained) @ vectors.T + factor * following + offsets
        loss = (weights * cross_entropy(scores, chosen, reduction="none")).sum() / weights.sum()
        return torch.autograd.grad(loss, (trained, factor))

    return step


def in_page(batch: "Batch", a: "Floats", b: "Floats", n_steps: int) -> dict[str, dict[str, Any]]:
    """Return the times in Chromium, and whether its bytes are numpy's; nothing without Chromium or dependencies."""
    import numpy as np

    from edge_runtime.learning.adapter_step import adapter_step

    chromium, rolldown = shutil.which("chromium"), PAGE / "node_modules" / ".bin" / "rolldown"
    if chromium is None or not rolldown.exists():
        return {}
    names = ("states", "vectors", "following", "offsets", "chosen", "weights")
    arrays = {name: getattr(batch, name).ravel().tolist() for name in names}
    sizes = {"n": len(batch.states), "m": len(batch.vectors), "dim": a.shape[0], "rank": a.shape[1]}
    case = sizes | {"arrays": arrays | {"a": a.ravel().tolist(), "b": b.ravel().tolist()}}
    step, times = _times_in_chromium(chromium, _script(rolldown), case, n_steps)
    ours = adapter_step(batch, a, b, _FACTOR)
    theirs = np.array([*step["gradB"], step["gradFactor"], step["loss"]])
    same = theirs.tobytes() == np.array([*ours.grad_b.ravel(), ours.grad_factor, ours.loss]).tobytes()
    return {"the page": _summary(times) | {"same_bytes": same}}


def _script(rolldown: Path) -> str:
    """Return the page's training step as one script."""
    with tempfile.TemporaryDirectory(prefix="pocketrec-adapter-") as folder:
        made = Path(folder) / "adapter_times.js"
        command = [str(rolldown), "scripts/adapter_times.mjs", "--file", str(made), "--format", "iife"]
        subprocess.run(command, cwd=PAGE, check=True, capture_output=True)
        return made.read_text(encoding="utf-8")


def _times_in_chromium(
    path: str, script: str, case: dict[str, Any], n_steps: int
) -> tuple[dict[str, Any], list[float]]:
    """Return what the page's step computes, and the milliseconds of steps."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--headless", "--no-sandbox", "--disable-gpu"])
        try:
            page = browser.new_page()
            page.add_script_tag(content=script)
            page.evaluate("(given) => takeCase(...given)", [case, _FACTOR])
            clock = page.context.new_cdp_session(page)
            clock.send("Performance.enable", {"timeDomain": "threadTicks"})
            page.evaluate("(n) => steps(n)", _WARM_UP)
            times = []
            for _ in range(-(-n_steps // _STEPS_AT_ONCE)):
                started = _thread_ms(clock)
                step = page.evaluate("(n) => steps(n)", _STEPS_AT_ONCE)
                times.append((_thread_ms(clock) - started) / _STEPS_AT_ONCE)
        finally:
            browser.close()
    return step, times


def _thread_ms(clock: "CDPSession") -> float:
    """Return the CPU time of the page's thread."""
    metrics = {each["name"]: each["value"] for each in clock.send("Performance.getMetrics")["metrics"]}
    return 1000 * float(metrics["ThreadTime"])


def _summary(values: list[float]) -> dict[str, Any]:
    ordered = sorted(values)
    return {"p50_ms": ordered[len(ordered) // 2], "p95_ms": ordered[int(0.95 * len(ordered))]}


if __name__ == "__main__":
    main()
