"""Measures list texts on a bundle of real data: adapters, first token, rate, and the lists themselves; prints JSON.

- ``swap``: milliseconds to attach an adapter in place of another: read from the disk, in memory, and in memory with
  the first token after it; and whether A, B, A writes A's text again.
- ``first``: milliseconds from the request to the first piece in the app, over the pipe, with the prompt cached and
  with that of another list.
- ``rate``: tokens a second of a text relative to llama.cpp's own loop (``llama_sampler_sample`` and ``llama_decode``)
  under the same grammar after the same cached prompt, in pairs of random order: ``lines`` decodes at once what is
  certain, ``grammar`` samples every token. Each has the median and its 99 % interval over rounds of loading.
- ``lists``: of texts for test users, on the device's engine: items in the catalogue, twice, or seen; the share of
  characters by the language model; and NDCG@10 of the true next item relative to the ranker's list.

The bundle needs a language model with an adapter for list texts; ``--writer`` puts those of a writer's run into a copy.

Example: python -m benchmarks.list_text bundles/laptop-x86_64 --data ../shared/data/beauty
"""

import argparse
import contextlib
import json
import random
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import msgspec
import numpy as np

from edge_runtime.bundle.folder import open_folder, write_folder
from edge_runtime.bundle.manifest import LANGUAGE_ADAPTER
from edge_runtime.explainer import Manner
from edge_runtime.language_model.client import LlamaWriter
from edge_runtime.language_model.grammar import grammar_of_lines
from edge_runtime.language_model.model import Model, library
from edge_runtime.list_text.case import ListCase
from edge_runtime.list_text.prompt import LAYOUT, prompt
from edge_runtime.profiling.statistics import ratio_interval
from edge_runtime.recommender import Recommender
from export.language_model import store_model
from export.parts import PartCache
from export.users import TestUsers
from train.data.dataset import Dataset
from train.data.folder import read_folder
from train.data.split import leave_one_out
from train.metrics.ranking import ndcg

K = 10
MAX_SWAP_MS, MAX_FIRST_MS, MIN_RATE = 20.0, 50.0, 0.8
_N_SWAPS = 40


class TimedModel(Model):
    """The model of the worker process, with llama.cpp's own loop beside it."""

    def n_tokens(self, text: str) -> int:
        """Return the number of tokens of a text."""
        return len(self.tokenize(text, add_special=False))

    def remember(self, text: str) -> None:
        """Bring the cache into the state after a prompt."""
        self._decode(self.tokenize(text))

    def swap(self, adapter: Path) -> None:
        """Attach an adapter and decode a token, for which llama.cpp prepares its graph anew."""
        self.use(adapter)
        self._decode(self.tokenize("a"))

    def own_loop(self, rules: str, seed: int) -> tuple[str, float]:
        """Return a text of llama.cpp's loop after the cached prompt, and the seconds that it took."""
        api, sampler, written = self._api, self._sampler(rules, seed), b""
        begun = time.perf_counter()
        while not api.llama_vocab_is_eog(
            self._vocabulary, token := api.llama_sampler_sample(sampler, self._context, -1)
        ):
            written += self._piece(token)
            array = (api.llama_token * 1)(token)
            if api.llama_decode(self._context, api.llama_batch_get_one(array, 1)):
                break
        seconds = time.perf_counter() - begun
        api.llama_sampler_free(sampler)
        self._forget()
        return written.decode(errors="replace"), seconds


def main() -> None:
    """Print the figures; exit code 1 if one misses what the design asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--writer", type=Path, help="Folder of a writer's run, with model/ and list_adapter/.")
    parser.add_argument("--users", type=int, default=200, help="Number of test users.")
    parser.add_argument("--rounds", type=int, default=5, help="How often the model is loaded for the rates.")
    parser.add_argument("--cases", type=int, default=8, help="Lists of each round.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        bundle = (
            options.bundle if options.writer is None else with_writer(options.bundle, options.writer, Path(scratch))
        )
        figures = measure(bundle, read_folder(options.data), options.users, options.rounds, options.cases)
    print(json.dumps(figures, indent=1))
    raise SystemExit(0 if figures["passed"] else 1)


def with_writer(bundle: Path, writer: Path, scratch: Path) -> Path:
    """Write a copy of a bundle with the language model of a writer's run, and return it."""
    folder = open_folder(bundle)
    contents = {entry.name: (entry.role, folder.read(entry)) for entry in folder.manifest.files}
    stored = store_model(writer / "model", "Q8_0", PartCache(scratch / "parts"))
    contents[stored.entry.file] = ("language_model", stored.path.read_bytes())
    contents |= {name: (LANGUAGE_ADAPTER, path.read_bytes()) for name, path in stored.adapters.items()}
    manifest = msgspec.structs.replace(folder.manifest, language_model=stored.entry)
    write_folder(scratch / "bundle", manifest, contents)
    return scratch / "bundle"


