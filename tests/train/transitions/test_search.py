"""The search finds what the order of a log says: much, or nothing."""

import numpy as np

from tests.train.evaluation.hand_made import log
from train.data.split import leave_one_out
from train.transitions.expert import ExpertConfig, Similarities
from train.transitions.graph import MAX_WINDOW
from train.transitions.search import Chosen, choose_settings

N_ITEMS = 300


def choose(histories: list[list[int]]) -> Chosen:
    split = leave_one_out(log(histories))
    return choose_settings(split.train, split.valid, N_ITEMS, Similarities(), seed=0)


def test_uses_whole_histories_in_both_directions_where_the_order_says_nothing() -> None:
    random = np.random.default_rng(0)
    # Items lie on a ring; each user has some of fifteen neighbours, in any order.
    centres = random.integers(N_ITEMS, size=300)
    chosen = choose([[int((centre + step) % N_ITEMS) for step in random.permutation(15)[:11]] for centre in centres])
    graph, newest = chosen.config.graph, chosen.config.newest
    assert (graph.window, graph.backward, newest) == (MAX_WINDOW, 1.0, MAX_WINDOW)
    assert chosen.ndcg > chosen.default_ndcg


def test_uses_the_newest_event_alone_where_only_it_decides_the_next() -> None:
    random = np.random.default_rng(0)
    follower = random.permutation(N_ITEMS)
    histories = []
    for start in random.integers(N_ITEMS, size=400):
        items = [int(start)]
        for _ in range(9):
            # Half of the events are unrelated to those before.
            items.append(int(follower[items[-1]] if random.random() < 0.5 else random.integers(N_ITEMS)))
        histories.append(items)
    chosen = choose(histories)
    assert chosen.config.newest == 1
    assert chosen.ndcg > chosen.default_ndcg


def test_keeps_the_defaults_on_a_log_too_small_to_tell() -> None:
    chosen = choose([[0, 1, 2, 3], [4, 1, 2, 5]])
    assert chosen.config == ExpertConfig(text=0.0)
    assert chosen.n_users == 2
