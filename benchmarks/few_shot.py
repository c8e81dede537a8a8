"""What is worth something on a tiny catalogue: 50 items and the events of 30 people.

The 50 most frequent items of a data folder are the catalogue, and people with fewer than four events are left out. In
each draw, 30 people are known; everybody else is new, and the last event of each is to be predicted from the earlier
ones. As in ``pocketrec train``, the two newest events of the known people only select settings and epochs. Printed is
the mean NDCG@10 of each way to rank over the draws, with the 2.5th and 97.5th percentile of its mean by a bootstrap
over the draws, and the same for its difference from transitions with texts, paired by draw.

Example: python -m benchmarks.few_shot --data build/world --trained

Example: python -m benchmarks.few_shot --data build/world --transfer build/world-2 --transfer build/videos
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.few_shot_models import Transferred, small_catalogue, trained_scores
from train.data.dataset import Dataset
from train.data.folder import read_folder
from train.data.sequences import Sequences
from train.data.split import Targets, leave_one_out
from train.evaluation.baselines import expert_scores, item_to_item, nearest_text, popularity, validated_expert
from train.full_model.recipes import FEATURES
from train.items.extractors import ExtractorConfig, plugin_inputs
from train.items.features import text_space
from train.metrics.histories import histories_of
from train.metrics.lists import Vectors
from train.metrics.ranking import Score, metrics, rank_targets

N_DRAWS = 10
_LEAST_EVENTS = 4
_INSTANT = "transitions x texts"


def main() -> None:
    """Print the result as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="data folder, such as one of `pocketrec world`")
    parser.add_argument("--items", type=int, default=50)
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--draws", type=int, default=N_DRAWS)
    parser.add_argument("--text", default="hashed", help="text extractor, as for `pocketrec train`")
    parser.add_argument("--trained", action="store_true", help="train models, too: some seconds for each draw")
    parser.add_argument(
        "--transfer", type=Path, action="append", default=[], help="data folder of another catalogue; may be repeated"
    )
    parser.add_argument("--epochs", type=int, default=30, help="epochs on another catalogue")
    arguments = parser.parse_args()
    tiny = tiny_dataset(read_folder(arguments.data), arguments.items)
    inputs = plugin_inputs(
        tiny.catalogue, tiny.sequences, ExtractorConfig(text=arguments.text), dim=1, seed=0, cache_dir=FEATURES
    )
    vectors = text_space(inputs.text())
    transferred = {
        f"transfer from {folder.name}": Transferred(
            read_folder(folder), tiny.catalogue, arguments.text, max_epochs=arguments.epochs
        )
        for folder in arguments.transfer
    }
    text = arguments.text if arguments.trained else None
    draws, n_events = [], []
    for seed in range(arguments.draws):
        draws.append(one_draw(tiny, vectors, arguments.people, seed, text=text, transferred=transferred))
        n_events.append(known_people(tiny, arguments.people, seed).n_events)
        print(f"draw {seed + 1} of {arguments.draws}", file=sys.stderr)
    about = {
        "data": tiny.name, "text": arguments.text, "items": arguments.items, "people": arguments.people,
        "events_of_known": round(float(np.mean(n_events))), "predicted": len(tiny.sequences) - arguments.people,
    }  # fmt: skip
    print(json.dumps(about | {"ndcg@10": {name: summary(draws, name) for name in draws[0]}}, indent=1))


def tiny_dataset(dataset: Dataset, n_items: int) -> Dataset:
    """Return the most frequent items of a dataset, and the people with enough events of them."""
    kept = np.sort(np.argsort(-np.bincount(dataset.sequences.rows), kind="stable")[:n_items])
    return replace(
        dataset, catalogue=small_catalogue(dataset.catalogue, kept), sequences=small(dataset.sequences, kept)
    )


def small(sequences: Sequences, items: NDArray[np.int64]) -> Sequences:
    """Return the events of some items, ascending, as rows of a catalogue of them; without people with few events."""
    found = sequences.keep(np.isin(sequences.rows, items))
    found = found.keep(np.repeat(found.lengths >= _LEAST_EVENTS, found.lengths))
    offsets = np.concatenate([[0], np.cumsum(found.lengths[found.lengths > 0])])
    names = tuple(name for name, n in zip(found.user_ids, found.lengths, strict=True) if n)
    return Sequences(names, offsets, np.searchsorted(items, found.rows).astype(np.int32), found.timestamps)


def known_people(tiny: Dataset, n_people: int, seed: int) -> Sequences:
    """Return the events of the drawn people, without the others."""
    drawn = np.random.default_rng(seed).permutation(len(tiny.sequences))[:n_people]
    events = [tiny.sequences.of(int(user)) for user in drawn]
    times = [tiny.sequences.times_of(int(user)) for user in drawn]
    offsets = np.concatenate([[0], np.cumsum([len(rows) for rows in events])])
    names = tuple(tiny.sequences.user_ids[int(user)] for user in drawn)
    return Sequences(names, offsets, np.concatenate(events), np.concatenate(times))


def one_draw(
    tiny: Dataset,
    vectors: Vectors,
    n_people: int,
    seed: int,
    *,
    text: str | None = None,
    transferred: Mapping[str, Transferred] | None = None,
) -> Mapping[str, float]:
    """Return NDCG@10 by way to rank, for the people who are not among the drawn ones.

    Args:
        tiny: the tiny catalogue and everybody's events.
        vectors: unit vectors of the items' texts.
        n_people: number of known people.
        seed: random seed of the draw and of the trainings.
        text: text extractor of the models to train; None trains none.
        transferred: models of other catalogues by name.
    """
    known, n_items = known_people(tiny, n_people, seed), len(vectors)
    split, names = leave_one_out(known), set(known.user_ids)
    test = leave_one_out(tiny.sequences).test
    others = np.array([tiny.sequences.user_ids[int(user)] not in names for user in test.users])
    targets = Targets(test.users[others], test.rows[others], tiny.sequences, test.n_held_out)
    histories, expert = histories_of(targets), validated_expert(split, vectors)
    scores: dict[str, Score] = {
        "popularity": popularity(split.train.rows, n_items),
        "item to item": item_to_item(split.train, histories, n_items),
        "nearest text": nearest_text(histories, vectors),
        _INSTANT: expert_scores(expert, histories),
    }
    if text is not None:
        scores |= trained_scores(replace(tiny, sequences=known), text, seed, histories)
    for name, model in (transferred or {}).items():
        scores[name] = model.score(histories)
        scores[f"{name}, with transitions"] = model.with_transitions(known, expert, histories)
    return {
        name: metrics(rank_targets(score, histories, targets.rows, n_items).excluded)["ndcg@10"]
        for name, score in scores.items()
    }


def summary(draws: list[Mapping[str, float]], name: str) -> dict[str, float]:
    """Return the mean of a way to rank over the draws, and its difference from transitions with texts."""
    values = np.array([draw[name] for draw in draws])
    over = values - np.array([draw[_INSTANT] for draw in draws])
    result = {"mean": round(float(values.mean()), 4)} | interval(values)
    return (
        result
        if name == _INSTANT
        else result
        | {"over": round(float(over.mean()), 4)}
        | {f"over_{end}": value for end, value in interval(over).items()}
    )


def interval(values: NDArray[np.float64]) -> dict[str, float]:
    """Return the 95 % interval of the mean over the draws."""
    means = np.random.default_rng(0).choice(values, size=(2000, len(values))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return {"low": round(float(low), 4), "high": round(float(high), 4)}


if __name__ == "__main__":
    main()
