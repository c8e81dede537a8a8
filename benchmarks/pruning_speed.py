"""Times the states of two encoders in pairs, in each engine of Python and in the page's own.

A pair is the same history through both, one after the other in random order. The ratio is the median over the pairs;
its interval is a percentile bootstrap. One thread; times are CPU times of the thread, so that other programs on the
machine matter less.
"""

import json
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from edge_runtime.bundle.arrays import dump_arrays
from edge_runtime.bundle.manifest import Encoder
from edge_runtime.engines.litert import LiteRTEngine
from edge_runtime.engines.onnxruntime import OnnxRuntimeEngine
from edge_runtime.engines.protocol import Engine, Floats, SmallMatrices
from edge_runtime.engines.reference import ReferenceEngine
from export.encoder_onnx import export_onnx_int8
from export.encoder_tflite import export_tflite_int8
from export.quantize import QuantizedEncoder, quantize_encoder
from train.backbones.sasrec import SASRec
from train.data.split import Targets
from train.distill.student import DeviceEncoder, Student

PAGE = Path(__file__).parents[1] / "web_demo"
_WARM_UP, _RESAMPLES = 30, 2000
Encode = Callable[[Floats], object]


def speed_ratios(student: Student, whole: SASRec, pruned: SASRec, users: Targets, n: int) -> dict[str, Any]:
    """Return the ratio of times, pruned over whole, with interval and file sizes, by engine.

    Args:
        student: the student, for prompts, adapter and item vectors.
        whole: its encoder.
        pruned: the smaller one.
        users: their histories are encoded.
        n: number of histories, a random sample.
    """
    torch.set_num_threads(1)
    matrices = student.prompts, student.adapter
    small = SmallMatrices(matrices[0]["prompts"], matrices[0]["knowledge"], matrices[1]["a"], matrices[1]["b"])
    chosen = np.random.default_rng(0).permutation(len(users))[:n]
    inputs = [student.codes.decode(users.history(int(user))[-student.config.max_length :]) for user in chosen]
    both = [_formats(student, encoder, small) for encoder in (whole, pruned)]
    found: dict[str, Any] = {}
    for name in both[0]:
        (first, first_bytes), (second, second_bytes) = (each[name] for each in both)
        sizes = {"whole_bytes": first_bytes, "pruned_bytes": second_bytes}
        found[name] = _paired(first, second, inputs) | sizes
    return found | _page(student, (whole, pruned), inputs[:200])


def _formats(student: Student, encoder: SASRec, small: SmallMatrices) -> dict[str, tuple[Encode, int]]:
    """Return how each engine encodes a history, and the bytes of its file."""
    quantized = quantize_encoder(_device(encoder))
    sizes = _sizes(student, encoder)
    shape = {"n_prompts": sizes.n_prompts, "adapter_rank": sizes.adapter_rank}
    onnx, tflite, weights = (
        export_onnx_int8(quantized, **shape),
        export_tflite_int8(quantized, **shape),
        dump_arrays(quantized.arrays()),
    )
    engines: list[tuple[str, Engine, bytes]] = [
        ("ONNX Runtime", OnnxRuntimeEngine.open(onnx, sizes), onnx),
        ("LiteRT", LiteRTEngine.open(tflite, sizes), tflite),
        ("numpy", ReferenceEngine.open(weights, sizes), weights),
    ]
    found = {name: (partial(_encode, engine, small), len(data)) for name, engine, data in engines}
    return {"PyTorch": (_torch(quantized, small), len(weights))} | found


def _encode(engine: Engine, small: SmallMatrices, events: Floats) -> object:
    return engine.encode(events, small)


def _torch(quantized: QuantizedEncoder, small: SmallMatrices) -> Encode:
    matrices = [
        torch.from_numpy(each.copy()) for each in (small.prompts, small.knowledge, small.adapter_a, small.adapter_b)
    ]

    def encode(events: Floats) -> object:
        with torch.inference_mode():
            return quantized.encoder(torch.from_numpy(events[None]), torch.ones(1, len(events)), *matrices)

    return encode


