"""Transitions: the formula of SPEC section 10, and the bytes of their table."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import Array
from edge_runtime.bundle.codes import ProductCodes, read_codes
from edge_runtime.bundle.manifest import Catalogue, Manifest, Tier, TransitionSettings
from edge_runtime.bundle.transitions import (
    Transitions,
    dump_transitions,
    follower_bytes,
    levels_of,
    read_transitions,
)
from edge_runtime.errors import BundleError
from edge_runtime.ranking import score_all
from edge_runtime.transitions import TransitionScores, combined_scores
from tests.tiny_bundle import tiny_codes
from tests.tiny_transitions import Followers, tiny_followers, tiny_settings

N_ITEMS = 90
VECTORS = Catalogue(N_ITEMS, 8, 16, (Tier(30, 4), Tier(60, 2)))
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FakeManifest:
    """The two parts of a manifest that the reader uses."""

    transitions: TransitionSettings | None
    catalogue: Catalogue


def manifest_of(n_items: int, settings: TransitionSettings | None) -> Manifest:
    fake: Any = FakeManifest(settings, Catalogue(n_items, 8, 16, (Tier(n_items, 4),)))
    manifest: Manifest = fake
    return manifest


def vectors() -> ProductCodes:
    """Return random vectors; those of items 0, 10, ... are zero."""
    rng = np.random.default_rng(5)
    arrays = tiny_codes(VECTORS, rng.random(N_ITEMS), rng)
    for tier in (0, 1):
        arrays[f"centre.{tier}"] = np.zeros(8, dtype=np.float32)
        arrays[f"codebook.{tier}"][:, 0] = 0
        arrays[f"codes.{tier}"][::10] = 0
    return read_codes(arrays, VECTORS)


def table_of(made: Followers, n_items: int) -> dict[str, Array]:
    return dump_transitions(made.offsets, made.followers, made.levels, n_items)


def dense(arrays: dict[str, Array], ratio: float, n_items: int) -> Floats:
    """Return ``T``, computed from the bytes one entry at a time, as the specification says."""
    table = np.zeros((n_items, n_items))
    entry = 0
    for item, count in enumerate(arrays["count"].tolist()):
        for _ in range(count):
            row = int.from_bytes(arrays["follower"][entry].tobytes(), "little")
            level = int(arrays["level"][entry // 2]) >> 4 * (entry % 2) & 15
            table[item, row] = ratio**level
            entry += 1
        if count:
            table[item] /= table[item].sum()
    return table


def naive_scores(table: Floats, x: Floats, settings: TransitionSettings, history: list[int]) -> Floats:
    weights = np.zeros(len(table))
    for age, item in enumerate(reversed(history)):
        if age < settings.newest:
            weights[item] += settings.recency**age
    reached = weights @ table + settings.second_hop * (weights @ table @ table)
    lengths = [math.sqrt(float((vector**2).sum())) for vector in x]
    centre = sum((w * v / length for w, v, length in zip(weights, x, lengths, strict=True) if length >= 1e-6), 0 * x[0])
    size = math.sqrt(float((centre**2).sum()))
    cosines = [
        float(centre @ vector) / (size * length) if min(size, length) >= 1e-6 else 0.0
        for vector, length in zip(x, lengths, strict=True)
    ]
    return settings.weight * (np.log(1 + reached / settings.smoothing) + settings.similarity * np.array(cosines))


def transitions_with(
    made: Followers, n_items: int = N_ITEMS, changes: Mapping[str, float] = MappingProxyType({})
) -> Transitions:
    settings = msgspec.structs.replace(tiny_settings(len(made.followers), None), **changes)
    return read_transitions(table_of(made, n_items), manifest_of(n_items, settings))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"second_hop": 0.0},
        {"similarity": 0.0},
        {"newest": 1},
        {"newest": 1024, "recency": 1.0},
        {"second_hop": 100.0, "smoothing": 1e-9, "similarity": 100.0, "weight": 100.0},
        {"ratio": 0.001},
        {"recency": 0.001},
    ],
    ids=str,
)
@pytest.mark.parametrize("history", [[3], [0], [7, 7, 7], [1, 5, 9, 13, 40, 5, 89], [12, 0, 6, 18]], ids=str)
def test_the_scores_are_those_of_a_dense_computation(changes: dict[str, float], history: list[int]) -> None:
    made, codes = tiny_followers(N_ITEMS, np.random.default_rng(1)), vectors()
    transitions = transitions_with(made, changes=changes)
    table = dense(table_of(made, N_ITEMS), transitions.settings.ratio, N_ITEMS)

    scores = TransitionScores(transitions, codes).scores(np.array(history))

    x = codes.decode(np.arange(N_ITEMS)).astype(np.float64)
    expected = naive_scores(table, x, transitions.settings, history)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, rtol=2e-5, atol=2e-5 * transitions.settings.weight)


def test_the_probabilities_of_an_item_sum_to_one() -> None:
    made = tiny_followers(N_ITEMS, np.random.default_rng(2))
    transitions = transitions_with(made)

    table = dense(table_of(made, N_ITEMS), transitions.settings.ratio, N_ITEMS)

    items = np.repeat(np.arange(N_ITEMS), np.diff(made.offsets))
    np.testing.assert_allclose(transitions.probabilities, table[items, made.followers], rtol=1e-12)
    sums = np.bincount(items, transitions.probabilities, minlength=N_ITEMS)
    np.testing.assert_allclose(sums, np.diff(made.offsets) > 0, rtol=1e-12)


def test_events_older_than_the_newest_ones_have_no_effect() -> None:
    transitions = TransitionScores(transitions_with(tiny_followers(N_ITEMS, np.random.default_rng(3))), vectors())

    scores = transitions.scores(np.array([50, 51, 1, 2, 3, 4]))

    np.testing.assert_array_equal(scores, transitions.scores(np.array([1, 2, 3, 4])))


def test_settings_at_their_limits_give_finite_scores() -> None:
    made = tiny_followers(N_ITEMS, np.random.default_rng(4))
    steep = Followers(made.offsets, made.followers, np.full_like(made.levels, 15))
    largest = {"newest": 1024, "recency": 1.0, "second_hop": 100.0, "smoothing": 1e-9, "similarity": 100.0}
    transitions = transitions_with(steep, changes=largest | {"weight": 100.0, "ratio": 0.001})

    scores = TransitionScores(transitions, vectors()).scores(np.full(1024, 7))

    assert np.isfinite(scores).all()
    assert scores.max() > 0


def test_without_similarity_only_what_two_steps_reach_has_a_score() -> None:
    made = Followers(np.array([0, 1, 2, 2, 2]), np.array([1, 2]), np.array([0, 0], dtype=np.uint8))
    sizes = Catalogue(4, 8, 16, (Tier(4, 4),))
    codes = read_codes(tiny_codes(sizes, np.ones(4), np.random.default_rng(0)), sizes)
    transitions = transitions_with(made, 4, {"similarity": 0.0})

    scores = TransitionScores(transitions, codes).scores(np.array([0]))

    assert scores.tolist() == pytest.approx([0.0, 0.5 * math.log(101), 0.5 * math.log(51), 0.0])


def test_a_state_and_transitions_are_added() -> None:
    codes = vectors()
    transitions = TransitionScores(transitions_with(tiny_followers(N_ITEMS, np.random.default_rng(6))), codes)
    state, rows = np.ones(8, dtype=np.float32), np.array([1, 2])

    both = combined_scores(codes, state, transitions, rows)

    np.testing.assert_array_equal(both, score_all(codes, state) + transitions.scores(rows))
    np.testing.assert_array_equal(combined_scores(codes, None, transitions, rows), transitions.scores(rows))
    np.testing.assert_array_equal(combined_scores(codes, state, None, rows), score_all(codes, state))
    assert combined_scores(codes, None, None, rows) is None


@pytest.mark.parametrize(("n_items", "width"), [(2, 1), (256, 1), (257, 2), (65_536, 2), (65_537, 3), (1 << 24, 3)])
def test_a_follower_takes_the_fewest_bytes_that_hold_every_row(n_items: int, width: int) -> None:
    assert follower_bytes(n_items) == width


@pytest.mark.parametrize("n_items", [2, 90, 256, 257, 70_000])
def test_a_table_is_read_as_it_was_written(n_items: int) -> None:
    made = tiny_followers(min(n_items, 500), np.random.default_rng(7))
    offsets = np.concatenate([made.offsets, np.full(n_items - len(made.offsets) + 1, made.offsets[-1])])
    # The last row follows the last item with followers, so that every byte of a row is used.
    followers = made.followers.copy()
    if n_items > 500:
        followers[-1] = n_items - 1
    arrays = dump_transitions(offsets, followers, made.levels, n_items)

    read = read_transitions(arrays, manifest_of(n_items, tiny_settings(len(followers), None)))

    np.testing.assert_array_equal(read.offsets, offsets)
    np.testing.assert_array_equal(read.followers, followers)
    np.testing.assert_array_equal(read.levels, made.levels)
    assert arrays["follower"].shape[1] == follower_bytes(n_items)


def test_a_table_without_any_followers_is_valid_and_scores_by_similarity() -> None:
    made = Followers(np.zeros(N_ITEMS + 1, dtype=np.int64), np.empty(0, np.int64), np.empty(0, np.uint8))
    codes = vectors()

    scores = TransitionScores(transitions_with(made), codes).scores(np.array([3]))

    assert int(scores.argmax()) == 3
    assert scores[3] == pytest.approx(0.5 * 2.0, rel=1e-5)


def test_255_followers_are_the_most_of_an_item() -> None:
    followers, levels = np.arange(1, 256), np.zeros(255, dtype=np.uint8)
    offsets = np.concatenate([[0], np.full(300, 255)])

    dump_transitions(offsets, followers, levels, 300)

    with pytest.raises(ValueError, match="256 followers"):
        dump_transitions(
            np.concatenate([[0], np.full(300, 256)]), np.arange(1, 257), np.zeros(256, dtype=np.uint8), 300
        )


def test_followers_that_break_the_format_are_not_written() -> None:
    offsets, levels = np.array([0, 2, 2, 2]), np.zeros(2, dtype=np.uint8)

    for followers, problem in (([2, 1], "ascending"), ([0, 1], "itself"), ([1, 3], "outside"), ([1, 1], "ascending")):
        with pytest.raises(BundleError, match=problem):
            dump_transitions(offsets, np.array(followers), levels, 3)
    with pytest.raises(ValueError, match="level 16"):
        dump_transitions(offsets, np.array([1, 2]), np.array([0, 16], dtype=np.uint8), 3)
    with pytest.raises(ValueError, match="offsets of 3 items"):
        dump_transitions(offsets, np.array([1, 2]), levels, 4)


def test_levels_are_the_nearest_on_a_logarithmic_scale_relative_to_the_largest_weight_of_the_item() -> None:
    offsets = np.array([0, 3, 3, 5])
    weights = np.array([8.0, 4.1, 1e-9, 3.0, 3.0 * 0.5**2.4])

    assert levels_of(offsets, weights, 0.5).tolist() == [0, 1, 15, 0, 2]


@pytest.mark.parametrize(
    ("weights", "ratio"), [([1.0, 0.0], 0.5), ([1.0, np.nan], 0.5), ([1.0, np.inf], 0.5), ([1.0, 1.0], 1.0)]
)
def test_weights_and_ratios_without_a_logarithm_are_refused(weights: list[float], ratio: float) -> None:
    with pytest.raises(ValueError, match=r"weight|ratio"):
        levels_of(np.array([0, 2]), np.array(weights), ratio)


def test_a_manifest_without_transitions_has_none_to_read() -> None:
    with pytest.raises(BundleError, match="has no transitions"):
        read_transitions({}, manifest_of(3, None))
