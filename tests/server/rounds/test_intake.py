"""Updates are counted exactly and once, whatever their order, and nothing but their sum is kept."""

import asyncio
import hashlib
import random
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from sqlalchemy.engine import make_url

from edge_runtime.rounds.plan import RoundPlan
from server.database.database import Database
from server.rounds.folding import Sum, clipped_again, staleness_weight
from server.rounds.intake import LOOK_S, Answer, Intake, Verdict
from server.rounds.ledger import LATE_S, Ledger, Round, State
from tests.tiny_rounds import ADAPTER, OTHER, plan, update

Result = TypeVar("Result")


def with_intake(
    url: str, work: Callable[[Intake], Awaitable[Result]], *plans: RoundPlan, clock: Callable[[], float] | None = None
) -> Result:
    """Open rounds, run an intake, and return what ``work`` makes of it."""

    async def run() -> Result:
        database = Database(url)
        intake = Intake(database) if clock is None else Intake(database, clock=clock)
        for one in plans:
            await intake.ledger.open(one, 1)
        try:
            async with intake.running():
                return await work(intake)
        finally:
            await database.close()

    return asyncio.run(run())


def verdicts(url: str, of: RoundPlan, *bodies: bytes) -> list[Verdict]:
    async def send(intake: Intake) -> list[Verdict]:
        answers = await asyncio.gather(*(intake.accept(of.round, body) for body in bodies))
        return [answer.verdict for answer in answers]

    return with_intake(url, send, of)


def stored(url: str, of: RoundPlan) -> tuple[Round, list[int], dict[str, int]]:
    """Return a round, its sum and its counters."""

    async def read() -> tuple[Round, list[int], dict[str, int]]:
        database = Database(url)
        ledger = Ledger(database)
        total = await ledger.total(of.round)
        found = await ledger.one(of.round), _values(total, of), await ledger.counts(of.round)
        await database.close()
        return found

    return asyncio.run(read())


def _values(total: Sum | None, of: RoundPlan) -> list[int]:
    return [0] * of.size if total is None else np.frombuffer(total.to_bytes(), "<i8").tolist()


def test_the_sum_is_the_same_to_the_last_bit_in_any_order_and_grouping(empty_database: Path, tmp_path: Path) -> None:
    of = plan()
    rng = np.random.default_rng(0)
    bodies = [update(of, rng.integers(-1000, 1000, of.size).tolist()) for _ in range(40)]
    sums = []
    for seed in range(3):
        path = tmp_path / f"{seed}.sqlite3"
        path.write_bytes(empty_database.read_bytes())
        order = random.Random(seed).sample(bodies, len(bodies))
        url = f"sqlite+aiosqlite:///{path}"

        async def send(intake: Intake, order: list[bytes] = order, seed: int = seed) -> None:
            for start in range(0, len(order), 1 + 7 * seed):
                await asyncio.gather(*(intake.accept(of.round, body) for body in order[start : start + 1 + 7 * seed]))

        with_intake(url, send, of)
        sums.append(stored(url, of)[1])
    expected = sum(np.frombuffer(body, "<i2", offset=56).astype(np.int64) * 1024 for body in bodies)

    assert sums == [np.asarray(expected).tolist()] * 3


def test_a_token_counts_once_in_one_group_in_two_and_after_a_restart(database_url: str) -> None:
    of, token = plan(), b"t" * 16
    body = update(of, token=token)

    async def send(intake: Intake) -> list[Verdict]:
        first = await asyncio.gather(*(intake.accept(of.round, body) for _ in range(3)))
        return [answer.verdict for answer in (*first, await intake.accept(of.round, body))]

    assert with_intake(database_url, send, of) == [Verdict.COUNTED, *[Verdict.BEFORE] * 3]
    assert verdicts(database_url, of, body) == [Verdict.BEFORE]
    assert stored(database_url, of)[0].updates == 1
    assert stored(database_url, of)[1] == [1024] * of.size


def test_only_the_digest_of_a_token_is_stored_and_nothing_of_the_update(database_url: str) -> None:
    of, token = plan(), b"SIXTEENBYTETOKEN"
    values = [321, -123, 77, 5, 0, 0, 1, 999]
    verdicts(database_url, of, update(of, values, token), update(of))
    path = make_url(database_url).database or ""
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT * FROM round_tokens").fetchall()
        with pytest.raises(sqlite3.OperationalError, match="no such column"):
            connection.execute("SELECT rowid FROM round_tokens")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = Path(path).read_bytes()

    assert (of.round, hashlib.sha256(token).digest()) in rows
    assert token not in content
    assert np.array(values, "<i2").tobytes() not in content
    assert (np.array(values, "<i8") * 1024).tobytes() not in content