def measure(bundle: Path, dataset: Dataset, n_users: int, n_rounds: int, n_cases: int) -> dict[str, object]:
    """Return all figures of a bundle with an adapter of list texts."""
    entry = open_folder(bundle).manifest.language_model
    adapter = None if entry is None else entry.adapter_for(LAYOUT)
    if entry is None or adapter is None:
        raise SystemExit(f"{bundle}: found no language model with an adapter for {LAYOUT}; give --writer")
    users = TestUsers.of(leave_one_out(dataset.sequences).test, max(n_users, n_cases + 1))
    model, lora = bundle / entry.file, bundle / adapter.file
    with Recommender.open(bundle) as recommender:
        cases = [case_of(recommender, users, index) for index in range(n_cases + 1)]
        lists = list_figures(recommender, users, n_users)
    swap = swap_figures(load_timed(model, entry.context), lora)
    first = first_figures(model, lora, entry.context, cases)
    rates = rate_figures(model, lora, entry.context, cases[:n_cases], n_rounds)
    passed = (
        swap["with_a_token_p95_ms"] <= MAX_SWAP_MS and swap["read_ms"] <= MAX_SWAP_MS and bool(swap["same_text_again"])
        and first["cached_p50_ms"] <= MAX_FIRST_MS and min(each["median"] for each in rates.values()) >= MIN_RATE
    )  # fmt: skip
    return {
        "bundle": str(bundle),
        "model_bytes": model.stat().st_size,
        "adapter_bytes": lora.stat().st_size,
        "swap": swap,
        "first": first,
        "rate": rates,
        "lists": lists,
        "passed": passed,
    }


def load_timed(path: Path, context: int) -> TimedModel:
    """Load a model."""
    return TimedModel(library(), path, context)


def case_of(recommender: Recommender, users: TestUsers, index: int) -> ListCase:
    """Return what a text about the list of a user may say."""
    history = [recommender.items.item_id[row] for row in users.histories[index]]
    listed = recommender._listed([item.item_id for item in recommender.recommend(K, history)], history)
    return recommender._explainer_in_use().list_case(listed, Manner())


def swap_figures(model: TimedModel, lora: Path) -> dict[str, float]:
    """Return the times of attaching an adapter in place of another."""
    with tempfile.TemporaryDirectory() as scratch:
        other = Path(shutil.copyfile(lora, Path(scratch, "other.gguf")))
        read = [timed(lambda path=path: model.use(path)) for path in (lora, other)]  # type: ignore[misc]
        times = [timed(lambda path=path: model.use(path)) for path in (lora, other) * _N_SWAPS]  # type: ignore[misc]
        ready = [timed(lambda path=path: model.swap(path)) for path in (lora, other) * _N_SWAPS]  # type: ignore[misc]
        texts = []
        for adapter in (lora, None, lora):
            model.use(adapter)
            texts.append(b"".join(model.stream("Say it.\n", 'root ::= [a-z ]{40} "\\n"', 1)))
    return {
        "read_ms": round(max(read), 3),
        "p50_ms": round(statistics.median(times), 3),
        "p95_ms": round(statistics.quantiles(times, n=20)[-1], 3),
        "with_a_token_p50_ms": round(statistics.median(ready), 3),
        "with_a_token_p95_ms": round(statistics.quantiles(ready, n=20)[-1], 3),
        "same_text_again": texts[0] == texts[2],
        "another_text_between": texts[0] != texts[1],
    }


