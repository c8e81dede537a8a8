"""Rows say what can be trusted."""

import pytest

from edge_runtime.profiling import clocks, rows
from edge_runtime.profiling.clocks import Samples
from edge_runtime.profiling.precision import decisive
from edge_runtime.profiling.report import Outputs, Row, Verdict
from edge_runtime.profiling.rows import ratios, repeated_row, single_row
from edge_runtime.profiling.steps import LIST, OBSERVE
from edge_runtime.profiling.verdict import notes, overall


@pytest.fixture(autouse=True)
def _cpu_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clocks, "HAS_CPU_CLOCK", True)
    monkeypatch.setattr(rows, "HAS_CPU_CLOCK", True)


def samples(wall: list[float], cpu: float = 1.0, n: int = 4) -> Samples:
    """Return one round for each wall time, with ``n`` equal runs."""
    return Samples([[time] * n for time in wall], [[cpu] * n for _ in wall])


def row(step: str, found: Samples) -> Row:
    return repeated_row("steady", step, "A", found, None)


def test_a_quiet_run_is_valid() -> None:
    found = row(LIST, samples([1.0] * 4))

    assert found.verdict.state == "valid"
    assert (found.wall_ms.runs, found.wall_ms.median, found.wall_ms.p90) == (16, 1.0, None)
    assert (found.wall_by_cpu, found.uncertainty, found.drift) == (1.0, 0, 0)


def test_too_few_runs_are_invalid() -> None:
    found = row(LIST, samples([1.0, 1.0]))

    assert found.verdict.state == "invalid"
    assert found.verdict.reasons == ("8 runs, a median needs 11",)


def test_wall_time_far_above_cpu_time_is_noisy() -> None:
    found = row(LIST, samples([3.0] * 4))

    assert found.verdict.state == "noisy"
    assert found.verdict.reasons == ("the machine was busy: wall time is 3.00 times CPU time",)


def test_waiting_for_the_disk_is_no_noise() -> None:
    assert row(OBSERVE, samples([3.0] * 4)).verdict.state == "valid"


def test_getting_slower_is_noisy() -> None:
    found = row(LIST, samples([1.0] * 4 + [1.3] * 4, 1.3))

    assert found.verdict.state == "noisy"
    assert found.verdict.reasons == ("rounds of equal work differ: the median is known to within 15% only",)


def test_one_slow_round_of_twelve_leaves_a_row_valid() -> None:
    assert row(LIST, samples([1.6] + [1.0] * 11, 1.2)).verdict.state == "valid"


def test_a_disk_may_vary_more_than_a_processor_but_not_at_will() -> None:
    usual, busy = [1.0] * 4 + [1.3] * 4, [1.0] * 4 + [3.0] * 4

    assert row(OBSERVE, samples(usual)).verdict.state == "valid"
    assert row(OBSERVE, samples(busy)).verdict.state == "noisy"


def test_processes_of_their_own_have_no_uncertainty() -> None:
    found = single_row("open", "open", "A", [[2.0, 1.9]] * 11, None, "unknown")

    assert (found.verdict.state, found.uncertainty, found.wall_ms.median) == ("valid", None, 2.0)


def test_a_start_that_had_to_wait_once_is_no_sign_of_a_busy_machine_and_half_of_them_are() -> None:
    once = single_row("open", "open", "A", [[0.3, 0.3]] * 10 + [[9.0, 0.3]], None, "unknown")
    often = single_row("open", "open", "A", [[0.3, 0.3]] * 5 + [[0.6, 0.3]] * 6, None, "unknown")

    assert (once.verdict.state, once.wall_by_cpu) == ("valid", 1)
    assert (often.verdict.state, often.wall_by_cpu) == ("noisy", 2)


def test_ratios_are_of_pairs_on_both_clocks_to_the_first_variant() -> None:
    measured = {
        (LIST, "A"): Samples([[1.0, 4.0]] * 6, [[1.0, 2.0]] * 6),
        (LIST, "B"): Samples([[3.0, 12.0]] * 6, [[0.5, 1.0]] * 6),
    }

    found = ratios(measured, ["A", "B"], seed=0)

    assert [(one.clock, one.median, one.low, one.high, one.pairs, one.rounds) for one in found] == [
        ("thread CPU", 0.5, 0.5, 0.5, 12, 6),
        ("wall", 3.0, 3.0, 3.0, 12, 6),
    ]
    assert {(one.variant, one.against, one.step) for one in found} == {("B", "A", LIST)}


