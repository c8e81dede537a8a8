"""Updates in two shares: together exactly the update, alone random, and both counted or neither."""

from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import RoundError, ServerUnreachableError
from edge_runtime.rounds.ledger import Entry, RoundLedger
from edge_runtime.rounds.participate import Adapter, Device, Limit, intended, prepared, send_pending
from edge_runtime.rounds.plan import RoundPlan
from edge_runtime.rounds.shares import decode_share, reduced, signed, split
from edge_runtime.rounds.update import Update
from edge_runtime.rounds.words import after, before
from edge_runtime.state.history import History
from tests.tiny_round import DIM, RANK, plan_with

FIRST, SECOND = "https://one.example", "https://two.example"
PLAN = plan_with(operators=(FIRST, SECOND))
WIDE = plan_with(operators=(FIRST, SECOND), max_updates=100_000)
NOW = PLAN.opens_time() + 60.0
DEVICE = Device(PLAN.name, PLAN.base, PLAN.adapter_sha256, 20)
ADAPTER = Adapter(np.zeros((DIM, RANK), np.float32), np.zeros((RANK, DIM), np.float32))
ANY = Limit(epsilon=float("inf"))
EDGES = [PLAN.largest, -PLAN.largest - 1, 0, 1, -1, 7, -7, 123]


class Servers:
    """Both operators: each address answers with the statuses that a test chooses, then as a real server does."""

    def __init__(self, **answers: list[int | None]) -> None:
        self._answers = answers
        self.got: dict[str, list[bytes]] = {FIRST: [], SECOND: []}

    def send(self, operator: str, path: str, body: bytes) -> int:
        known = body in self.got[operator]
        self.got[operator].append(body)
        answers = self._answers.get("first" if operator == FIRST else "second", [])
        status = answers.pop(0) if answers else 200 if known else 202
        if status is None:
            raise ServerUnreachableError("the connection was refused")
        return status


def begun(ledger: RoundLedger, plan: RoundPlan = PLAN) -> Entry:
    return prepared(
        intended(plan, DEVICE, ledger, NOW, ANY), ADAPTER, lambda plan, _: np.ones((RANK, DIM)), ledger, NOW
    )


def update_of(values: list[int]) -> Update:
    return Update(bytes(16), PLAN.adapter_sha256, np.array(values))


@pytest.mark.parametrize("plan", [PLAN, WIDE], ids=["32 bits", "64 bits"])
def test_both_shares_together_are_exactly_the_update(plan: RoundPlan) -> None:
    one, two = (decode_share(body, number, plan) for number, body in enumerate(split(update_of(EDGES), plan), 1))

    assert signed(reduced(one.values + two.values, plan), plan).tolist() == EDGES
    assert one.token == two.token
    assert one.adapter_sha256 == plan.adapter_sha256


def test_shares_are_as_wide_as_the_sum_of_the_largest_round_needs() -> None:
    assert plan_with(operators=(FIRST, SECOND), max_updates=1 << 16).wire_bits == 32
    assert plan_with(operators=(FIRST, SECOND), max_updates=(1 << 16) + 1).wire_bits == 64
    assert plan_with(max_updates=1_000_000).wire_bits == 16


def test_each_share_alone_is_uniformly_random_whatever_the_update_is() -> None:
    for values in ([0] * 8, EDGES):
        drawn = [split(update_of(values), PLAN) for _ in range(2000)]
        for number in (1, 2):
            bits = np.unpackbits(np.array([np.frombuffer(pair[number - 1][56:], np.uint8) for pair in drawn]), axis=1)
            assert np.abs(bits.mean(axis=0) - 0.5).max() < 0.07  # six standard deviations


def test_sums_of_shares_are_the_sum_of_the_updates_even_at_the_bounds() -> None:
    full = plan_with(operators=(FIRST, SECOND), max_updates=1 << 16)
    largest = np.full(8, full.largest, np.uint64) * np.uint64(1 << 16)

    assert signed(reduced(largest, full), full).tolist() == [full.largest * (1 << 16)] * 8