def test_a_late_update_weighs_less(database_url: str) -> None:
    first, second = plan("a"), plan("b", adapter_sha256=OTHER, max_staleness=1)

    async def send(intake: Intake) -> list[Verdict]:
        await intake.ledger.open(first, 1)
        await intake.ledger.close(first.round, 2, "by hand")
        await intake.ledger.open(second, 3)
        await intake.refresh()
        late, timely = update(second, adapter=ADAPTER), update(second)
        return [(await intake.accept(second.round, body)).verdict for body in (late, timely)]

    assert with_intake(database_url, send) == [Verdict.COUNTED] * 2
    found, sums, counts = stored(database_url, second)
    assert staleness_weight(1) == 724
    assert sums == [1024 + 724] * second.size
    assert (found.weight, counts["staleness 0"], counts["staleness 1"]) == (1024 + 724, 1, 1)


@pytest.mark.parametrize(("staleness", "weight"), [(0, 1024), (1, 724), (3, 512), (8, 341), (99, 102)])
def test_the_weight_is_one_over_the_root_of_one_plus_the_staleness(staleness: int, weight: int) -> None:
    assert staleness_weight(staleness) == weight


@pytest.mark.parametrize(
    ("adapter", "verdict"), [(ADAPTER, Verdict.STALE), ("c" * 64, Verdict.OTHER_ADAPTER), (OTHER, Verdict.COUNTED)]
)
def test_an_update_of_another_adapter_is_refused(database_url: str, adapter: str, verdict: Verdict) -> None:
    first, second = plan("a"), plan("b", adapter_sha256=OTHER, max_staleness=0)

    async def send(intake: Intake) -> Verdict:
        await intake.ledger.open(first, 1)
        await intake.ledger.close(first.round, 2, "by hand")
        await intake.ledger.open(second, 3)
        await intake.refresh()
        return (await intake.accept(second.round, update(second, adapter=adapter))).verdict

    assert with_intake(database_url, send) is verdict


def test_an_update_beyond_the_norm_is_scaled_down_towards_zero(database_url: str) -> None:
    of = plan()
    limit = of.norm_limit * of.scale
    honest = int(limit / np.sqrt(of.size))
    verdicts(database_url, of, update(of, [32767, -32768] * 4), update(of, [honest] * 8))
    _, sums, counts = stored(database_url, of)
    ours = np.array(sums) / 1024 - honest

    assert counts["clipped"] == 1
    assert np.linalg.norm(ours) <= limit
    assert np.linalg.norm(ours) > limit - 3
    assert (ours[::2] > 0).all()
    assert (ours[1::2] < 0).all()


@pytest.mark.parametrize("bits", [16, 32])
def test_an_update_within_the_norm_is_not_touched(bits: int) -> None:
    of = plan(bits=bits)
    values = np.array([3, -4, 0, 0, 0, 0, 0, 0])

    assert clipped_again(values, of) == (values, False)
    assert not clipped_again(np.zeros(8, dtype=np.int64), of)[1]


@pytest.mark.parametrize("value", [2**31 - 1, -(2**31)])
def test_the_largest_integers_do_not_overflow(value: int) -> None:
    of = plan(bits=32)
    values, was_clipped = clipped_again(np.full(8, value), of)

    assert was_clipped
    assert 0 < np.linalg.norm(values) <= of.norm_limit * of.scale


HOSTILE: Sequence[tuple[str, Callable[[bytes], bytes]]] = [
    ("empty", lambda body: b""),
    ("short", lambda body: body[:-1]),
    ("long", lambda body: body + b"\0"),
    ("another format", lambda body: b"XXXX" + body[4:]),
    ("another version", lambda body: body[:4] + b"\2" + body[5:]),
    ("another width", lambda body: body[:5] + b"\x20" + body[6:]),
    ("reserved bits", lambda body: body[:6] + b"\1" + body[7:]),
]


