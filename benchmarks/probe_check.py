"""Compares what ``pocketrec probe`` predicts from a manifest with what ``pocketrec profile`` measures.

python -m benchmarks.probe_check bundles/laptop-x86_64 OTHER ...

The probe reads the manifest alone, and the profile the whole bundle. Exit code 1 if a figure is outside of its range.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from edge_runtime.probe.probe import probe
from edge_runtime.probe.report import Prediction, Range
from edge_runtime.probe.subjects import from_folder
from edge_runtime.profiling.profile import profile
from edge_runtime.profiling.report import Profile


def main() -> int:
    """Print predicted and measured figures of each bundle; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", type=Path, nargs="+", metavar="BUNDLE")
    outside = 0
    for path in parser.parse_args().bundles:
        before = probe(from_folder(path)).prediction
        measured = profile(path, mode="quick")
        print(f"{path}, profile {measured.verdict.state}")
        for name, predicted, value in _pairs(before, measured):
            inside = predicted.low <= value <= predicted.high
            outside += not inside
            note = "" if inside else "  OUTSIDE"
            print(f"  {name:38} {predicted.low:9.3g} to {predicted.high:9.3g}  {value:10.3g}{note}")
    print(f"{outside} outside")
    return int(outside > 0)


def _pairs(before: Prediction, measured: Profile) -> Iterator[tuple[str, Range, float]]:
    for row in measured.rows:
        if row.step == "list":
            yield f"median of a list, ms, {row.variant}", before.recommend_ms, row.wall_ms.median
            if row.wall_ms.p95 is not None:
                yield f"p95 of a list, ms, {row.variant}", before.recommend_p95_ms, row.wall_ms.p95
        elif row.step == "first token" and before.language_model is not None:
            yield "first token, ms", before.language_model.first_token_ms, row.wall_ms.median
    for memory in measured.memory:
        yield f"peak memory, bytes, {memory.variant}", before.peak_memory, memory.peak
    for model in measured.language_models:
        if before.language_model is not None:
            yield "tokens a second", before.language_model.tokens_per_s, model.rate
            if model.memory is not None:
                yield "memory of the model, bytes", before.language_model.memory, model.memory


if __name__ == "__main__":
    sys.exit(main())