@pytest.mark.parametrize("number", [0, 2])
def test_the_other_operators_share_is_refused(number: int) -> None:
    body = split(update_of(EDGES), PLAN)[0]

    assert decode_share(body, 1, PLAN).token == bytes(16)
    with pytest.raises(RoundError, match=f"share {number}"):
        decode_share(body, number, PLAN)
    with pytest.raises(RoundError, match="expected 88"):
        decode_share(body[:-1], 1, PLAN)


def test_both_operators_must_weigh_alike() -> None:
    with pytest.raises(ValueError, match="with two operators, expected 0"):
        plan_with(operators=(FIRST, SECOND), max_staleness=1)


def test_each_operator_gets_its_share_once(tmp_path: Path) -> None:
    servers = Servers()
    with RoundLedger(tmp_path / "state.sqlite") as ledger:
        entry = begun(ledger)
        (sending,) = send_pending(ledger, servers.send, NOW)
        assert send_pending(ledger, servers.send, NOW + 9999) == []

    assert entry.second is not None
    assert sending.outcome == "counted"
    assert servers.got == {FIRST: [entry.body], SECOND: [entry.second.body]}
    assert decode_share(servers.got[SECOND][0], 2, PLAN).token == decode_share(servers.got[FIRST][0], 1, PLAN).token


def test_a_device_that_dies_between_both_sends_the_rest_with_the_same_bytes(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    servers = Servers()

    def dying(operator: str, path: str, body: bytes) -> int:
        if operator == SECOND:
            raise Killed
        return servers.send(operator, path, body)

    with RoundLedger(tmp_path / "state.sqlite") as ledger:
        entry = begun(ledger)
        with pytest.raises(Killed):
            send_pending(ledger, dying, NOW)
    with RoundLedger(tmp_path / "state.sqlite") as ledger:
        (sending,) = send_pending(ledger, servers.send, NOW + PLAN.retry_after_s)

    assert entry.second is not None
    assert sending.outcome == "counted"
    assert servers.got == {FIRST: [entry.body], SECOND: [entry.second.body]}


def test_without_an_answer_of_the_second_the_first_is_not_sent_again(tmp_path: Path) -> None:
    servers = Servers(second=[None, 503])
    with RoundLedger(tmp_path / "state.sqlite") as ledger:
        begun(ledger)
        outcomes = [
            send_pending(ledger, servers.send, NOW + i * PLAN.retry_after_s)[0].outcome  # one attempt an hour
            for i in range(3)
        ]
        assert send_pending(ledger, servers.send, NOW + 3 * PLAN.retry_after_s) == []

    assert outcomes == ["prepared", "prepared", "counted before"]
    assert (len(servers.got[FIRST]), len(set(servers.got[SECOND]))) == (1, 1)


def test_what_the_first_refuses_does_not_reach_the_second(tmp_path: Path) -> None:
    servers = Servers(first=[409])
    with RoundLedger(tmp_path / "state.sqlite") as ledger:
        entry = begun(ledger)
        (sending,) = send_pending(ledger, servers.send, NOW)

    assert (sending.outcome, servers.got[SECOND]) == ("closed", [])
    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert entry.second is not None
    assert (entry.body or b"?") not in left
    assert (entry.second.body or b"?") not in left


def test_forgetting_deletes_both_shares(tmp_path: Path) -> None:
    with RoundLedger(tmp_path / "state.sqlite") as ledger:
        entry = begun(ledger)
    with History.open(tmp_path / "state.sqlite") as history:
        history.forget()

    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert entry.second is not None
    assert (entry.body or b"?") not in left
    assert (entry.second.body or b"?") not in left


def test_the_words_and_the_receipt_name_both_operators(tmp_path: Path) -> None:
    with RoundLedger(tmp_path / "state.sqlite") as ledger:
        text = "\n".join(before(intended(PLAN, DEVICE, ledger, NOW, ANY)))
        begun(ledger)
        (sending,) = send_pending(ledger, Servers().send, NOW)

    assert f"88 bytes once to {FIRST} and once to {SECOND}" in text
    assert "Whoever reads both shares learns" in text
    assert sending.entry.second is not None
    assert f"Second share for {SECOND}: sha256 {sending.entry.second.digest}" in after(sending)