@pytest.mark.parametrize(("_name", "spoiled"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_what_is_no_update_is_refused_with_the_reason(
    database_url: str, _name: str, spoiled: Callable[[bytes], bytes]
) -> None:
    of = plan()

    async def send(intake: Intake) -> Answer:
        return await intake.accept(of.round, spoiled(update(of)))

    answer = with_intake(database_url, send, of)
    assert answer.verdict is Verdict.MALFORMED
    assert "expected" in answer.why
    assert stored(database_url, of)[0].updates == 0


def test_a_full_round_closes_and_never_takes_one_more(database_url: str) -> None:
    of = plan(max_updates=3)
    found = verdicts(database_url, of, *(update(of) for _ in range(5)))

    assert found == [Verdict.COUNTED] * 3 + [Verdict.CLOSED] * 2
    closed, sums, _ = stored(database_url, of)
    assert (closed.state, closed.updates, sums[0]) == (State.CLOSED, 3, 3 * 1024)
    assert closed.note == "Closed as it was full with 3 updates."


def test_a_round_closes_at_its_deadline_also_if_no_update_comes(database_url: str) -> None:
    of, time = plan(min_updates=1), [0.0]

    async def wait(intake: Intake) -> list[Verdict]:
        before = await intake.accept(of.round, update(of))
        time[0] = of.deadline_time()
        after = await intake.accept(of.round, update(of))
        await intake.refresh()
        return [before.verdict, after.verdict]

    assert with_intake(database_url, wait, of, clock=lambda: time[0]) == [Verdict.COUNTED, Verdict.CLOSED]
    assert stored(database_url, of)[0].state is State.CLOSED


def test_a_device_that_did_not_get_the_answer_hears_also_after_the_close_that_it_was_counted(database_url: str) -> None:
    of = plan(max_updates=2)
    body = update(of)

    assert verdicts(database_url, of, body, update(of), body) == [Verdict.COUNTED, Verdict.COUNTED, Verdict.BEFORE]


def test_a_round_that_is_not_known_has_no_updates(database_url: str) -> None:
    async def send(intake: Intake) -> Verdict:
        return (await intake.accept("x" * 26, b"")).verdict

    assert with_intake(database_url, send) is Verdict.NO_ROUND


def test_a_round_that_was_just_opened_takes_updates_at_once(database_url: str) -> None:
    of = plan()

    async def send(intake: Intake) -> list[Verdict]:
        unknown = await intake.accept(of.round, update(of))
        await intake.ledger.open(of, 1)
        await asyncio.sleep(LOOK_S)
        return [unknown.verdict, (await intake.accept(of.round, update(of))).verdict]

    assert with_intake(database_url, send) == [Verdict.NO_ROUND, Verdict.COUNTED]


def test_too_few_updates_are_carried_over_to_the_next_round_with_the_same_terms(database_url: str) -> None:
    first, second = plan("a", min_updates=3), plan("b", min_updates=3)

    async def two_rounds(intake: Intake) -> None:
        await intake.ledger.open(first, 1)
        await intake.refresh()
        await asyncio.gather(*(intake.accept(first.round, update(first)) for _ in range(2)))
        await intake.ledger.close(first.round, 2, "by hand")
        await intake.ledger.open(second, 3)
        await intake.refresh()
        await asyncio.gather(*(intake.accept(second.round, update(second)) for _ in range(4)))
        await intake.ledger.close(second.round, 4, "by hand")

    with_intake(database_url, two_rounds)
    before, nothing, _ = stored(database_url, first)
    after, sums, counts = stored(database_url, second)
    assert (before.state, nothing) == (State.CARRIED, [0] * 8)
    assert before.note == (f"Closed by hand with 2 updates, fewer than 3. Carried over to round {second.round}.")
    assert (after.state, after.updates, after.weight, sums) == (State.CLOSED, 6, 6 * 1024, [6 * 1024] * 8)
    assert (counts["carried over"], counts["staleness 0"]) == (2, 6)


@pytest.mark.parametrize(("n_second", "state"), [(3, State.SHORT), (4, State.CLOSED)])
def test_a_sum_of_two_rounds_needs_twice_the_updates_because_a_device_may_be_in_it_twice(
    database_url: str, n_second: int, state: State
) -> None:
    first, second = plan("a", min_updates=3), plan("b", min_updates=3)

    async def two_rounds(intake: Intake) -> Round:
        await intake.ledger.open(first, 1)
        await intake.refresh()
        await asyncio.gather(*(intake.accept(first.round, update(first)) for _ in range(2)))
        await intake.ledger.close(first.round, 2, "by hand")
        await intake.ledger.open(second, 3)
        await intake.refresh()
        await asyncio.gather(*(intake.accept(second.round, update(second)) for _ in range(n_second)))
        return await intake.ledger.close(second.round, 4, "by hand")

    found = with_intake(database_url, two_rounds)
    assert (found.state, found.merged, found.needed) == (state, 2, 6)


@pytest.mark.parametrize("changes", [{"adapter_sha256": OTHER}, {"sigma": 0.6}, {"max_updates": 1, "min_updates": 1}])
def test_too_few_updates_are_dropped_if_the_next_round_differs(database_url: str, changes: dict[str, object]) -> None:
    first, second = plan("a", min_updates=3), plan("b", **changes)

    async def two_rounds(intake: Intake) -> list[Round]:
        await intake.ledger.open(first, 1)
        await intake.refresh()
        await asyncio.gather(*(intake.accept(first.round, update(first)) for _ in range(2)))
        await intake.ledger.close(first.round, 2, "by hand")
        return await intake.ledger.open(second, 3)

    settled = with_intake(database_url, two_rounds)
    assert [one.state for one in settled] == [State.DROPPED]
    assert "other terms" in settled[0].note
    assert stored(database_url, first)[1] == [0] * 8
    assert stored(database_url, second)[0].updates == 0


def test_updates_are_told_to_come_back_while_the_database_does_not_answer_and_none_is_counted_twice(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = plan()
    bodies = [update(of) for _ in range(4)]

    async def send(intake: Intake) -> list[Answer]:
        await intake.accept(of.round, bodies[0])
        with monkeypatch.context() as patched:
            patched.setattr("server.rounds.intake.change", _broken)
            failed = await intake.accept(of.round, bodies[1])
        after = await asyncio.gather(*(intake.accept(of.round, body) for body in bodies))
        return [failed, *after]

    failed, *after = with_intake(database_url, send, of)
    assert (failed.verdict, failed.retry_after_s) == (Verdict.FAILED, 3600)
    assert [one.verdict for one in after] == [Verdict.BEFORE, *[Verdict.COUNTED] * 3]
    assert stored(database_url, of)[0].updates == 4
    assert stored(database_url, of)[1] == [4 * 1024] * 8


async def _broken(*_: object, **__: object) -> None:
    raise OSError("no database")


def test_a_server_forgets_a_round_a_day_after_its_close(database_url: str) -> None:
    of, time = plan(), [0.0]

    async def wait(intake: Intake) -> list[Verdict]:
        found = []
        await intake.ledger.close(of.round, 0, "by hand")
        for time[0] in (LATE_S, LATE_S + 1):
            await intake.refresh()
            found.append((await intake.accept(of.round, update(of))).verdict)
        return found

    assert with_intake(database_url, wait, of, clock=lambda: time[0]) == [Verdict.CLOSED, Verdict.NO_ROUND]


def test_malicious_devices_move_the_mean_by_their_share_of_the_largest_norm(database_url: str) -> None:
    of = plan()
    honest, hostile = [40] * 8, [[-32768] * 8, [32767, -32768] * 4]
    bodies = [update(of, honest) for _ in range(38)] + [update(of, values) for values in hostile]
    verdicts(database_url, of, *bodies)
    found, sums, counts = stored(database_url, of)
    mean = np.array(sums) / found.weight

    assert counts["clipped"] == len(hostile)
    assert np.linalg.norm(mean - honest) <= 2 / 40 * (of.norm_limit * of.scale + np.linalg.norm(honest))


def test_tokens_are_deleted_a_day_after_the_close(database_url: str) -> None:
    of = plan(max_updates=2)
    bodies = [update(of), update(of)]
    verdicts(database_url, of, *bodies)

    async def forget() -> int:
        database = Database(database_url)
        closed = (await Ledger(database).one(of.round)).closed or 0
        await Ledger(database).forget_tokens(closed + 24 * 3600 + 1)
        await database.close()
        with sqlite3.connect(make_url(database_url).database or "") as connection:
            return int(connection.execute("SELECT count(*) FROM round_tokens").fetchone()[0])

    assert asyncio.run(forget()) == 0


def test_one_round_of_a_target_is_open_at_a_time(database_url: str) -> None:
    async def open_two(intake: Intake) -> None:
        await intake.ledger.open(plan("a"), 1)
        await intake.ledger.open(plan("a"), 1)  # again, after a crash between signing and opening
        await intake.ledger.open(plan("b"), 1)

    with pytest.raises(Exception, match=r"a{26} is open until .* rounds close"):
        with_intake(database_url, open_two)
