from dataclasses import replace

import numpy as np
from torch import Tensor

from tests.train.evaluation.hand_made import log, rows
from tests.train.evaluation.walker import Walker
from tests.train.tiny_data import tiny_dataset
from train.data.split import Split, Targets, leave_one_out
from train.evaluation.checks import check_leaks, check_lists, check_order, check_permutation, run_checks
from train.evaluation.splits import DerivedSplit, hold_out_items
from train.metrics.histories import histories_of
from train.metrics.lists import PADDING

SPLIT = leave_one_out(tiny_dataset().sequences)


def test_a_correct_ranker_passes_every_check() -> None:
    verdicts = run_checks(Walker(24), DerivedSplit(SPLIT))

    assert [verdict.name for verdict in verdicts] == ["permuted items", "shuffled histories", "seen items", "leaks"]
    assert all(verdict.passed for verdict in verdicts), [verdict.sentence for verdict in verdicts]


def test_permuted_items_give_the_same_ranks() -> None:
    verdict = check_permutation(Walker(24), SPLIT.test, seed=0)

    assert verdict.passed
    assert verdict.figures["share_same_rank"] == 1.0
    assert verdict.figures["ndcg@10"] == verdict.figures["ndcg@10_permuted"] > 0.5


def test_a_ranker_that_uses_padding_fails() -> None:
    verdict = check_permutation(Walker(24, looks_at_padding=True), SPLIT.test, seed=0)

    assert not verdict.passed
    assert verdict.figures["share_same_rank"] < 0.99


def test_a_ranker_that_ignores_order_fails() -> None:
    class Bag(Walker):
        def scores(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
            return -(table[rows] * mask[:, :, None]).sum(1) @ table.T

    verdict = check_order(Bag(24), SPLIT.test, seed=0)

    assert not verdict.passed
    assert verdict.figures["relative"] == 0.0


def test_shuffled_histories_lower_the_accuracy_of_a_sequential_ranker() -> None:
    verdict = check_order(Walker(24), SPLIT.test, seed=0)

    assert verdict.passed
    assert verdict.figures["relative"] < -0.05
    assert verdict.figures["p_value"] < 0.05


def test_seen_items_and_duplicates_in_lists_fail() -> None:
    fine = np.array([[2, 3], [4, PADDING], [PADDING, PADDING]], dtype=np.int32)
    histories = [rows(0, 1), rows(1), rows()]

    assert check_lists(fine, histories).passed
    assert not check_lists(np.where(fine == 4, 1, fine), histories).passed
    assert not check_lists(np.where(fine == 3, 2, fine), histories).passed


def test_no_lists_fail() -> None:
    assert not check_lists(np.empty((0, 10), dtype=np.int32), []).passed


def test_a_target_in_the_training_data_fails() -> None:
    sequences = log([[0, 1, 2, 3], [4, 5, 6, 7]])
    honest = leave_one_out(sequences)
    last_of_first = np.arange(8) == 3

    leaking = Split(sequences.keep((np.arange(8) % 4 < 2) | last_of_first), honest.valid, honest.test)

    assert check_leaks(DerivedSplit(honest)).passed
    result = check_leaks(DerivedSplit(leaking))
    assert not result.passed
    assert (result.figures["n_validation"], result.figures["n_test"]) == (1, 1)


def test_a_repeated_item_is_a_leak_only_if_the_target_is_trained_on() -> None:
    sequences = log([[0, 1, 0, 2, 0]])
    honest = leave_one_out(sequences)

    everything = Split(sequences, honest.valid, honest.test)

    assert check_leaks(DerivedSplit(honest)).passed
    assert not check_leaks(DerivedSplit(everything)).passed


def test_a_held_out_item_in_training_fails() -> None:
    sequences = tiny_dataset().sequences
    derived = hold_out_items(sequences, 0.2, 24, seed=0)
    plain = leave_one_out(sequences)

    leaking = replace(derived, split=replace(derived.split, train=plain.train))

    assert check_leaks(derived).passed
    assert check_leaks(leaking).figures["n_new_item_events"] > 0
    assert not check_leaks(leaking).passed


def test_users_without_training_events_are_no_leak() -> None:
    no_users = Targets(np.array([0]), rows(2), log([[0, 1, 2]]), n_held_out=1)

    assert histories_of(no_users)[0].tolist() == [0, 1]
    assert check_leaks(DerivedSplit(Split(log([[]]), no_users, no_users))).passed
