"""Times of single operators, from the profiler of ONNX Runtime; the other engines have none for Python."""

import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from edge_runtime.errors import EngineError
from edge_runtime.profiling.histories import Ids
from edge_runtime.profiling.report import EngineUse, Operator
from edge_runtime.profiling.variants import Instance

MOST: Final = 12
"""Operators in the report."""

_NOT_TIMED: Final = {
    "litert": "LiteRT times no operators through Python",
    "reference": "the numpy engine is Python code, without operators of a library",
}


def engine_use(instance: Instance, histories: Sequence[Ids]) -> EngineUse:
    """Return which engine ran, where its operators ran, and how long they took for these histories."""
    variant = instance.variant
    if variant.engine is None:
        return EngineUse(variant.name, variant.asked, instance.actual, {}, (), "the bundle has no encoder")
    if variant.engine.engine != "onnxruntime":
        note = _NOT_TIMED.get(variant.engine.engine, "not timed")
        return EngineUse(variant.name, variant.asked, instance.actual, {}, (), note)
    placement, events = _profiled(instance, histories)
    operators = summed(events, skipped=len(histories))
    return EngineUse(variant.name, variant.asked, instance.actual, placement, operators[:MOST], None)


def summed(events: Sequence[Any], *, skipped: int) -> tuple[Operator, ...]:
    """Return the operators in a profile of ONNX Runtime, slowest first, without the first ``skipped`` inferences."""
    begins = sorted(event["ts"] for event in events if event["name"] == "model_run")[skipped:]
    if not begins:
        return ()
    us: dict[tuple[str, str], int] = defaultdict(int)
    calls: Counter[tuple[str, str]] = Counter()
    for event in events:
        is_timed = event["cat"] == "Node" and event["name"].endswith("_kernel_time")
        if is_timed and event["ts"] >= begins[0]:
            key = (event["args"]["op_name"], event["args"].get("provider", "unknown"))
            us[key] += event["dur"]
            calls[key] += 1
    total = sum(us.values()) or 1
    return tuple(
        Operator(operator, ran_on, calls[operator, ran_on] / len(begins), spent / len(begins), spent / total)
        for (operator, ran_on), spent in sorted(us.items(), key=lambda entry: -entry[1])
    )


def _profiled(instance: Instance, histories: Sequence[Ids]) -> tuple[dict[str, int], list[Any]]:
    """Run a session with profiling; return the number of nodes by where they run, and the events."""
    from edge_runtime.engines.onnxruntime import OnnxRuntimeEngine, placement

    contents, variant = instance.contents, instance.variant.engine
    if variant is None:
        raise EngineError(f"{instance.variant.name}: has no engine")
    data = contents.folder.read(contents.folder.manifest.file(variant.file))
    with tempfile.TemporaryDirectory() as folder:
        engine = OnnxRuntimeEngine.open(
            data, contents.folder.manifest.encoder, precision=variant.precision, profile_to=Path(folder) / "operators"
        )
        for history in (*histories, *histories):  # the first time allocates
            engine.encode(contents.codes.decode(instance.rows(history)), contents.small)
        placed = placement(engine.session) or {}
        events = json.loads(Path(engine.session.end_profiling()).read_bytes())
    return placed, events
