"""The rounds: every history once a step and variant, in turns, each list checked."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.bundle import open_folder
from edge_runtime.contents import Contents
from edge_runtime.engines.protocol import Floats, SmallMatrices
from edge_runtime.engines.reference import ReferenceEngine
from edge_runtime.profiling import steady
from edge_runtime.profiling.choice import choose
from edge_runtime.profiling.clocks import Samples
from edge_runtime.profiling.histories import Ids
from edge_runtime.profiling.outputs import OutputCheck, output_check
from edge_runtime.profiling.steady import Plan, SteadyState, balanced_orders
from edge_runtime.profiling.steady_rows import is_sure
from edge_runtime.profiling.steps import ENCODE, LIST, OBSERVE, SCORE, STEPS
from edge_runtime.profiling.variants import Instance, Variant
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_transitions import TinyTransitions

HISTORIES: tuple[Ids, ...] = (("item-1",), ("item-4", "item-2"), ("item-3", "item-1", "item-9"))


def measured(variants: Sequence[Variant], place: Path, *, rounds: int = 2) -> SteadyState:
    place.mkdir()
    checks = {one.name: output_check(one, HISTORIES) for one in variants}
    result = steady.measure(variants, Plan(HISTORIES, 2, rounds, 0, 0), checks, place)
    assert result.failure is not None or all(check.result().passed for check in checks.values())
    return result


def test_each_round_has_every_history_and_the_last_step_those_that_are_recorded(bundle: Path, tmp_path: Path) -> None:
    variants = choose([open_folder(bundle), open_folder(bundle)]).variants

    result = measured(variants, tmp_path / "place")

    lengths = {step: [len(times) for times in samples.wall] for (step, _), samples in result.samples.items()}
    assert lengths == {ENCODE: [6, 6], SCORE: [6, 6], LIST: [6, 6], OBSERVE: [2, 2]}
    assert {name for _, name in result.samples} == {"A reference int8", "B reference int8"}
    assert all(time > 0 for samples in result.samples.values() for time in samples.all_wall())


def test_each_variant_comes_before_each_other_one_in_half_of_the_orders() -> None:
    orders = list(islice(balanced_orders(3, np.random.default_rng(0)), 8))

    for one, other in combinations(range(3), 2):
        assert sum(order.index(one) < order.index(other) for order in orders) == 4
    assert len({tuple(order) for order in orders}) > 2


def test_the_rounds_open_variants_in_these_orders_and_are_even_in_number(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variants = choose([open_folder(bundle), open_folder(bundle)]).variants
    opened: list[str] = []
    contents = Variant.contents

    def noted(self: Variant) -> Contents:
        opened.append(self.name[0])
        return contents(self)

    with monkeypatch.context() as patched:
        checks = {one.name: output_check(one, HISTORIES) for one in variants}
        patched.setattr(Variant, "contents", noted)
        steady.measure(variants, Plan(HISTORIES, 1, 3, 0, 0), checks, tmp_path)

    rounds = ["".join(opened[at : at + 2]) for at in range(0, len(opened), 2)]
    assert sorted(rounds) == ["AB", "AB", "BA", "BA"]


def test_no_instance_is_timed_right_after_itself_and_each_goes_first_in_turn(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variants = choose([open_folder(bundle), open_folder(bundle)]).variants
    score, ran = STEPS[SCORE], []

    def noted(instance: Instance, check: OutputCheck, history: Ids) -> tuple[float, float]:
        ran.append(instance.variant.name)
        return score.run(instance, check, history)

    monkeypatch.setattr(steady, "STEPS", {SCORE: replace(score, run=noted)})
    monkeypatch.setattr(steady, "steps_of", lambda _: (SCORE,))
    checks = {one.name: output_check(one, HISTORIES) for one in variants}
    steady.measure(variants, Plan(HISTORIES, 1, 2, 0, 0), checks, tmp_path)

    per_history = 2 * (1 + score.turns)
    histories = [ran[start : start + per_history] for start in range(0, len(ran), per_history)]
    assert all(one != other for turns in histories for one, other in pairwise(turns))
    assert [histories[0][0] != histories[1][0], histories[3][0] != histories[4][0]] == [True, True]


@pytest.mark.parametrize(("sure_after", "rounds"), [(2, 2), (4, 4), (99, 8)])
def test_rounds_follow_until_the_figures_are_sure_but_at_most_twice_as_many(
    bundle: Path, tmp_path: Path, sure_after: int, rounds: int
) -> None:
    (variant,) = choose([open_folder(bundle)]).variants
    checks, told = {variant.name: output_check(variant, HISTORIES)}, []

    steady.measure(
        [variant],
        Plan(HISTORIES, 1, 2 if sure_after < 99 else 4, 0, 0),
        checks,
        tmp_path,
        lambda number, _: told.append(number),
        lambda state: len(state.samples[LIST, variant.name].wall) >= sure_after,
    )

    assert told == list(range(1, rounds + 1))


def test_medians_of_one_bundle_must_be_known_and_ratios_of_two(bundle: Path) -> None:
    variants = choose([open_folder(bundle), open_folder(bundle)]).variants
    slower = [[1.0] * 4] * 6 + [[1.5] * 4] * 6
    state = SteadyState({(LIST, one.name): Samples(slower, slower) for one in variants})
    unlike = SteadyState(
        {
            (LIST, variants[0].name): Samples(slower, slower),
            (LIST, variants[1].name): Samples(slower[::-1], slower[::-1]),
        }
    )

    assert is_sure(variants, state, 0, compared=True)
    assert not is_sure(variants, unlike, 0, compared=True)
    assert not is_sure(variants, state, 0, compared=False)
    assert is_sure(variants, replace(state, others=0.9), 0, compared=False)  # more rounds would not help


def test_a_bundle_without_engines_has_lists_only(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "bundle", transitions=TinyTransitions(has_engines=False))
    variants = choose([open_folder(tmp_path / "bundle")]).variants

    result = measured(variants, tmp_path / "place")

    assert [step for step, _ in result.samples] == [LIST, OBSERVE]
    assert [one.asked for one in variants] == ["transitions uint4"]


def test_an_engine_that_fails_midway_ends_the_rounds_and_is_named(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variants = choose([open_folder(bundle)]).variants
    checks = {one.name: output_check(one, HISTORIES) for one in variants}
    encode, calls = ReferenceEngine.encode, 0

    def failing(self: ReferenceEngine, embeddings: Floats, small: SmallMatrices) -> Floats:
        nonlocal calls
        calls += 1
        if calls > 100:
            raise RuntimeError("out of memory")
        return encode(self, embeddings, small)

    monkeypatch.setattr(ReferenceEngine, "encode", failing)
    result = steady.measure(variants, Plan(HISTORIES, 1, 1000, 0, 0), checks, tmp_path)

    assert result.failure is not None
    assert "reference int8" in result.failure
    assert "out of memory" in result.failure
    sizes = {len(times) for (step, _), samples in result.samples.items() if step == LIST for times in samples.wall}
    assert sizes <= {6}  # a round that was cut short does not count


def test_a_wrong_list_fails_the_check(bundle: Path) -> None:
    (variant,) = choose([open_folder(bundle)]).variants
    check = output_check(variant, HISTORIES)

    for history in HISTORIES:
        check.add_list(history, ["item-1"] * 10)

    assert not check.result().passed
    assert check.result().overlap < 0.2


def test_a_check_without_lists_is_no_proof(bundle: Path) -> None:
    (variant,) = choose([open_folder(bundle)]).variants

    assert not output_check(variant, HISTORIES).result().passed
