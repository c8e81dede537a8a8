"""Compares three formats of a student's encoder: float32, weight-only int8 (ours), ORTQuantizer's dynamic int8.

Prints the size, the largest error of a state, the overlap with the top ten of float32, NDCG@10 and the latency, on
histories of real test users. The ranking decides; errors of states are reported in addition.

Usage: python -m benchmarks.encoder_quantization --run STUDENT --data DIR [--users 1000] [--json]
"""

import argparse
import json
import random
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from edge_runtime.bundle.manifest import Encoder
from edge_runtime.engines.onnxruntime import OnnxRuntimeEngine, library
from edge_runtime.engines.protocol import Floats, SmallMatrices
from edge_runtime.ranking import best_rows, score_all
from edge_runtime.terminal.console import Console
from export.encoder_onnx import export_onnx, export_onnx_int8
from export.measure import agreement
from export.quantize import quantize_encoder
from train.data.folder import read_folder
from train.data.split import leave_one_out
from train.distill.student import Student, load_student
from train.metrics.ranking import metrics, rank_targets

EXACT = "float32"


def ort_dynamic(float32: bytes) -> bytes:
    """Return the graph quantized by Optimum's ORTQuantizer, dynamic int8, per channel."""
    with warnings.catch_warnings():
        # onnxruntime's quantizer and optimum use deprecated functions of onnx.
        warnings.simplefilter("ignore", DeprecationWarning)
        from optimum.onnxruntime import ORTQuantizer
        from optimum.onnxruntime.configuration import AutoQuantizationConfig

        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "model.onnx").write_bytes(float32)
            (folder / "config.json").write_text('{"model_type": "bert"}')
            quantizer = ORTQuantizer.from_pretrained(folder, file_name="model.onnx")
            settings = AutoQuantizationConfig.avx2(is_static=False, per_channel=True)
            quantizer.quantize(save_dir=folder / "out", quantization_config=settings)
            return next((folder / "out").glob("*.onnx")).read_bytes()


def measure(student: Student, histories: Sequence[NDArray[np.int32]], targets: NDArray[np.int32]) -> dict[str, object]:
    """Return the figures of each format by name."""
    encoder = student.encoder
    if encoder is None:
        raise SystemExit(f"{student.path}: has no encoder, it ranks by transitions alone; give a trained student.")
    config, matrices = student.config, (student.prompts, student.adapter)
    small = SmallMatrices(matrices[0]["prompts"], matrices[0]["knowledge"], matrices[1]["a"], matrices[1]["b"])
    shape = {"n_prompts": len(small.prompts), "adapter_rank": small.adapter_a.shape[1]}
    float32 = export_onnx(encoder, **shape)
    files = {
        EXACT: float32,
        "weight-only int8": export_onnx_int8(quantize_encoder(encoder), **shape),
        "ORTQuantizer dynamic int8": ort_dynamic(float32),
    }
    sizes = Encoder(
        dim=config.dim,
        max_length=config.max_length,
        n_blocks=config.n_blocks,
        n_heads=config.n_heads,
        n_prompts=shape["n_prompts"],
        adapter_rank=shape["adapter_rank"],
        input_scale=config.input_scale,
    )
    engines = {name: _engine(data, sizes) for name, data in files.items()}
    embeddings = [student.codes.decode(history[-config.max_length :]) for history in histories]
    states, times = _run(engines, embeddings, small)
    tops = {name: _top_rows(student, of_format, histories) for name, of_format in states.items()}
    return {
        name: {
            "bytes": len(data),
            "state_error": float(np.abs(states[name] - states[EXACT]).max()),
            "top10_overlap": agreement(tops[EXACT], tops[name]),
            "ndcg@10": _ndcg(student, states[name], histories, targets),
            "p50_ms": float(np.median(times[name])),
        }
        for name, data in files.items()
    }


def _engine(graph: bytes, sizes: Encoder) -> OnnxRuntimeEngine:
    """Return an engine for a graph of any operators: a bundle may not have those of dynamic quantization."""
    onnxruntime = library()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return OnnxRuntimeEngine(session, sizes, "")


def _run(
    engines: Mapping[str, OnnxRuntimeEngine], embeddings: Sequence[Floats], small: SmallMatrices
) -> tuple[dict[str, Floats], dict[str, list[float]]]:
    """Encode all histories with every engine, alternating in random order; the first rounds are warm-up."""
    states: dict[str, list[Floats]] = {name: [] for name in engines}
    times: dict[str, list[float]] = {name: [] for name in engines}
    rng = random.Random(0)  # noqa: S311 - not for security
    for sequence in embeddings:
        for name in rng.sample(list(engines), len(engines)):
            started = time.perf_counter()
            states[name].append(engines[name].encode(sequence, small))
            times[name].append((time.perf_counter() - started) * 1000)
    warm_up = min(20, len(embeddings) // 2)
    return {name: np.stack(values) for name, values in states.items()}, {
        name: values[warm_up:] for name, values in times.items()
    }


def _top_rows(student: Student, states: Floats, histories: Sequence[NDArray[np.int32]]) -> NDArray[np.int64]:
    top = np.full((len(states), 10), -1, dtype=np.int64)
    for index, (state, history) in enumerate(zip(states, histories, strict=True)):
        best = best_rows(score_all(student.codes, state), 10, history)
        top[index, : len(best)] = best
    return top


def _ndcg(
    student: Student, states: Floats, histories: Sequence[NDArray[np.int32]], targets: NDArray[np.int32]
) -> float:
    def score(users: NDArray[np.int64]) -> Floats:
        return np.stack([score_all(student.codes, states[user]) for user in users])

    ranked = rank_targets(score, histories, targets, student.sizes.n_items)
    return metrics(ranked.excluded)["ndcg@10"]


def _print(figures: Mapping[str, object], n_users: int) -> None:
    table = Table(title=f"The encoder of one student, {n_users:,} test users")
    columns = ("bytes", "state_error", "top10_overlap", "ndcg@10", "p50_ms")
    table.add_column("stored as")
    for column in columns:
        table.add_column(column, justify="right")
    formats = ("{:,}", "{:.1e}", "{:.4f}", "{:.4f}", "{:.3f}")
    for name, row in figures.items():
        values = row if isinstance(row, dict) else {}
        table.add_row(name, *(text.format(values[column]) for text, column in zip(formats, columns, strict=True)))
    Console().print(table)


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="Folder of the student.")
    parser.add_argument("--data", type=Path, required=True, help="Data folder that it was trained on.")
    parser.add_argument("--users", type=int, default=1000, help="Number of test users.")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    test = leave_one_out(read_folder(arguments.data).sequences).test
    chosen = np.random.default_rng(0).permutation(len(test))[: arguments.users]
    histories = [test.history(int(index)) for index in chosen]
    figures = measure(load_student(arguments.run), histories, test.rows[chosen])
    if arguments.json:
        print(json.dumps(figures))
    else:
        _print(figures, len(chosen))


if __name__ == "__main__":
    main()
