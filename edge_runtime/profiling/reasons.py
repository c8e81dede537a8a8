"""Measures the language model of a bundle on the prompts that its reasons need."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from edge_runtime.bundle.manifest import ModelSizes
from edge_runtime.explainer import Explainer, Listed, Manner
from edge_runtime.profiling import child_process
from edge_runtime.profiling.histories import Ids
from edge_runtime.profiling.limits import Peaks, prompt_work, token_work
from edge_runtime.profiling.report import LanguageModel, Ratio, Row
from edge_runtime.profiling.rows import limit_of, single_row
from edge_runtime.profiling.statistics import CONFIDENCE, median, ratio_interval
from edge_runtime.profiling.variants import Instance
from edge_runtime.reasons.assignment import Assigner
from edge_runtime.reasons.evidence import without_engine
from edge_runtime.reasons.prompt import LAYOUT, prompt

WRITER, OWN_LOOP = "reason writer", "llama.cpp's own loop"
FIRST_TOKEN, TOKEN = "first token", "a token"
_LISTED = 3  # items of a list that are explained


@dataclass(frozen=True, slots=True)
class ReasonResult:
    """Rows, ratio and rates of a language model; or a note why there are none."""

    rows: tuple[Row, ...] = ()
    ratio: Ratio | None = None
    model: LanguageModel | None = None
    note: str | None = None


def measure(instance: Instance, histories: Sequence[Ids], n_prompts: int, peaks: Peaks, seed: int) -> ReasonResult:
    """Measure the language model of an open bundle.

    Raises:
        BundleIntegrityError: the model file does not match its digest.
        ProfileError: llama.cpp crashed.
    """
    folder = instance.variant.folder
    entry = folder.manifest.language_model
    if entry is None:
        return ReasonResult()
    if entry.prompt != LAYOUT:
        return ReasonResult(
            note=f"the language model needs the prompt layout {entry.prompt!r}, this runtime has {LAYOUT!r}"
        )
    prompts = [one for _, one in zip(range(n_prompts + 1), _prompts(instance, histories), strict=False)]
    if len(prompts) < 2:
        return ReasonResult(note="no reason of these histories has two sentences for the language model to choose from")
    path = folder.checked_path(folder.manifest.file(entry.file))
    request = {"model": str(path.absolute()), "context": entry.context, "prompts": prompts}
    answer = child_process.run("profiling.language", request)
    if "refused" in answer:
        return ReasonResult(note=f"the language model was not measured: {answer['refused']}")
    sizes = entry.sizes or _guessed(answer["parameters"], folder.manifest.file(entry.file).bytes)
    return _result(answer, sizes, peaks, seed, instance.variant.name)


def _guessed(parameters: int, n_bytes: int) -> ModelSizes:
    """Return the sizes of a model whose manifest has none, as if all weights were of blocks and nothing was cached."""
    return ModelSizes("unknown", parameters, 0, n_bytes, 0)


def _prompts(instance: Instance, histories: Sequence[Ids]) -> Iterator[dict[str, object]]:
    """Yield requests as the device makes them: the reasons of the first items of each list."""
    contents = instance.contents
    explainer = Explainer(contents.items, contents.popularity.levels)
    for history in histories:
        rows = [instance.row_of[item_id] for item_id in instance.recommend(history)[:_LISTED]]
        listed = Listed(rows, without_engine(instance.rows(history).tolist(), rows))
        speaker, assigner = explainer.speaker(listed, Manner()), Assigner()
        for row, claims in zip(rows, explainer.claims(listed), strict=True):
            offered = assigner.choices(speaker, row, claims)
            if len(offered) > 1:
                assigner.say(offered[0])
                text = prompt(contents.items, row, offered[0].facts, speaker)
                yield {"prompt": text, "choices": [wording.text for wording in offered], "seed": row}


def _result(answer: dict[str, Any], sizes: ModelSizes, peaks: Peaks, seed: int, bundle: str) -> ReasonResult:
    runs: list[dict[str, float]] = answer["runs"]
    threads = int(answer["threads"])
    middle = {key: median([run[key] for run in runs]) for key in runs[0]}
    token = token_work(sizes, threads)
    work = {"first_ms": prompt_work(sizes, round(middle["fresh_tokens"]), threads), "token_ms": token, "own_ms": token}
    writer, own = f"{bundle}: {WRITER}", f"{bundle}: {OWN_LOOP}"
    steps = ((FIRST_TOKEN, writer, "first_ms"), (TOKEN, writer, "token_ms"), (TOKEN, own, "own_ms"))
    found = ratio_interval([[run["token_ms"] / run["own_ms"] for run in runs]], seed)
    return ReasonResult(
        rows=tuple(
            single_row(
                "reason",
                step,
                name,
                [[run[key]] for run in runs],
                limit_of(peaks, work[key], middle[key]),
                None,
            )
            for step, name, key in steps
        ),
        ratio=Ratio(TOKEN, writer, own, "wall", len(runs), 1, found.median, found.low, found.high, CONFIDENCE),
        model=LanguageModel(
            bundle,
            len(runs),
            round(middle["prompt_tokens"]),
            1000 / middle["token_ms"],
            1000 / middle["own_ms"],
            threads,
            round(middle["fresh_tokens"]),
            int(answer["peak"]),
            sizes.token_bytes + sizes.cache_bytes,
        ),
    )
