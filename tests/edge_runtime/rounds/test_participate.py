"""A device's part in a round: one upload, the same bytes whatever happens, and never more than its user's limit."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge_runtime.errors import RoundError, ServerUnreachableError, StateError
from edge_runtime.rounds.accountant import epsilon_of, mu_of, sigma_for
from edge_runtime.rounds.ledger import Entry, RoundLedger
from edge_runtime.rounds.participate import (
    Adapter,
    Device,
    Intent,
    Limit,
    contribution,
    intended,
    moved,
    prepared,
    send_pending,
    uncounted,
)
from edge_runtime.rounds.plan import RoundPlan, largest_scale
from edge_runtime.rounds.update import decode
from edge_runtime.rounds.words import after, before, before_late
from edge_runtime.state.history import History
from tests.tiny_round import DIM, RANK, plan_with

SIGMA = 8.0
PLAN = plan_with(sigma=SIGMA, scale=largest_scale(1.0, SIGMA, RANK * DIM, 16))
QUIET = plan_with(sigma=0.0)
NOW = PLAN.opens_time() + 60.0
DEVICE = Device(PLAN.name, PLAN.base, PLAN.adapter_sha256, 20)
ADAPTER = Adapter(np.zeros((DIM, RANK), np.float32), np.zeros((RANK, DIM), np.float32))
ANY = Limit(epsilon=float("inf"))


def trained(plan: RoundPlan, adapter: Adapter) -> np.ndarray:
    return np.full((plan.rank, plan.dim), 0.1) + adapter.b


class Server:
    """Answers uploads with given statuses, then with 202; None is no answer."""

    def __init__(self, *answers: int | None) -> None:
        self.answers, self.got = list(answers), list[tuple[str, str, bytes]]()

    def send(self, operator: str, path: str, body: bytes) -> int:
        self.got.append((operator, path, body))
        status = self.answers.pop(0) if self.answers else 202
        if status is None:
            raise ServerUnreachableError("the connection was refused")
        return status


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


@pytest.fixture
def ledger(state: Path) -> Iterator[RoundLedger]:
    with RoundLedger(state) as opened:
        yield opened


def begun(ledger: RoundLedger, plan: RoundPlan = PLAN, now: float = NOW) -> Entry:
    intent = intended(plan, DEVICE, ledger, now, ANY)
    return prepared(intent, ADAPTER, trained, ledger, now)


@pytest.mark.parametrize("clip", [3.9, 6.0, 6.7, 8.5])
def test_a_plan_for_exactly_the_limit_is_within_it_whatever_rounding_does(ledger: RoundLedger, clip: float) -> None:
    sigma = sigma_for(8.0, 1e-6, 2.0 * clip)
    plan = plan_with(clip=clip, sigma=sigma, scale=largest_scale(clip, sigma, RANK * DIM, 16), participations=1)

    assert intended(plan, DEVICE, ledger, NOW, Limit()).epsilon == pytest.approx(8.0)


LATER = plan_with(
    sigma=SIGMA,
    scale=PLAN.scale,
    round="z" * 26,
    base="c" * 64,
    adapter_sha256="d" * 64,
    max_staleness=1,
    deadline="2026-12-09T10:00:00Z",
)
UPDATED = replace(DEVICE, base=LATER.base, adapter_sha256=LATER.adapter_sha256)


def test_an_update_that_its_round_did_not_count_goes_to_the_next_one_and_reveals_nothing_more(
    ledger: RoundLedger,
) -> None:
    server = Server(409)
    entry = begun(ledger)
    send_pending(ledger, server.send, NOW)

    late = uncounted(LATER, UPDATED, ledger, NOW)
    assert late is not None
    assert "Nothing is trained, and nothing more is revealed." in before_late(late, LATER)[1]
    moved(late, LATER, ledger, NOW)
    (sending,) = send_pending(ledger, server.send, NOW)

    assert sending.outcome == "counted"
    assert [(path, body) for _, path, body in server.got] == [
        (f"/v1/rounds/{one.round}/updates", entry.body) for one in (PLAN, LATER)
    ]
    assert sum(one.loss for one in ledger.since(0)) == entry.loss
    assert uncounted(msgspec.structs.replace(LATER, round="y" * 26), UPDATED, ledger, NOW) is None
    with pytest.raises(RoundError, match="has taken part"):
        intended(LATER, UPDATED, ledger, NOW, ANY)


@pytest.mark.parametrize("status", [202, 200, 404, 410, 422])
def test_an_update_that_may_be_counted_goes_to_no_other_round(ledger: RoundLedger, status: int) -> None:
    begun(ledger)
    send_pending(ledger, Server(status).send, NOW)

    assert uncounted(LATER, UPDATED, ledger, NOW) is None


@pytest.mark.parametrize(
    ("tried", "goes_on"), [(False, True), (True, False)], ids=["never tried", "tried without an answer"]
)
def test_an_update_that_missed_its_round_goes_to_the_next_one_only_if_no_server_can_have_counted_it(
    ledger: RoundLedger, tried: bool, goes_on: bool
) -> None:
    begun(ledger)
    if tried:
        send_pending(ledger, Server(None).send, NOW)
    late = PLAN.deadline_time() + 1.0
    send_pending(ledger, Server().send, late)

    assert (uncounted(LATER, UPDATED, ledger, late) is not None) is goes_on


@pytest.mark.parametrize(
    ("change", "device"),
    [
        ({"clip": 0.5}, UPDATED),
        ({"operators": ("http://127.0.0.1:9",)}, UPDATED),
        ({"max_staleness": 0}, UPDATED),
        ({}, replace(UPDATED, model="another")),
    ],
    ids=["clip", "operator", "staleness", "model"],
)
def test_an_update_goes_to_no_round_with_other_terms_or_of_another_model(
    ledger: RoundLedger, change: dict[str, object], device: Device
) -> None:
    begun(ledger)
    send_pending(ledger, Server(409).send, NOW)

    assert uncounted(msgspec.structs.replace(LATER, **change), device, ledger, NOW) is None


def test_an_upload_is_sent_once_and_counted(ledger: RoundLedger) -> None:
    server = Server()
    entry = begun(ledger)

    (sending,) = send_pending(ledger, server.send, NOW)

    assert sending.outcome == "counted"
    assert server.got == [("http://127.0.0.1:8000", f"/v1/rounds/{PLAN.round}/updates", entry.body)]
    assert send_pending(ledger, server.send, NOW + 9999) == []
    with pytest.raises(RoundError, match="taken part in the round"):
        intended(PLAN, DEVICE, ledger, NOW, ANY)


def test_an_upload_is_what_the_plan_says(ledger: RoundLedger) -> None:
    update = decode(begun(ledger, QUIET).body or b"", QUIET)

    assert update.adapter_sha256 == QUIET.adapter_sha256
    assert update.values.tolist() == [int(0.1 * QUIET.scale)] * QUIET.size


def test_noise_and_token_are_new_for_each_upload() -> None:
    one, two = (contribution(np.zeros((RANK, DIM)), PLAN) for _ in range(2))

    assert one[:8] == two[:8]
    assert one[8:24] != two[8:24]
    assert one[56:] != two[56:]


def test_the_noise_is_as_strong_as_the_plan_says() -> None:
    wide = plan_with(sigma=SIGMA, rank=64, dim=64, scale=largest_scale(1.0, SIGMA, 4096, 16))

    values = decode(contribution(np.zeros((64, 64)), wide), wide).values

    assert values.std() / wide.scale == pytest.approx(SIGMA, rel=0.1)


def test_a_weaker_device_trains_the_first_rows_only() -> None:
    values = decode(contribution(np.full((1, DIM), 0.25), QUIET), QUIET).values.reshape(RANK, DIM)

    assert (values[0] == QUIET.scale // 4).all()
    assert not values[1].any()


@pytest.mark.parametrize("shape", [(RANK + 1, DIM), (RANK, DIM + 1), (RANK * DIM,)])
def test_an_update_of_another_shape_is_not_sent(shape: tuple[int, ...]) -> None:
    with pytest.raises(RoundError, match="training returned"):
        contribution(np.zeros(shape), PLAN)


def test_training_that_failed_sends_noise_only() -> None:
    assert not decode(contribution(np.full((RANK, DIM), np.nan), QUIET), QUIET).values.any()


def test_without_an_answer_the_same_bytes_are_sent_again(ledger: RoundLedger, state: Path) -> None:
    server = Server(None, 503, 200)
    entry = begun(ledger)

    first = send_pending(ledger, server.send, NOW)
    too_early = send_pending(ledger, server.send, NOW + 60)
    with RoundLedger(state) as restarted:
        second = send_pending(restarted, server.send, NOW + PLAN.retry_after_s)
        third = send_pending(restarted, server.send, NOW + 2 * PLAN.retry_after_s)

    assert [sending.outcome for sending in (*first, *too_early, *second, *third)] == [
        *["prepared"] * 3,
        "counted before",
    ]
    assert {body for _, _, body in server.got} == {entry.body}
    assert len(server.got) == 3


@pytest.mark.parametrize(
    ("status", "outcome"), [(404, "closed"), (410, "too late"), (413, "refused"), (422, "refused")]
)
def test_a_final_answer_ends_the_attempts_and_deletes_the_bytes(state: Path, status: int, outcome: str) -> None:
    server = Server(status)
    with RoundLedger(state) as ledger:
        body = begun(ledger).body or b"none"

        (sending,) = send_pending(ledger, server.send, NOW)

        assert sending.outcome == outcome
        assert send_pending(ledger, server.send, NOW + PLAN.retry_after_s) == []
    assert body not in b"".join(file.read_bytes() for file in state.parent.iterdir())


def test_after_the_deadline_nothing_is_sent(ledger: RoundLedger) -> None:
    server = Server()
    begun(ledger)

    (sending,) = send_pending(ledger, server.send, PLAN.deadline_time())

    assert (sending.outcome, server.got) == ("missed", [])
    assert len(ledger.since(0)) == 1


def test_a_device_that_dies_in_training_trains_again_and_has_not_taken_part(ledger: RoundLedger) -> None:
    def dying(plan: RoundPlan, adapter: Adapter) -> np.ndarray:
        raise KeyboardInterrupt

    intent = intended(PLAN, DEVICE, ledger, NOW, ANY)
    with pytest.raises(KeyboardInterrupt):
        prepared(intent, ADAPTER, dying, ledger, NOW)

    assert (ledger.pending(), ledger.since(0)) == ([], [])
    assert begun(ledger).outcome == "prepared"


def test_two_processes_that_train_at_once_send_the_same_bytes(ledger: RoundLedger, state: Path) -> None:
    intent = intended(PLAN, DEVICE, ledger, NOW, ANY)
    others = list[Entry]()

    def beaten(plan: RoundPlan, adapter: Adapter) -> np.ndarray:
        with RoundLedger(state) as other:
            others.append(prepared(intent, ADAPTER, trained, other, NOW))
        return trained(plan, adapter)

    assert prepared(intent, ADAPTER, beaten, ledger, NOW) == others[0]


def test_what_is_forgotten_during_the_training_is_not_sent(ledger: RoundLedger, state: Path) -> None:
    def forgotten(plan: RoundPlan, adapter: Adapter) -> np.ndarray:
        with History.open(state) as history:
            history.forget()
        return trained(plan, adapter)

    with pytest.raises(RoundError, match="forgotten during the training"):
        prepared(intended(PLAN, DEVICE, ledger, NOW, ANY), ADAPTER, forgotten, ledger, NOW)
    assert ledger.pending() == []


def test_the_account_is_of_the_plan_that_was_sent_and_not_of_an_earlier_one_of_the_round(ledger: RoundLedger) -> None:
    harmless = plan_with(sigma=1000.0, scale=largest_scale(1.0, 1000.0, RANK * DIM, 16))
    harmful = plan_with(sigma=0.0, operators=("https://other.example",), deadline="2026-11-30T10:00:00Z")

    def failing(plan: RoundPlan, adapter: Adapter) -> np.ndarray:
        raise RoundError("training failed")

    with pytest.raises(RoundError, match="training failed"):
        prepared(intended(harmless, DEVICE, ledger, NOW, Limit()), ADAPTER, failing, ledger, NOW)
    prepared(intended(harmful, DEVICE, ledger, NOW, ANY), ADAPTER, trained, ledger, NOW)

    (entry,) = ledger.since(0)
    assert (entry.loss, entry.operator) == (float("inf"), "https://other.example")
    assert entry.deadline == int(harmful.deadline_time())


def test_two_processes_with_different_rounds_do_not_exceed_the_limit_together(ledger: RoundLedger, state: Path) -> None:
    limit = Limit(epsilon=epsilon_of(1e-6, mu_of(2.0, SIGMA)) * 1.01)
    another = plan_with(round="b" * 26, sigma=SIGMA, scale=PLAN.scale)

    def overtaken(plan: RoundPlan, adapter: Adapter) -> np.ndarray:
        with RoundLedger(state) as other:
            prepared(intended(another, DEVICE, other, NOW, limit), ADAPTER, trained, other, NOW)
        return trained(plan, adapter)

    with pytest.raises(RoundError, match="in another round during the training"):
        prepared(intended(PLAN, DEVICE, ledger, NOW, limit), ADAPTER, overtaken, ledger, NOW)

    assert [entry.round for entry in ledger.pending()] == [another.round]
    with pytest.raises(RoundError, match="this device's limit"):
        intended(PLAN, DEVICE, ledger, NOW, limit)


def test_what_is_forgotten_while_another_upload_is_sent_is_not_sent(ledger: RoundLedger, state: Path) -> None:
    begun(ledger)
    begun(ledger, plan_with(round="b" * 26, sigma=SIGMA, scale=PLAN.scale))
    got = list[bytes]()

    def slow(operator: str, path: str, body: bytes) -> int:
        got.append(body)
        with History.open(state) as history:
            history.forget()
        return 202

    (sending,) = send_pending(ledger, slow, NOW)

    assert sending.outcome == "counted"
    assert len(got) == 1


def test_a_second_share_that_was_forgotten_meanwhile_is_not_sent(ledger: RoundLedger, state: Path) -> None:
    begun(ledger, plan_with(sigma=SIGMA, scale=PLAN.scale, operators=("https://one.example", "https://two.example")))
    got = list[str]()

    def slow(operator: str, path: str, body: bytes) -> int:
        got.append(operator)
        with History.open(state) as history:
            history.forget()
        return 202

    (sending,) = send_pending(ledger, slow, NOW)

    assert got == ["https://one.example"]
    assert "forgotten" in (sending.problem or "")


def test_an_upload_that_another_process_has_sent_meanwhile_is_not_sent_again(ledger: RoundLedger, state: Path) -> None:
    begun(ledger)
    begun(ledger, plan_with(round="b" * 26, sigma=SIGMA, scale=PLAN.scale))
    server = Server()

    def slow(operator: str, path: str, body: bytes) -> int:
        with RoundLedger(state) as other:
            for entry in other.pending():
                other.settle(entry, "counted")
        return server.send(operator, path, body)

    assert len(send_pending(ledger, slow, NOW)) == 1
    assert len(server.got) == 1


def test_a_limit_that_is_no_number_permits_nothing(ledger: RoundLedger) -> None:
    with pytest.raises(RoundError, match="limit"):
        intended(PLAN, DEVICE, ledger, NOW, Limit(epsilon=float("nan")))


@pytest.mark.parametrize("clip", [5e-324, 1e-300, 1e-170, 1e-20])
def test_a_clip_that_vanishes_beside_the_noise_reveals_nothing(ledger: RoundLedger, clip: float) -> None:
    vanishing = plan_with(clip=clip, sigma=1.0, scale=1024)

    intent = intended(vanishing, DEVICE, ledger, NOW, Limit())

    assert intent.epsilon == 0.0
    assert prepared(intent, ADAPTER, trained, ledger, NOW).outcome == "prepared"
    assert any("epsilon 0 " in line for line in before(intent))


def test_forgetting_deletes_uploads_and_what_is_noted_of_rounds(state: Path) -> None:
    with RoundLedger(state) as ledger:
        entry = begun(ledger)
    with History.open(state) as history:
        history.forget()

    assert entry.body
    left = b"".join(file.read_bytes() for file in state.parent.iterdir())
    assert entry.body not in left
    assert PLAN.round.encode() not in left


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"base": "0" * 64}, "another release"),
        ({"adapter_sha256": "0" * 64}, "another release"),
        ({"name": "another"}, "another release"),
        ({"n_events": 4}, "has 4 events, and the plan needs 5"),
    ],
)
def test_a_round_for_other_devices_is_left_alone(ledger: RoundLedger, changes: dict[str, object], reason: str) -> None:
    with pytest.raises(RoundError, match=reason):
        intended(PLAN, replace(DEVICE, **changes), ledger, NOW, ANY)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (PLAN.opens_time() - 1, f"is not open yet: it opens at {PLAN.opens}"),
        (PLAN.deadline_time(), f"is over: it was open until {PLAN.deadline}"),
    ],
)
@pytest.mark.parametrize("base", [DEVICE.base, "0" * 64])
def test_a_round_that_is_not_open_is_left_alone(ledger: RoundLedger, now: float, reason: str, base: str) -> None:
    with pytest.raises(RoundError, match=reason):
        intended(PLAN, replace(DEVICE, base=base), ledger, now, ANY)


@pytest.mark.parametrize("now", [NOW, PLAN.deadline_time() + 1])
def test_a_device_that_took_part_is_told_so_also_with_the_release_that_came_of_it(
    ledger: RoundLedger, now: float
) -> None:
    begun(ledger)
    newer = replace(DEVICE, base="0" * 64, adapter_sha256="0" * 64)
    with pytest.raises(RoundError, match=f"has taken part in the round {PLAN.round} already"):
        intended(PLAN, newer, ledger, now, ANY)


def numbered(number: int, plan: RoundPlan) -> RoundPlan:
    return plan_with(round=f"{number:026}", sigma=plan.sigma, scale=plan.scale)


def test_a_device_takes_part_as_often_as_the_plan_permits(ledger: RoundLedger) -> None:
    for number in range(PLAN.participations):
        begun(ledger, numbered(number, PLAN))

    with pytest.raises(RoundError, match="4 times in 30 days, and the plan permits 4"):
        begun(ledger, numbered(99, PLAN))


def test_a_clock_that_is_set_back_permits_no_more_rounds(ledger: RoundLedger) -> None:
    late = plan_with(sigma=SIGMA, scale=PLAN.scale, participations=1, opens="2026-01-01T00:00:00Z")
    begun(ledger, plan_with(round="b" * 26, sigma=SIGMA, scale=PLAN.scale), NOW)

    with pytest.raises(RoundError, match="permits 1"):
        begun(ledger, late, late.opens_time())


def test_the_devices_own_limit_counts_whatever_plans_permit(ledger: RoundLedger) -> None:
    limit = Limit(epsilon=epsilon_of(1e-6, mu_of(2.0, SIGMA, 2)) + 1e-9)
    for number in range(2):
        intended(numbered(number, PLAN), DEVICE, ledger, NOW, limit)
        begun(ledger, numbered(number, PLAN))

    with pytest.raises(RoundError, match="--max-epsilon"):
        intended(numbered(2, PLAN), DEVICE, ledger, NOW, limit)
    later = plan_with(sigma=SIGMA, scale=PLAN.scale, round="z" * 26, deadline="2028-01-01T00:00:00Z")
    assert intended(later, DEVICE, ledger, NOW + 366 * 86_400, limit).before == 0


def test_a_plan_without_noise_is_refused_by_default(ledger: RoundLedger) -> None:
    with pytest.raises(RoundError, match=r"adds no noise.*--max-epsilon inf"):
        intended(QUIET, DEVICE, ledger, NOW, Limit())
    enough = sigma_for(7.9, 1e-6, 2.0)
    quiet_enough = plan_with(sigma=enough, scale=largest_scale(1.0, enough, RANK * DIM, 16))
    assert intended(quiet_enough, DEVICE, ledger, NOW, Limit()).epsilon == pytest.approx(7.9)


def test_the_words_say_what_is_sent_where_and_what_it_reveals(ledger: RoundLedger) -> None:
    intent: Intent = intended(PLAN, DEVICE, ledger, NOW, ANY)
    text = "\n".join(before(intent))

    for fact in ("its 20 events", "72 bytes once to http://127.0.0.1:8000", "deviation 8", f"{intent.epsilon:.3g}"):
        assert fact in text
    assert "adds NO noise" in "\n".join(before(intended(QUIET, DEVICE, ledger, NOW, ANY)))


def test_the_receipt_says_what_became_of_the_upload(ledger: RoundLedger) -> None:
    entry = begun(ledger)
    (first,) = send_pending(ledger, Server(None).send, NOW)
    (second,) = send_pending(ledger, Server(202).send, NOW + PLAN.retry_after_s)

    assert "not sent yet (72 bytes" in after(first)
    assert "the connection was refused" in after(first)
    assert f"sent and counted (72 bytes, sha256 {entry.digest})" in after(second)


def test_a_damaged_ledger_is_reported(state: Path) -> None:
    with RoundLedger(state) as ledger:
        begun(ledger)
    with sqlite3.connect(state) as connection:
        connection.execute("UPDATE rounds SET outcome = 'paid'")
    connection.close()

    with RoundLedger(state) as ledger, pytest.raises(StateError, match="no device has written"):
        ledger.pending()
