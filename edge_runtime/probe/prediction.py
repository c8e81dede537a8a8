"""Predicts what lists cost from trials of a stand-in, and what the language model costs from its bytes.

The margins around what was measured are those that the comparison with ``pocketrec profile`` needs
(``python -m benchmarks.probe_check``): a real catalogue has other histories, and a shared machine another load later.
"""

from collections.abc import Sequence
from typing import Final

from edge_runtime.bundle.manifest import Manifest, ModelSizes
from edge_runtime.probe.report import EngineFound, LanguageModelRates, Prediction, Range, Work
from edge_runtime.probe.stand_in import feed_width
from edge_runtime.probe.trial import Trial
from edge_runtime.profiling.limits import Peaks, encoder_operations, prompt_work, scoring_work, token_work
from edge_runtime.profiling.limits import Work as LeastWork
from edge_runtime.profiling.statistics import median

FASTER: Final = 0.5
SLOWER: Final = 3.0
"""Factors to the ends of a prediction: from the least time of the thread, and from the middle of the wall times."""

SLOWER_P95: Final = 4.0
"""The same for the 95th percentile, which on a shared machine depends on what others do."""

MEMORY: Final = (0.8, 1.3)
"""Factors of the memory that was measured: names and facts differ from the stand-in's."""

PROMPT_TOKENS: Final = (32, 256)
"""Tokens of a reason's prompt that are not in the cache yet."""

MODEL_SLOWER: Final = 10.0
CALL_MS: Final = 10.0
"""Factor and addition from the physical limit of a token to the longest time: small models are bound by calls."""

PROMPT_CALLS: Final = 3
"""Calls until the first token: of a prompt, and of tokens that are certain."""

MODEL_MEMORY: Final = 2.5
MODEL_PROCESS_BYTES: Final = 256 << 20
"""From the bytes of a file and its cache to the most memory: some weights are packed anew, and buffers are reserved."""

BITS: Final = (4.5, 16.0)
"""Bits of a weight in the quantizations of targets, for a bundle whose manifest lacks the sizes of its model."""


def predicted(
    sizes: Manifest,
    trials: Sequence[Trial],
    peaks: Peaks,
    engines: Sequence[EngineFound],
    libraries: int,
    *,
    language_model: bool,
) -> Prediction:
    """Return the prediction for a bundle.

    Args:
        sizes: manifest of the bundle.
        trials: of its stand-ins, one or two.
        peaks: of this machine.
        engines: that the bundle offers.
        libraries: resident bytes of the libraries of the engines that are installed.
        language_model: whether llama.cpp is installed.
    """
    n_items = sizes.catalogue.n_items
    work = _work(sizes)
    limit = peaks.limit(work, 1.0)
    # Another engine is used only if it is faster than numpy's, and at best it takes no time at all.
    others = any(one.usable and one.engine != "reference" for one in engines)
    saved = trials[-1].encode_ms if others else 0.0
    low = _at(n_items, trials, [min(one.list_cpu_ms) for one in trials]) - saved
    high = _at(n_items, trials, [median(one.list_ms) for one in trials])
    p95_low = _at(n_items, trials, [one.p95_cpu_ms for one in trials]) - saved
    p95_high = _at(n_items, trials, [one.p95_ms for one in trials])
    memory = _at(n_items, trials, [float(one.peak) for one in trials])
    model = predicted_model(sizes, peaks) if language_model else None
    return Prediction(
        recommend_ms=Range(max(limit.ms, FASTER * low), SLOWER * high),
        recommend_p95_ms=Range(max(limit.ms, FASTER * min(low, p95_low)), SLOWER_P95 * max(high, p95_high)),
        peak_memory=Range(MEMORY[0] * memory, MEMORY[1] * (memory + libraries)),
        work=Work(work.bytes, work.operations or 0, limit.ms, limit.bound_by),
        language_model=model,
    )


def _work(sizes: Manifest) -> LeastWork:
    """Return the least work of a list for a history of half the maximum length."""
    work = scoring_work(sizes)
    if not sizes.engines:
        return work
    encoder = sizes.encoder
    n_bytes = min(sizes.file(one.file).bytes for one in sizes.engines)
    widths = [(encoder.dim, feed_width(sizes))] * encoder.n_blocks
    return work + LeastWork(n_bytes, encoder_operations(encoder, widths, (encoder.max_length + 1) // 2))


def _at(n_items: int, trials: Sequence[Trial], values: Sequence[float]) -> float:
    """Return a value for so many items, on the line through two trials."""
    if len(trials) == 1:
        return values[0]
    small, large = trials
    slope = max(0.0, (values[1] - values[0]) / (large.n_items - small.n_items))
    return values[1] + slope * (n_items - large.n_items)


def predicted_model(sizes: Manifest, peaks: Peaks) -> LanguageModelRates | None:
    """Return the prediction for a model: a token reads every weight, a prompt computes with those of all blocks."""
    entry = sizes.language_model
    if entry is None:
        return None
    n_bytes = sizes.file(entry.file).bytes
    fewest, most = (entry.sizes or _guessed(n_bytes, bits) for bits in BITS[::-1])
    first_ms = [
        peaks.limit(prompt_work(model, tokens), 1.0).ms
        for model, tokens in zip((fewest, most), PROMPT_TOKENS, strict=True)
    ]
    token_ms = [peaks.limit(token_work(model), 1.0).ms for model in (fewest, most)]
    weights = n_bytes + fewest.cache_bytes
    return LanguageModelRates(
        first_token_ms=Range(first_ms[0], MODEL_SLOWER * first_ms[1] + CALL_MS * PROMPT_CALLS),
        tokens_per_s=Range(1000 / (MODEL_SLOWER * token_ms[1] + CALL_MS), 1000 / token_ms[0]),
        memory=Range(fewest.token_bytes, MODEL_MEMORY * weights + MODEL_PROCESS_BYTES),
        limit_first_token_ms=first_ms[0],
        limit_tokens_per_s=1000 / token_ms[0],
        least_memory=fewest.token_bytes,
    )


def _guessed(n_bytes: int, bits: float) -> ModelSizes:
    """Return the sizes of a model whose manifest has none, with so many bits a weight."""
    return ModelSizes("unknown", round(8 * n_bytes / bits), 0, n_bytes, 0)