def test_a_step_that_only_one_variant_has_gives_no_ratio() -> None:
    assert ratios({(LIST, "A"): samples([1.0]), (OBSERVE, "B"): samples([1.0])}, ["A", "B"], seed=0) == []


def outputs(*, overlap: float = 1.0, finite: bool = True) -> Outputs:
    return Outputs("A", "reference int8", 20, overlap, 0.98, finite, finite and overlap >= 0.98)


def test_the_whole_is_valid_if_all_parts_are() -> None:
    assert overall([row(LIST, samples([1.0] * 4))], [outputs()], []).state == "valid"


def test_the_whole_is_noisy_if_a_part_is_and_names_the_worst() -> None:
    quiet, busy, busier = (row(LIST, samples([time] * 4)) for time in (1.0, 2.0, 3.0))

    found = overall([quiet, busy, busier], [outputs()], [])

    assert found.state == "noisy"
    assert found.reasons == (
        "the machine was busy: wall time up to 3.00 times CPU time (2 of 3 rows, most of all 'list')",
    )


def test_the_whole_names_how_uncertain_medians_are() -> None:
    found = overall([row(LIST, samples([1.0] * 4 + [1.3] * 4, 1.3))], [outputs()], [])

    assert found.reasons == (
        "rounds of equal work differ: medians are known to within 15% only (1 of 1 rows, most of all 'list')",
    )


def test_the_whole_is_noisy_if_others_used_the_processors_though_no_row_shows_it() -> None:
    quiet = [row(LIST, samples([1.0] * 4))]

    assert overall(quiet, [outputs()], [], others=0.15).state == "valid"
    assert overall(quiet, [outputs()], [], others=0.5).reasons == (
        "the machine was busy: other processes used 50% of its processors",
    )


def changing(speed: float = 1.0, spread: float = 0.0) -> Samples:
    """Return twelve rounds on a machine that gets slower, and whose ratio to another bundle varies by a spread."""
    times = [(1.0 if turn < 6 else 1.5) * speed * (1 + spread * (turn % 3 - 1)) for turn in range(12)]
    return Samples([[time] * 4 for time in times], [[time] * 4 for time in times])


def compared(other: Samples) -> tuple[Verdict, list[str]]:
    measured = {(LIST, "A"): changing(), (LIST, "B"): other}
    rows, found = [row(LIST, one) for one in measured.values()], ratios(measured, ["A", "B"], seed=0)
    return overall(rows, [outputs()], [], compared=found), notes(rows, found)


def test_a_comparison_is_valid_while_the_machine_changes_its_speed_and_notes_that_it_did() -> None:
    verdict, noted = compared(changing(speed=1.2))

    assert verdict == Verdict("valid")
    assert noted == [
        "rounds of equal work differ: medians are known to within 25% only (2 of 2 rows, most of all 'list'). "
        "The ratios are of pairs, and known better"
    ]


def test_a_comparison_is_noisy_if_the_interval_of_a_ratio_is_wide() -> None:
    assert compared(changing(spread=0.2))[0].reasons == (
        "intervals of ratios are up to 40% wide (1 of 1 ratios, most of all 'list')",
    )


def test_a_comparison_beside_a_busy_process_is_noisy_though_its_ratios_are_known() -> None:
    found = ratios({(LIST, "A"): samples([1.0] * 4), (LIST, "B"): samples([1.0] * 4)}, ["A", "B"], seed=0)

    assert overall([], [outputs()], [], 0.5, found).state == "noisy"
    assert overall([row(LIST, samples([2.0] * 4))], [outputs()], [], 0.0, found).state == "noisy"


def test_wall_times_decide_where_there_is_no_clock_of_cpu_times(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = {(LIST, name): samples([1.0] * 4) for name in "AB"}
    assert [one.clock for one in decisive(ratios(measured, ["A", "B"], seed=0))] == ["thread CPU"]

    monkeypatch.setattr(rows, "HAS_CPU_CLOCK", False)

    assert [one.clock for one in decisive(ratios(measured, ["A", "B"], seed=0))] == ["wall"]


@pytest.mark.parametrize(
    ("check", "failures", "reason"),
    [
        (outputs(overlap=0.5), [], "A: its lists have 0.5000 of the items of reference int8, expected at least 0.9800"),
        (outputs(finite=False), [], "A: a state is not finite"),
        (outputs(), ["litert int8: failed"], "litert int8: failed"),
    ],
)
def test_a_fast_wrong_answer_is_invalid(check: Outputs, failures: list[str], reason: str) -> None:
    found = overall([row(LIST, samples([1.0] * 4))], [check], failures)

    assert (found.state, found.reasons) == ("invalid", (reason,))
