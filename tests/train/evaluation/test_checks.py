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
from train.metrics.lists import NOTHING

SPLIT = leave_one_out(tiny_dataset().sequences)


def test_an_honest_ranker_passes_every_check() -> None:
    verdicts = run_checks(Walker(24), DerivedSplit(SPLIT))

    assert [verdict.name for verdict in verdicts] == ["permuted items", "shuffled histories", "seen items", "leaks"]
    assert all(verdict.passed for verdict in verdicts), [verdict.sentence for verdict in verdicts]


def test_renamed_items_give_the_same_ranks() -> None:
    verdict = check_permutation(Walker(24), SPLIT.test, seed=0)

    assert verdict.passed
    assert verdict.figures["share_same_rank"] == 1.0
    assert verdict.figures["ndcg@10"] == verdict.figures["ndcg@10_permuted"] > 0.5


def test_a_ranker_that_looks_at_padding_is_found() -> None:
    verdict = check_permutation(Walker(24, looks_at_padding=True), SPLIT.test, seed=0)

    assert not verdict.passed
    assert verdict.figures["share_same_rank"] < 0.99


def test_a_ranker_that_needs_no_order_is_found() -> None:
    class Bag(Walker):
        def user_states(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
            return -(table[rows] * mask[:, :, None]).sum(1)

    verdict = check_order(Bag(24), SPLIT.test, seed=0)

    assert not verdict.passed
    assert verdict.figures["relative"] == 0.0


def test_a_shuffled_history_costs_a_ranker_of_sequences_its_accuracy() -> None:
    verdict = check_order(Walker(24), SPLIT.test, seed=0)

    assert verdict.passed
    assert verdict.figures["relative"] < -0.05
    assert verdict.figures["p_value"] < 0.05


def test_a_seen_item_and_a_repeated_one_are_found_in_lists() -> None:
    fine = np.array([[2, 3], [4, NOTHING], [NOTHING, NOTHING]], dtype=np.int32)
    histories = [rows(0, 1), rows(1), rows()]

    assert check_lists(fine, histories).passed
    assert not check_lists(np.where(fine == 4, 1, fine), histories).passed
    assert not check_lists(np.where(fine == 3, 2, fine), histories).passed


def test_no_lists_are_no_proof() -> None:
    assert not check_lists(np.empty((0, 10), dtype=np.int32), []).passed


def test_training_that_holds_a_target_is_found() -> None:
    sequences = log([[0, 1, 2, 3], [4, 5, 6, 7]])
    honest = leave_one_out(sequences)
    last_of_first = np.arange(8) == 3

    leaking = Split(sequences.keep((np.arange(8) % 4 < 2) | last_of_first), honest.valid, honest.test)

    assert check_leaks(DerivedSplit(honest)).passed
    found = check_leaks(DerivedSplit(leaking))
    assert not found.passed
    assert (found.figures["n_validation"], found.figures["n_test"]) == (1, 1)


def test_a_target_that_repeats_an_earlier_item_is_no_leak_unless_it_is_learnt_itself() -> None:
    sequences = log([[0, 1, 0, 2, 0]])
    honest = leave_one_out(sequences)

    everything = Split(sequences, honest.valid, honest.test)

    assert check_leaks(DerivedSplit(honest)).passed
    assert not check_leaks(DerivedSplit(everything)).passed


def test_a_held_out_item_in_training_is_found() -> None:
    sequences = tiny_dataset().sequences
    derived = hold_out_items(sequences, 0.2, 24, seed=0)
    plain = leave_one_out(sequences)

    leaking = replace(derived, split=replace(derived.split, train=plain.train))

    assert check_leaks(derived).passed
    assert check_leaks(leaking).figures["n_new_item_events"] > 0
    assert not check_leaks(leaking).passed


def test_users_without_any_training_event_leak_nothing() -> None:
    nobody = Targets(np.array([0]), rows(2), log([[0, 1, 2]]), n_held_out=1)

    assert histories_of(nobody)[0].tolist() == [0, 1]
    assert check_leaks(DerivedSplit(Split(log([[]]), nobody, nobody))).passed
