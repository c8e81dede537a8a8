"""What is worth something on a tiny catalogue: 50 items and the events of 30 people, on a synthetic world.

The 50 most frequent items of the world are the catalogue, and people with fewer than four events are left out. In each
draw, 30 people are known with all of their events; everybody else is new, and the last event of each is to be predicted
from the earlier ones. Printed is the mean NDCG@10 of each way to rank over the draws, with the 2.5th and 97.5th
percentile of its mean by a bootstrap over the draws.

Example: python -m benchmarks.few_shot --data build/world
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from train.data.folder import read_folder
from train.data.sequences import Sequences
from train.data.split import Targets, leave_one_out
from train.evaluation.baselines import expert_scores, item_to_item, nearest_text, popularity, validated_expert
from train.evaluation.context import evaluation_context
from train.metrics.histories import histories_of
from train.metrics.lists import Vectors
from train.metrics.ranking import Score, metrics, rank_targets
from train.transitions.expert import Similarities, TransitionsExpert
from train.transitions.graph import transition_counts
from train.transitions.similar import centred

N_DRAWS = 10
_LEAST_EVENTS = 4


def main() -> None:
    """Print the result as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="data folder, such as one of `pocketrec world`")
    parser.add_argument("--items", type=int, default=50)
    parser.add_argument("--people", type=int, default=30)
    arguments = parser.parse_args()
    dataset = read_folder(arguments.data)
    kept = np.argsort(-np.bincount(dataset.sequences.rows), kind="stable")[: arguments.items]
    sequences = small(dataset.sequences, np.sort(kept))
    vectors = evaluation_context(dataset).vectors[np.sort(kept)]
    draws = [one_draw(sequences, vectors, arguments.people, seed) for seed in range(N_DRAWS)]
    print(json.dumps({name: summary([draw[name] for draw in draws]) for name in draws[0]}, indent=1))


def small(sequences: Sequences, items: NDArray[np.int64]) -> Sequences:
    """Return the events of some items, ascending, as rows of a catalogue of them; without people with few events."""
    found = sequences.keep(np.isin(sequences.rows, items))
    found = found.keep(np.repeat(found.lengths >= _LEAST_EVENTS, found.lengths))
    offsets = np.concatenate([[0], np.cumsum(found.lengths[found.lengths > 0])])
    names = tuple(name for name, n in zip(found.user_ids, found.lengths, strict=True) if n)
    return Sequences(names, offsets, np.searchsorted(items, found.rows).astype(np.int32), found.timestamps)


def one_draw(sequences: Sequences, vectors: Vectors, n_people: int, seed: int) -> Mapping[str, float]:
    """Return NDCG@10 by way to rank, for the people who are not among the drawn ones."""
    drawn = np.random.default_rng(seed).permutation(len(sequences))[:n_people]
    known = np.isin(np.arange(len(sequences)), drawn)
    of_known = sequences.keep(np.repeat(known, sequences.lengths))
    test = leave_one_out(sequences).test
    others = ~known[test.users]
    targets = Targets(test.users[others], test.rows[others], sequences, test.n_held_out)
    histories, n_items = histories_of(targets), len(vectors)
    scores: Mapping[str, Score] = {
        "popularity": popularity(of_known.rows, n_items),
        "item to item": item_to_item(of_known, histories, n_items),
        "nearest text": nearest_text(histories, vectors),
        "transitions x texts": expert_scores(expert_of(of_known, vectors), histories),
    }
    return {
        name: metrics(rank_targets(score, histories, targets.rows, n_items).excluded)["ndcg@10"]
        for name, score in scores.items()
    }


def expert_of(known: Sequences, vectors: Vectors) -> TransitionsExpert:
    """Return the transitions of all events of the known people; the settings are chosen by events held out of them."""
    found = validated_expert(leave_one_out(known), vectors)
    counts = transition_counts(known.rows, known.users(), len(vectors), found.config.graph)
    return TransitionsExpert(counts, found.config, Similarities(centred(vectors)))


def summary(values: list[float]) -> dict[str, float]:
    """Return the mean over the draws with its interval."""
    rng = np.random.default_rng(0)
    means = rng.choice(values, size=(2000, len(values))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return {"ndcg@10": round(float(np.mean(values)), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


if __name__ == "__main__":
    main()
