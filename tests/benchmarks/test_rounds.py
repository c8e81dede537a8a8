"""The simulator of rounds: its devices learn, its sums are the server's, and its figures say what happened."""

import math
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from benchmarks.rounds import as_text, part_of, states_a
from benchmarks.rounds_cells import CELLS, PAIRS, cells_of, noisy_sum, sigma_of, sketch_of
from benchmarks.rounds_data import fashion_pull, world_histories
from benchmarks.rounds_scenarios import NO_BOUND, attack, bounded, figures
from benchmarks.rounds_simulator import Bench, Tried, best_rate, central, mean_of, moved, updates_of
from edge_runtime.bundle import open_folder
from edge_runtime.contents import open_contents
from edge_runtime.learning.adapter_step import Batch
from edge_runtime.learning.round_training import DEFAULT_SETTINGS
from edge_runtime.rounds.accountant import epsilon_of, mu_of
from edge_runtime.rounds.participate import Adapter
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_round import DIM, PLAN, RANK
from tests.tiny_transitions import WITH_ENGINES
from train.data.world.world import generate_world

SETTINGS = replace(DEFAULT_SETTINGS, temperature=2.0, examples=4)
ADAPTER = Adapter(np.eye(DIM, RANK, dtype=np.float32), np.zeros((RANK, DIM), np.float32))


def device(wanted: int) -> Batch:
    """Return the examples of a device whose person always wants one of four items."""
    states = np.ones((6, DIM), np.float32)
    zeros = np.zeros((6, 4))
    return Batch(states, np.eye(4, DIM), zeros.astype(np.float32), zeros, np.full(6, wanted), np.ones(6))


def test_rounds_without_noise_teach_what_all_devices_want() -> None:
    plan = bounded(PLAN, NO_BOUND)
    mean = mean_of(updates_of([device(2), device(2), device(2)], SETTINGS, plan, ADAPTER, 0), plan)

    new = moved(ADAPTER, 10.0 * mean)

    scores = np.ones(DIM) + np.ones(DIM) @ new.a @ new.b
    assert scores.argmax() == 2


def test_the_mean_is_exact_up_to_the_rounding_of_integers() -> None:
    plan, rng = bounded(PLAN, NO_BOUND), np.random.default_rng(0)
    updates = [rng.normal(size=(RANK, DIM)) for _ in range(5)]

    np.testing.assert_allclose(mean_of(updates, plan), np.mean(updates, axis=0), atol=1 / plan.scale)


def test_a_late_update_weighs_less() -> None:
    plan, ones = bounded(PLAN, NO_BOUND), np.ones((RANK, DIM))

    mean = mean_of([ones, 0.0 * ones], plan, [1, 0])

    np.testing.assert_allclose(mean, 724 / (724 + 1024), atol=1e-5)


def test_a_malicious_device_moves_the_mean_by_the_clip_at_most() -> None:
    plan, honest = bounded(PLAN, 1.0), np.full((RANK, DIM), 0.01)
    bad = attack("inverted", honest, np.random.default_rng(0))

    with_it, without = mean_of([honest] * 9 + [bad], plan), mean_of([honest] * 10, plan)

    assert np.abs(bad).max() >= 1.0
    assert np.linalg.norm(with_it - without) <= 2.0 * plan.clip / 10


def test_a_rate_of_zero_is_chosen_if_no_change_is_better() -> None:
    rate, adapter = best_rate(np.ones((RANK, DIM)), ADAPTER, (1.0, 2.0), lambda adapter: float(np.abs(adapter.b).sum()))

    assert rate == 0.0
    assert not adapter.b.any()


def test_training_in_one_place_returns_the_step_with_the_least_loss() -> None:
    found = central([device(1)], ADAPTER, 5, 0.1, lambda adapter: abs(float(adapter.b[0, 1]) - 0.2))

    assert found.b[0, 1] == pytest.approx(0.2, abs=0.02)


