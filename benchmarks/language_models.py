"""Compares what ``pocketrec probe`` predicts for language models of each shape with what is measured.

python -m benchmarks.language_models BUNDLE --out /tmp/models [--only gemma3-270m ...]

The models have the sizes of real ones and random weights, whose speed and memory are the same; the weights of the
real ones cannot be fetched in tests. Each is quantized to Q4_K_M and measured with the prompts of the bundle's reasons.
Exit code 1 if a figure is outside of its predicted range, or beyond a physical limit.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from edge_runtime.bundle.folder import open_folder, write_folder
from edge_runtime.bundle.manifest import LanguageModel
from edge_runtime.probe.prediction import predicted_model
from edge_runtime.probe.report import Range
from edge_runtime.profiling import child_process, reasons
from edge_runtime.profiling.histories import golden_histories
from edge_runtime.profiling.limits import Peaks
from edge_runtime.profiling.variants import Instance, engine_variants
from edge_runtime.reasons.prompt import LAYOUT
from export.gguf import make_language_model
from export.gguf_header import read_header
from export.model_sizes import model_sizes
from train.quiet_transformers import quiet_transformers
from train.reasons import pretrained
from train.reasons.tokenizer import train_tokenizer

CONTEXT: Final = 1024
PROMPTS: Final = 12
CALIBRATIONS: Final = 5
_VOCABULARY: Final = 4096

# Sizes as in the config.json of each model, from memory where it could not be fetched; the class of transformers first.
MODELS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "smollm2-135m": ("Llama", {
        "vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
        "num_attention_heads": 9, "num_key_value_heads": 3,
    }),
    "qwen2.5-0.5b": ("Qwen2", {
        "vocab_size": 151936, "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24,
        "num_attention_heads": 14, "num_key_value_heads": 2,
    }),
    "qwen3-0.6b": ("Qwen3", {
        "vocab_size": 151936, "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28,
        "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128,
    }),
    "granite-4.0-350m": ("GraniteMoeHybrid", {
        "vocab_size": 100352, "hidden_size": 1024, "intermediate_size": 2048, "shared_intermediate_size": 2048,
        "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 4, "num_local_experts": 0,
        "num_experts_per_tok": 0, "layer_types": ["attention"] * 28, "position_embedding_type": "rope",
        "mamba_n_heads": 32, "mamba_expand": 2,
    }),
    "gemma3-270m": ("Gemma3", {
        "vocab_size": 262144, "hidden_size": 640, "intermediate_size": 2048, "num_hidden_layers": 18,
        "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256, "sliding_window": 512,
    }),
    "lfm2-350m": ("Lfm2", {
        "vocab_size": 65536, "hidden_size": 1024, "block_ff_dim": 6656, "num_hidden_layers": 16,
        "num_attention_heads": 16, "num_key_value_heads": 8, "full_attn_idxs": [2, 5, 8, 10, 12, 14],
    }),
}  # fmt: skip


def main() -> int:
    """Print predicted and measured figures of each model; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="A bundle whose reasons are asked for.")
    parser.add_argument("--out", type=Path, required=True, help="Folder for GGUF files, which later runs reuse.")
    parser.add_argument("--only", nargs="+", choices=tuple(MODELS), default=tuple(MODELS), help="Models to measure.")
    parser.add_argument("--json", action="store_true", help="Print one JSON object a model.")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    outside = 0
    for name in options.only:
        rows = list(_measured(name, options.bundle, options.out))
        outside += sum(not row["inside"] for row in rows)
        print(json.dumps({"model": name, "figures": rows}) if options.json else _table(name, rows), flush=True)
    return int(outside > 0)


def _peaks() -> Peaks:
    """Return the most that this machine did in several calibrations: a busy moment would pass for a limit."""
    with tempfile.TemporaryDirectory() as folder:
        request = {"folder": folder}
        answers = [child_process.run("profiling.calibration", request, one_thread=True) for _ in range(CALIBRATIONS)]
    found = [Peaks.of(answer) for answer in answers]
    return Peaks(
        {size: max(one.read_bytes_per_s[size] for one in found) for size in found[0].read_bytes_per_s},
        max(one.operations_per_s for one in found),
        max(one.digest_bytes_per_s for one in found),
        min(one.disk_flush_ms for one in found),
    )


