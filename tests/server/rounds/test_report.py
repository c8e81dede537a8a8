"""The report on a round: what it says, and that nothing in it is taken for markup."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from edge_runtime.rounds.accountant import privacy_statement
from server.rounds.drawing import bars, element, intervals, progress, table
from server.rounds.ledger import State
from server.rounds.publishing import Metric, Outcome, Segment, Trial
from server.rounds.report import Report, epsilon_of_sum, make_page
from server.rounds.state import Late, RoundState, privacy_of
from tests.tiny_rounds import plan

EVIL = "<script>alert(1)</script>"


def report(note: str = "", outcome: Outcome | None = None) -> Report:
    of = plan(min_updates=2)
    late = [Late(0, 90, 1.0), Late(3, 10, 0.5)]
    state = RoundState(
        round=of.round,
        target=of.target,
        state=State.CLOSED,
        opened="2026-11-28T10:00:00Z",
        deadline=of.deadline,
        closed="2026-11-28T11:00:00Z",
        updates=100,
        needed=2,
        max_updates=1000,
        mean_weight=0.95,
        carried_over=7,
        clipped=5,
        late=late,
        privacy=privacy_of(of),
        note=note,
    )
    return Report(version="0", state=state, plan=of, sum_epsilon=epsilon_of_sum(of, late, 1), outcome=outcome)


def outcome(segment: str = "all users", *, published: bool = True) -> Outcome:
    metric = Metric("ndcg@10", 0.12, 0.10, 0.02, 0.01, 0.03, "not worse")
    trial = Trial(True, "ndcg@10 rises beyond chance", [Segment(segment, 1000, [metric])])
    return Outcome(
        round="r" * 26,
        published=published,
        why=trial.why,
        forced=False,
        release=3 if published else None,
        manifest="0" * 64 if published else None,
        changed_bytes=4_321,
        delta_bytes=(2_345,),
        before="1" * 64,
        server_rate=1.0,
        mean_norm=0.5,
        noise_norm=0.25,
        trial=trial,
    )


def test_the_page_has_participation_weights_privacy_trial_and_release() -> None:
    page = make_page(report("Closed at its deadline.", outcome())).decode()

    for words in ("100 updates", "7", "weight 0.500", "the noise of the device alone", "0.1200", "4,321", "2,345"):
        assert words in page
    assert page.count("<svg") == 3


@pytest.mark.parametrize(
    ("found", "words"), [(None, "Not tried yet"), (outcome(published=False), "Nothing was published")]
)
def test_the_page_says_what_was_not_published(found: Outcome | None, words: str) -> None:
    assert words in make_page(report(outcome=found)).decode()


def test_nothing_in_a_page_is_markup() -> None:
    page = make_page(report(EVIL, outcome(EVIL))).decode()
    shapes = [element("p", EVIL, title=EVIL), table((EVIL,), [(EVIL,)]), bars([(EVIL, 1, EVIL)])]
    shapes += [intervals([(EVIL, 0.0, 0.0, 0.0)]), progress(1, [(2, EVIL)])]

    assert "<script" not in page
    assert all("<script" not in shape for shape in shapes)


def test_the_privacy_of_one_sum_is_by_the_updates_that_it_has() -> None:
    of = plan(min_updates=100, participations=1, max_staleness=0)
    stated = privacy_statement(of)
    as_planned = epsilon_of_sum(of, [Late(0, 100, 1.0)], 1)

    assert as_planned == pytest.approx(stated.readers)
    twice = epsilon_of_sum(of, [Late(0, 200, 1.0)], 2)
    compose_twice = privacy_statement(replace(of, participations=2)).readers
    assert twice == pytest.approx(compose_twice)  # a device in one sum twice, of twice the updates
    assert epsilon_of_sum(of, [Late(0, 50, 1.0), Late(3, 50, 0.5)], 1) > as_planned  # type: ignore[operator]


@pytest.mark.parametrize(("sigma", "late"), [(0.0, [Late(0, 5, 1.0)]), (0.5, [])])
def test_without_noise_or_updates_there_is_no_bound(sigma: float, late: list[Late]) -> None:
    assert epsilon_of_sum(plan(sigma=sigma), late, 1) is None


def test_the_style_of_the_page_is_inside_it(tmp_path: Path) -> None:
    page = make_page(report()).decode()

    assert "<style>:root" in page
    assert "<link" not in page