def first_figures(model: Path, lora: Path, context: int, cases: list[ListCase]) -> dict[str, float]:
    """Return the times to the first piece, over the pipe."""
    writer = LlamaWriter(model, context=context, adapters={"list": lora}, timeout_s=60.0)

    def first_piece(case: ListCase, seed: int) -> float:
        with contextlib.closing(writer.stream_lines(prompt(case), case.lines(), seed, adapter="list")) as pieces:
            return timed(lambda: next(pieces))

    first_piece(cases[0], 0)
    pairs = [(one, other) for one in cases for other in cases if prompt(one) != prompt(other)]
    cached, fresh = [], []
    for seed, (one, other) in enumerate(pairs[:64]):
        fresh.append(first_piece(one, seed))
        cached.append(first_piece(one, seed + 1))
        first_piece(other, seed)
    writer.close()
    return {
        "cached_p50_ms": round(statistics.median(cached), 2),
        "cached_p95_ms": round(statistics.quantiles(cached, n=20)[-1], 2),
        "other_list_p50_ms": round(statistics.median(fresh), 2),
        "n": len(cached),
    }


def rate_figures(
    path: Path, lora: Path, context: int, cases: list[ListCase], n_rounds: int
) -> dict[str, dict[str, float]]:
    """Return the rates relative to llama.cpp's own loop, with 99 % intervals."""
    rounds: dict[str, list[list[float]]] = {"lines": [], "grammar": []}
    for number in range(n_rounds):
        model = load_timed(path, context)
        model.use(lora)
        ratios: dict[str, list[float]] = {"lines": [], "grammar": []}
        for seed, case in enumerate(cases):
            rates = rates_of(model, case, 1000 * number + seed)
            for name, found in ratios.items():
                found.append(rates[name] / rates["own"])
        for name, found in ratios.items():
            rounds[name].append(found)
    return {name: asdict(ratio_interval(found)) for name, found in rounds.items()}


def rates_of(model: TimedModel, case: ListCase, seed: int) -> dict[str, float]:
    """Return tokens a second of each way to write a text, in random order."""
    text, lines = prompt(case), case.lines()
    rules = grammar_of_lines(lines)

    def streamed(pieces: Iterator[bytes]) -> tuple[str, float]:
        begun = time.perf_counter()
        written = b"".join(pieces).decode(errors="replace")
        return written, time.perf_counter() - begun

    ways: dict[str, Callable[[], tuple[str, float]]] = {
        "own": lambda: model.own_loop(rules, seed),
        "grammar": lambda: streamed(model.stream(text, rules, seed)),
        "lines": lambda: streamed(model.stream_lines(text, lines, seed)),
    }
    rates = {}
    for name in random.Random(seed).sample(sorted(ways), len(ways)):  # noqa: S311 - an order
        model.remember(text)
        written, seconds = ways[name]()
        rates[name] = model.n_tokens(written) / seconds
    return rates


def list_figures(recommender: Recommender, users: TestUsers, n_users: int) -> dict[str, object]:
    """Return what texts for test users have of the catalogue and of the ranker's lists."""
    item_ids = recommender.items.item_id
    known, counts, characters, notes = set(item_ids), Counter[str](), Counter[str](), Counter[str]()
    gains: dict[str, list[float]] = {"ranker": [], "text": []}
    for history_rows, target in zip(users.histories[:n_users], users.targets[:n_users], strict=True):
        history = [item_ids[row] for row in history_rows]
        listed = [item.item_id for item in recommender.recommend(K, history)]
        pieces = list(recommender.write_list(listed, history=history, seed=int(target)))
        told = [item_id for item_id in dict.fromkeys(piece.item_id for piece in pieces) if item_id is not None]
        lines = "".join(piece.text for piece in pieces).splitlines()[1:]
        counts["items"] += len(lines)
        counts["in_catalogue"] += len(set(told) & known)
        counts["twice"] += len(lines) - len(set(told))
        counts["seen"] += len(set(told) & set(history))
        counts["with_reason"] += sum(" \u2013 " in line for line in lines)
        for piece in pieces:
            characters[piece.source] += len(piece.text)
            if piece.note:
                notes[piece.note] += 1
        for name, ids in (("ranker", listed), ("text", told)):
            rank = ids.index(item_ids[target]) if item_ids[target] in ids else K
            gains[name].append(float(ndcg(np.array([rank]), K)[0]))
    ranker, text = (float(np.mean(gains[name])) for name in ("ranker", "text"))
    return {
        "n_texts": n_users,
        **counts,
        "by_the_model": round(characters["language model"] / characters.total(), 4),
        "notes": dict(notes),
        "ndcg": round(text, 5),
        "ndcg_relative_to_the_ranker": round(text / ranker, 5) if ranker else None,
    }


def timed(work: Callable[[], object]) -> float:
    """Return the milliseconds of some work."""
    begun = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
