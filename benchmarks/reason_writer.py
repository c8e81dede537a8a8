"""Measures the reason writer on a real data folder: training, size, speed, correctness and distinct texts; prints JSON.

python -m benchmarks.reason_writer --data ../shared/data/beauty --out build/bench/reasons
"""

import argparse
import json
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.items import Items
from edge_runtime.explainer import Explainer, Listed, Manner, Reason
from edge_runtime.language_model.client import LlamaWriter
from edge_runtime.language_model.model import Model, load
from edge_runtime.language_model.writer import Writer
from edge_runtime.reasons.evidence import without_engine
from edge_runtime.reasons.facts import is_true
from edge_runtime.reasons.prompt import prompt
from edge_runtime.reasons.words import STYLES
from export.gguf import make_language_model
from train.data.folder import read_folder
from train.data.published import published_items, published_popularity
from train.reasons.writer import WriterConfig, train_writer

CONTEXT = 1024


@dataclass(frozen=True, slots=True)
class Cases:
    """Items to explain: the last item of each user, given the earlier history.

    Attributes:
        items: names and facts.
        popularity: popularity levels, uint8 ``[n_items]``.
        pairs: row and history of each user, oldest first.
    """

    items: Items
    popularity: NDArray[np.uint8]
    pairs: tuple[tuple[int, list[int]], ...]


def main() -> None:
    """Train the writer if needed, generate reasons, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("build/bench/reasons"))
    parser.add_argument("--users", type=int, default=300, help="Number of users.")
    options = parser.parse_args()
    dataset = read_folder(options.data)
    folder = train_writer(dataset, options.out, WriterConfig())
    sequences = [rows.tolist()[-51:] for rows in dataset.sequences if len(rows) > 1]
    chosen = random.Random(0).sample(sequences, min(options.users, len(sequences)))  # noqa: S311 - a sample
    pairs = tuple((rows[-1], rows[:-1]) for rows in chosen)
    cases = Cases(published_items(dataset.catalogue), published_popularity(dataset), pairs)
    figures: dict[str, object] = {
        "data": dataset.name,
        "writer": json.loads((options.out / "metrics.json").read_text("utf-8")),
        "template": reasons(cases, None),
    }
    for quantization in ("Q8_0", "Q4_K_M"):
        file = options.out / f"reasons-{quantization}.gguf"
        described = make_language_model(folder, file, quantization)
        writer = LlamaWriter(file, context=CONTEXT)
        figures[quantization] = {"bytes": described["bytes"], **reasons(cases, writer), **decoding(cases, file)}
        writer.close()
    print(json.dumps(figures, indent=1))


def reasons(cases: Cases, writer: Writer | None) -> dict[str, object]:
    """Return figures of short and detailed reasons, generated through the explainer as in an app."""
    explainer = Explainer(cases.items, cases.popularity, writer=writer)
    explainer.explain(_listed(*cases.pairs[0]))  # starts the worker
    generated: list[tuple[Reason, int, list[int]]] = []
    times: list[float] = []
    for row, history in cases.pairs:
        for style in STYLES:
            start = time.perf_counter()
            reason = explainer.explain(_listed(row, history), Manner(style))
            times.append(1000 * (time.perf_counter() - start))
            generated.append((reason, row, history))
    texts = [reason.text for reason, _, _ in generated]
    return {
        "n_reasons": len(generated),
        "by_language_model": _share([reason.source == "language model" for reason, _, _ in generated]),
        "true": _share(
            [
                all(is_true(fact, cases.items, cases.popularity, row, history) for fact in reason.facts)
                for reason, row, history in generated
            ]
        ),
        "cites_a_fact": _share([bool(reason.facts) for reason, _, _ in generated]),
        "cites_the_history": _share(
            [any(f.history_row is not None for f in reason.facts) for reason, _, _ in generated]
        ),
        "distinct": round(len(set(texts)) / len(texts), 4),
        "p50_ms": round(statistics.median(times), 2),
        "p95_ms": round(statistics.quantiles(times, n=20)[-1], 2),
        "examples": texts[:: max(1, len(texts) // 6)][:6],
    }


def decoding(cases: Cases, file: Path) -> dict[str, object]:
    """Return token counts and speeds of llama.cpp in this process, for prompts and for decoding with the grammar."""
    model = load(file, CONTEXT)
    explainer = Explainer(cases.items, cases.popularity)
    n_prompts, n_prompt, prompt_s, n_decoded, decode_s = 0, 0, 0.0, 0, 0.0
    for row, history in cases.pairs[:100]:
        listed = _listed(row, history)
        speaker, claims = explainer.speaker(listed, Manner()), explainer.claims(listed)[0]
        if not claims:
            continue
        wordings = speaker.wordings(claims[0])
        text = prompt(cases.items, row, wordings[0].facts, speaker)
        allowed = tuple(wording.text for wording in wordings)
        n_prompts += 1
        first, _ = _timed(model, text, allowed, row)
        again, n = _timed(model, text, allowed, row)  # the prompt is cached now
        n_prompt, prompt_s = n_prompt + len(model.tokenize(text)), prompt_s + max(0.0, first - again)
        n_decoded, decode_s = n_decoded + n, decode_s + again
    return {
        "prompt_tokens": round(n_prompt / n_prompts, 1),
        "prompt_tokens_per_s": round(n_prompt / prompt_s),
        "decoded_tokens": round(n_decoded / n_prompts, 1),
        "decoded_tokens_per_s": round(n_decoded / decode_s),
    }


def _listed(row: int, history: Sequence[int]) -> Listed:
    return Listed([row], without_engine(history, [row]))


def _timed(model: Model, text: str, allowed: Sequence[str], seed: int) -> tuple[float, int]:
    start = time.perf_counter()
    _, n_tokens = model.choose(text, allowed, seed)
    return time.perf_counter() - start, n_tokens


def _share(values: Sequence[bool]) -> float:
    return round(sum(values) / len(values), 4)


if __name__ == "__main__":
    main()