def test_a_persons_trials_are_those_of_the_newest_events(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path, transitions=WITH_ENGINES)
    contents = open_contents(open_folder(tmp_path))
    n_items = contents.folder.manifest.catalogue.n_items
    vectors = contents.codes.decode(np.arange(n_items))
    bench = Bench(contents, contents.engine_candidates(), vectors, SETTINGS)
    rows = np.array([1, 2, 3, 4, 1])
    small = contents.small
    adapter = Adapter(small.adapter_a, np.ones_like(small.adapter_b))

    tried, batch = bench.tried_of(rows), bench.batch_of(rows, 0)

    assert tried.targets.tolist() == [2, 3, 4, 1]
    assert tried.newest.tolist() == [1, 2, 3, 4]
    assert [each.tolist() for each in tried.hidden] == [[1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]
    assert len(batch.states) == 4
    assert not bench.gains([tried], Adapter(small.adapter_a, np.zeros_like(small.adapter_b))).any()
    assert bench.gains([tried], adapter)[0, 0] != 0.0


def test_a_sketch_counts_pairs_of_items() -> None:
    rows = np.array([5, 6, 7])
    total = noisy_sum([sketch_of(rows)] * 3, 0.0)

    cells, signs = cells_of(np.array([5, 6, 7]), np.array([6, 7, 5]))

    assert (total[cells] * signs).tolist() == [3.0, 3.0, 0.0]


def test_a_device_adds_its_newest_pairs_within_the_norm_that_the_noise_is_for() -> None:
    alternating = sketch_of(np.array([1, 2] * 50))

    assert np.linalg.norm(alternating) <= math.sqrt(PAIRS) * (1 + 1e-12)
    assert len(alternating) == CELLS
    assert epsilon_of(1e-6, mu_of(2.0 * math.sqrt(PAIRS), sigma_of(8.0, 1e-6))) == pytest.approx(8.0)


def test_a_fashion_is_one_category_and_fashionable_events_are_of_it() -> None:
    world = generate_world(0)
    pull = fashion_pull(world, 0)
    fashionable = {item.item_id for item, each in zip(world.items, pull, strict=True) if each > 0}

    shares = [
        np.mean([item in fashionable for items in world_histories(8, 1, fashion) for item in items])
        for fashion in (0.0, 0.5)
    ]

    assert len(np.unique(world.item_arrays.category[pull > 0])) == 1
    assert shares[1] > 0.4 > 0.25 > shares[0]


def test_people_who_are_drawn_again_have_another_part_of_their_history() -> None:
    rows = np.arange(30)

    assert part_of(rows, 0).tolist() == rows.tolist()
    assert len(part_of(rows, 1)) == len(part_of(rows, 2)) == 20
    assert part_of(rows, 1).tolist() != part_of(rows, 2).tolist()


def test_the_first_column_of_a_of_states_is_one_for_all_states() -> None:
    states = np.random.default_rng(0).normal(loc=1.0, size=(50, DIM)).astype(np.float32) * np.float32(0.1) + np.float32(
        1
    )
    zeros = np.zeros((50, 4))
    batch = Batch(states, np.eye(4, DIM), zeros, zeros, np.zeros(50, np.int64), np.ones(50))

    a = states_a([batch], RANK)

    assert a.shape == (DIM, RANK)
    np.testing.assert_allclose(states @ a[:, 0], 1.0, atol=0.3)


def test_the_report_has_gains_with_their_intervals_and_what_would_be_published() -> None:
    row = figures(np.array([[0.1, 0.0], [0.3, 0.2]])) | {"published": False}
    result = {
        "without noise": {"in one place": row, "rounds": [{"round": 1, "rate": 2.0, "share": 0.956} | row]},
        **{
            name: [{"case": "a"} | row]
            for name in ("one round with noise", "attacks", "late and missing", "transitions")
        },
    }

    text = as_text(result)

    assert "| round 1 | 96 % | 2 | +0.2000 ± 0.1960 | +0.1000 ± 0.1960 | no |" in text


def test_people_are_evaluated_on_events_that_a_list_could_have(tmp_path: Path) -> None:
    tried = Tried(
        np.zeros((1, DIM), np.float32),
        np.zeros((1, 4), np.float32),
        np.array([3]),
        np.array([0]),
        (np.array([0, 1, 2]),),
    )
    make_tiny_bundle(tmp_path)
    contents = open_contents(open_folder(tmp_path))
    bench = Bench(contents, contents.engine_candidates(), np.eye(4, DIM, dtype=np.float32), SETTINGS)
    before, after = np.zeros((1, 4), np.float32), np.array([[9, 9, 9, 1]], np.float32)

    assert bench.changes(tried, before, after) == (0.0, 0.0)