def _paired(first: Encode, second: Encode, inputs: Sequence[Floats]) -> dict[str, float]:
    """Return the median time of the first in ms, and the ratio of the second to it."""
    rng = random.Random(0)  # noqa: S311 - not for security
    times = np.empty((len(inputs), 2))
    for index, events in enumerate(inputs):
        for which in rng.sample((0, 1), 2):
            started = time.thread_time_ns()
            (first, second)[which](events)
            times[index, which] = (time.thread_time_ns() - started) / 1e6
    return ratio_of(times[_WARM_UP:])


def ratio_of(times: Any) -> dict[str, float]:  # noqa: ANN401 - an array of [pairs, 2] or nested lists
    """Return the median of the first column in ms, and that of the ratios of the second to it with its interval."""
    pairs = np.asarray(times, dtype=np.float64)
    ratios = pairs[:, 1] / pairs[:, 0]
    drawn = np.random.default_rng(0).integers(0, len(ratios), (_RESAMPLES, len(ratios)))
    low, high = np.quantile(np.median(ratios[drawn], axis=1), [0.025, 0.975])
    return {
        "whole_ms": float(np.median(pairs[:, 0])),
        "ratio": float(np.median(ratios)),
        "low": float(low),
        "high": float(high),
    }


def _page(student: Student, encoders: Sequence[SASRec], inputs: Sequence[Floats]) -> dict[str, Any]:
    """Return the ratio in the page's own engine, in Node.js; nothing without the page's dependencies."""
    rolldown, node = PAGE / "node_modules" / ".bin" / "rolldown", shutil.which("node")
    if node is None or not rolldown.exists():
        return {}
    files = [dump_arrays(quantize_encoder(_device(each)).arrays()) for each in encoders]
    with tempfile.TemporaryDirectory(prefix="pocketrec-pruning-") as name:
        folder = Path(name)
        for which, data in zip(("whole", "pruned"), files, strict=True):
            (folder / f"{which}.safetensors").write_bytes(data)
        (folder / "about.json").write_text(json.dumps(_about(student, encoders, inputs)))
        engine = folder / "reference.mjs"
        build = [str(rolldown), "src/runtime/reference.ts", "--file", str(engine), "--format", "esm"]
        subprocess.run(build, cwd=PAGE, check=True, capture_output=True)
        timed = [node, "scripts/encoder_times.mjs", str(folder)]
        times = json.loads(subprocess.run(timed, cwd=PAGE, check=True, capture_output=True, text=True).stdout)
    sizes = {"whole_bytes": len(files[0]), "pruned_bytes": len(files[1])}
    return {"the page's own": ratio_of(times[_WARM_UP:]) | sizes}


def _about(student: Student, encoders: Sequence[SASRec], inputs: Sequence[Floats]) -> dict[str, Any]:
    """Return sizes, prompts and adapter, and histories as the page takes them."""
    small = [student.prompts[name] for name in ("prompts", "knowledge")] + [
        student.adapter[name] for name in ("a", "b")
    ]
    return {
        "sizes": [_camel_case(_sizes(student, each)) for each in encoders],
        "inputs": [each.ravel().tolist() for each in inputs],
        "small": [each.ravel().tolist() for each in small],
    }


def _device(encoder: SASRec) -> DeviceEncoder:
    device = DeviceEncoder(encoder.config)
    device.load_state_dict(encoder.state_dict())
    return device.eval()


def _camel_case(sizes: Encoder) -> dict[str, Any]:
    """Return sizes with the names of TypeScript."""
    words = ((name.split("_"), value) for name, value in msgspec.structs.asdict(sizes).items())
    return {first + "".join(map(str.title, rest)): value for (first, *rest), value in words}


def _sizes(student: Student, encoder: SASRec) -> Encoder:
    config = encoder.config
    return Encoder(
        dim=config.dim,
        max_length=config.max_length,
        n_blocks=config.n_blocks,
        n_heads=config.n_heads,
        n_prompts=len(student.prompts["prompts"]),
        adapter_rank=student.adapter["a"].shape[1],
        input_scale=config.input_scale,
    )