def _measured(name: str, source: Path, out: Path) -> Iterator[dict[str, Any]]:
    """Yield figures of a model: predicted range, measured value, and the physical limit."""
    file = out / f"{name}.gguf"
    if not file.is_file():
        _make(name, source, file)
    peaks = _peaks()
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        bundle = _with_model(source, file, Path(scratch, "bundle"))
        predicted = predicted_model(bundle.variant.folder.manifest, peaks)
        found = reasons.measure(bundle, _histories(bundle), PROMPTS, peaks, seed=0)
    if found.model is None or predicted is None:
        raise SystemExit(f"{name}: {found.note}")
    model, first = found.model, next(row for row in found.rows if row.step == reasons.FIRST_TOKEN)
    first_limit = 0.0 if first.limit is None else first.limit.ms
    token = next(row for row in found.rows if row.step == reasons.TOKEN)
    rate_limit = float("inf") if token.limit is None else 1000 / token.limit.ms
    yield _row("file, MB", None, file.stat().st_size / 1e6, None)
    yield _row("tokens of a prompt, of them fresh", None, model.fresh_tokens or 0, None)
    yield _row("first token, ms", predicted.first_token_ms, first.wall_ms.median, first_limit, first_limit)
    yield _row("tokens a second", predicted.tokens_per_s, model.rate, rate_limit, rate_limit, is_rate=True)
    yield _row(
        "the same, llama.cpp alone", predicted.tokens_per_s, model.own_loop, rate_limit, rate_limit, is_rate=True
    )
    memory = Range(predicted.memory.low / 1e6, predicted.memory.high / 1e6)
    yield _row("memory of its process, MB", memory, (model.memory or 0) / 1e6, (model.least_memory or 0) / 1e6)


def _row(
    what: str,
    predicted: Range | None,
    value: float,
    limit: float | None,
    bound: float | None = None,
    *,
    is_rate: bool = False,
) -> dict[str, Any]:
    inside = predicted is None or predicted.low <= value <= predicted.high
    if bound is not None:
        inside = inside and (value <= bound if is_rate else value >= bound)
    ends = None if predicted is None else [predicted.low, predicted.high]
    return {"what": what, "predicted": ends, "measured": value, "limit": limit, "inside": inside}


def _table(name: str, rows: list[dict[str, Any]]) -> str:
    lines = [name]
    for row in rows:
        ends = "" if row["predicted"] is None else "{:10,.4g} to {:10,.4g}".format(*row["predicted"])
        limit = "" if row["limit"] is None else f"limit {row['limit']:,.4g}"
        note = "" if row["inside"] else "  OUTSIDE"
        lines.append(f"  {row['what']:34} {ends:24} {row['measured']:10,.4g}  {limit}{note}")
    return "\n".join(lines)


def _make(name: str, source: Path, file: Path) -> None:
    """Write the GGUF file of a model with random weights and a tokenizer of the bundle's titles."""
    import torch
    import transformers
    from transformers.modeling_utils import no_init_weights

    shape, sizes = MODELS[name]
    settings = {"tie_word_embeddings": True, "max_position_embeddings": 4096, "eos_token_id": 0} | sizes
    config = getattr(transformers, f"{shape}TextConfig" if shape == "Gemma3" else f"{shape}Config")(**settings)
    titles = Instance.open(engine_variants(open_folder(source))[0], None).contents.items.title
    tokenizer = train_tokenizer(list(titles[:20_000]), _VOCABULARY)
    tokenizer.add_tokens([f"<{settings['vocab_size'] - 1}>"])
    with quiet_transformers(), no_init_weights():
        model = getattr(transformers, f"{shape}ForCausalLM")(config).half()
    noise = torch.from_numpy(np.random.default_rng(0).normal(0.0, 0.02, 1 << 20)).half()
    with torch.no_grad():
        for value in model.parameters():
            flat = value.view(-1)
            for start in range(0, len(flat), len(noise)):
                flat[start : start + len(noise)] = noise[: len(flat) - start]
    with tempfile.TemporaryDirectory(dir=file.parent) as scratch:
        pretrained.save(model, tokenizer, Path(scratch, name), None)
        del model
        _move_last_token(Path(scratch, name, "tokenizer.json"), settings["vocab_size"] - 1)
        make_language_model(Path(scratch, name), file, "Q4_K_M")


def _move_last_token(path: Path, index: int) -> None:
    """Give the added token the last row of the table, so that no shape cuts rows off."""
    data = json.loads(path.read_text("utf-8"))
    data["added_tokens"][-1]["id"] = index
    path.write_text(json.dumps(data), "utf-8")


def _with_model(source: Path, file: Path, path: Path) -> Instance:
    folder = open_folder(source)
    entry = LanguageModel("reasons.gguf", CONTEXT, LAYOUT, sizes=model_sizes(read_header(file), CONTEXT))
    kept = [one for one in folder.manifest.files if one.role not in ("language_model", "language_adapter", "pictures")]
    files = {one.name: (one.role, (source / one.name).read_bytes()) for one in kept}
    manifest = msgspec.structs.replace(folder.manifest, language_model=entry)
    write_folder(path, manifest, files | {"reasons.gguf": ("language_model", file.read_bytes())})
    return Instance.open(engine_variants(open_folder(path))[0], None)


def _histories(bundle: Instance) -> tuple[tuple[str, ...], ...]:
    contents = bundle.contents
    return tuple(golden_histories(contents.golden, contents.items.item_id, 2 * PROMPTS))


if __name__ == "__main__":
    sys.exit(main())
