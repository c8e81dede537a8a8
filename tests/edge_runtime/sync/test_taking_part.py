"""Taking part in a round: only what is signed and agreed to, sent once, with a receipt of every byte."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import RoundError, StateError, UpdateRefusedError
from edge_runtime.rounds.ledger import RoundLedger
from edge_runtime.rounds.participate import Adapter, Limit
from edge_runtime.rounds.plan import RoundPlan
from edge_runtime.rounds.update import decode
from edge_runtime.state.history import History
from edge_runtime.sync import sync
from edge_runtime.sync.receipts import read_receipts
from edge_runtime.sync.round_view import lines
from edge_runtime.sync.taking_part import RoundReport, take_part
from tests.edge_runtime.sync.signed_shop import LAPTOP, SignedShop, adapted
from tests.fake_operator import FakeOperator, collecting
from tests.live_server import POCKETREC, serving
from tests.tiny_round import plan_for

EVENTS = 12
ANY = Limit(epsilon=float("inf"))


def trained(plan: RoundPlan, adapter: Adapter) -> np.ndarray:
    return np.full((plan.rank, plan.dim), 0.01)


class Device:
    """A device with a signed bundle and a history."""

    def __init__(self, folder: Path, shop: SignedShop) -> None:
        self.folder, self.shop, self.state = folder / "device", shop, folder / "history.sqlite"
        with History.open(self.state) as history:
            for number in range(EVENTS):
                history.add(f"item-{number}")
        sync(shop.folder, self.folder, target=LAPTOP)

    def take_part(self, limit: Limit = ANY, *, preview: bool = False) -> RoundReport:
        return take_part(self.shop.folder, self.folder, self.state, train=trained, limit=limit, preview=preview)


@pytest.fixture
def shop(tmp_path: Path) -> SignedShop:
    shop = SignedShop(tmp_path / "shop")
    shop.release(1)
    shop.renew()
    return shop


@pytest.fixture
def device(shop: SignedShop, tmp_path: Path) -> Device:
    return Device(tmp_path, shop)


@pytest.fixture
def operator() -> Iterator[FakeOperator]:
    with collecting() as running:
        yield running


@pytest.fixture
def plan(shop: SignedShop, operator: FakeOperator) -> RoundPlan:
    plan = plan_for(next(iter(shop.bundles.values())), operator.url)
    shop.open_round(plan)
    return plan


def test_without_a_round_nothing_is_sent(device: Device, operator: FakeOperator) -> None:
    assert device.take_part() == RoundReport("no round")


def test_a_device_sends_one_update_and_keeps_a_receipt_of_every_byte(
    device: Device, plan: RoundPlan, operator: FakeOperator
) -> None:
    report = device.take_part()

    ((path, kind, body),) = operator.got
    assert (report.status, path) == ("sent", f"/v1/rounds/{plan.round}/updates")
    assert kind == "application/octet-stream"
    assert decode(body, plan).adapter_sha256 == plan.adapter_sha256
    (receipt,) = read_receipts(device.folder)
    request = "".join(receipt.requests).encode("latin-1")
    assert receipt.server == operator.url
    assert request.endswith(b"\r\n\r\n" + body)
    assert b"cookie" not in request.lower()
    assert device.take_part().status == "not now"
    assert len(operator.got) == 1


def test_the_words_are_shown_before_anything_is_sent(device: Device, plan: RoundPlan, operator: FakeOperator) -> None:
    shown = list[tuple[int, str]]()

    def show(words: Sequence[str]) -> None:
        shown.append((len(operator.got), "\n".join(words)))

    take_part(device.shop.folder, device.folder, device.state, train=trained, limit=ANY, show=show)

    ((n_sent, text),) = shown
    assert n_sent == 0
    assert f"its {EVENTS} events" in text
    assert f"{plan.body_bytes} bytes once to {operator.url}" in text


def test_a_preview_sends_and_notes_nothing(device: Device, plan: RoundPlan, operator: FakeOperator) -> None:
    report = device.take_part(preview=True)

    assert (report.status, operator.got) == ("previewed", [])
    assert "this device has no limit" in report.words[-1]
    assert device.take_part().status == "sent"


def test_an_answer_that_is_lost_is_asked_for_with_the_same_bytes(
    device: Device, shop: SignedShop, operator: FakeOperator
) -> None:
    plan = plan_for(next(iter(shop.bundles.values())), operator.url, retry_after_s=1)
    shop.open_round(plan)
    operator.answers = [0, 503]

    statuses = {device.take_part().status}
    while "sent" not in statuses:
        statuses.add(device.take_part().status)

    assert statuses == {"waiting", "sent"}
    assert len(operator.got) == 3
    assert len(operator.bodies(plan.round)) == 1


def test_the_limit_of_the_device_stands_above_the_plan(device: Device, plan: RoundPlan, operator: FakeOperator) -> None:
    report = device.take_part(Limit(epsilon=0.1))

    assert report.status == "not now"
    assert "this device's limit is 0.1" in (report.reason or "")
    assert operator.got == []


def test_a_device_with_another_release_waits_for_its_sync(
    device: Device, plan: RoundPlan, shop: SignedShop, operator: FakeOperator
) -> None:
    base = next(iter(shop.bundles))
    shop.component("adapter", 2, adapted(shop, base, 2), base)
    sync(shop.folder, device.folder)

    report = device.take_part()

    assert (report.status, operator.got) == ("not now", [])
    assert "another release than the one in use here" in (report.reason or "")


def test_a_plan_whose_bytes_are_not_those_that_are_signed_is_refused(
    device: Device, plan: RoundPlan, operator: FakeOperator
) -> None:
    (path,) = (device.shop.folder / "targets" / "adapter").glob(f"*round-{LAPTOP}.json")
    path.write_bytes(path.read_bytes().replace(b'"sigma":4.0', b'"sigma":0.0'))

    with pytest.raises(UpdateRefusedError, match="does not have the bytes that are signed"):
        device.take_part()
    assert operator.got == []


def test_a_signed_plan_that_breaks_a_rule_is_refused(device: Device, plan: RoundPlan, operator: FakeOperator) -> None:
    device.shop._publish("adapter", f"adapter/round-{LAPTOP}.json", b'{"schema":1,"clip":"none"}')

    with pytest.raises(UpdateRefusedError, match="the release is refused"):
        device.take_part()
    assert operator.got == []


def test_plain_http_to_another_machine_sends_nothing(device: Device, shop: SignedShop) -> None:
    plan = plan_for(next(iter(shop.bundles.values())), "http://192.0.2.7")
    shop.open_round(plan)

    report = device.take_part()

    assert (report.status, report.sendings) == ("not now", ())
    assert "plain http" in (report.reason or "")
    assert read_receipts(device.folder) == []


def test_an_upload_that_was_prepared_with_insecure_is_not_sent_without(
    device: Device, shop: SignedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_for(next(iter(shop.bundles.values())), "http://192.0.2.7")
    shop.open_round(plan)
    with monkeypatch.context() as offline:
        offline.setattr(RoundLedger, "pending", lambda ledger: [])  # as if it had been stopped before it was sent
        take_part(shop.folder, device.folder, device.state, train=trained, limit=ANY, insecure=True)

    (sending,) = device.take_part().sendings

    assert (sending.outcome, "plain http" in (sending.problem or "")) == ("prepared", True)
    assert read_receipts(device.folder) == []


def test_a_history_that_is_not_there_is_neither_made_nor_sent(
    device: Device, plan: RoundPlan, operator: FakeOperator, tmp_path: Path
) -> None:
    report = take_part(device.shop.folder, device.folder, tmp_path / "mistyped.sqlite", train=trained, limit=ANY)
    command = [*POCKETREC, "sync", str(device.shop.folder), "--into", str(device.folder), "--take-part", "--state"]
    done = subprocess.run([*command, str(tmp_path / "other.sqlite")], capture_output=True, text=True, check=False)

    assert (report.status, operator.got) == ("not now", [])
    assert "there is no history yet" in (report.reason or "")
    assert done.returncode == 1
    assert "there is no history" in done.stderr
    assert sorted(path.name for path in tmp_path.glob("*.sqlite")) == ["history.sqlite"]


def test_a_device_that_trusts_no_keys_has_no_rounds(shop: SignedShop, tmp_path: Path) -> None:
    with pytest.raises(RoundError, match="trusts no keys yet"):
        take_part(shop.folder, tmp_path / "new", tmp_path / "history.sqlite")


def test_without_a_place_for_the_note_nothing_is_sent(device: Device, plan: RoundPlan, operator: FakeOperator) -> None:
    device.state.unlink()
    device.state.mkdir()

    with pytest.raises(StateError):
        device.take_part()
    assert operator.got == []


def test_the_training_that_comes_with_it_moves_the_adapter_towards_the_history(
    device: Device, shop: SignedShop, operator: FakeOperator
) -> None:
    bundle = next(iter(shop.bundles.values()))
    quiet = plan_for(bundle, operator.url, sigma=0.0, scale=1 << 14, clip=1.0, steps=20, learning_rate=0.05)
    shop.open_round(quiet)

    assert take_part(shop.folder, device.folder, device.state, limit=ANY).status == "sent"

    values = decode(operator.got[0][2], quiet).values
    assert np.count_nonzero(values) > quiet.size // 2
    assert np.linalg.norm(values) / quiet.scale == pytest.approx(1.0, abs=0.01)


def pocketrec(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*POCKETREC, *words], capture_output=True, text=True, check=True)


def test_the_command_says_what_is_sent_before_and_shows_a_receipt_after(
    device: Device, plan: RoundPlan, operator: FakeOperator
) -> None:
    words = ("sync", device.shop.folder, "--into", device.folder, "--state", device.state, "--take-part")

    refused = pocketrec(*words, "--max-epsilon", "1").stdout
    previewed = pocketrec(*words, "--preview").stdout
    done = pocketrec(*words).stdout
    again = json.loads(pocketrec(*words, "--json").stdout)

    assert "Nothing was sent: taking part would reveal epsilon" in refused
    assert previewed.index("Already up to date") < previewed.index("bytes once to") < previewed.index("Nothing was")
    assert done.index("bytes once to") < done.index("sent and counted") < done.index("pocketrec receipts")
    assert (again["status"], again["round"]["status"]) == ("up to date", "not now")
    assert len(operator.got) == 1
    receipts = pocketrec("receipts", device.folder).stdout
    assert f"POST /v1/rounds/{plan.round}/updates" in receipts
    assert "000000  504b5255 01100000" in receipts


def test_without_the_option_no_round_is_looked_for(device: Device, plan: RoundPlan, operator: FakeOperator) -> None:
    done = pocketrec("sync", device.shop.folder, "--into", device.folder, "--json")

    assert "round" not in json.loads(done.stdout)
    assert operator.got == []


def test_a_preview_on_a_new_device_takes_no_part(shop: SignedShop, plan: RoundPlan, tmp_path: Path) -> None:
    new, state = tmp_path / "new", tmp_path / "new.sqlite"
    with History.open(state):
        pass
    words = ("sync", shop.folder, "--into", new, "--state", state, "--preview", "--take-part")

    done = subprocess.run([*POCKETREC, *words], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert "found no bundle in use" in " ".join(done.stderr.split())
    assert not new.exists()


def test_the_traffic_of_a_round_is_in_its_report(device: Device, plan: RoundPlan, operator: FakeOperator) -> None:
    with serving(device.shop.folder) as server:
        report = take_part(server.url, device.folder, device.state, train=trained, limit=ANY)

    receipts = read_receipts(device.folder)
    requests = [request for receipt in receipts for request in receipt.requests]
    assert {receipt.server for receipt in receipts} == {server.url, operator.url}
    assert (report.traffic.requests, report.traffic.sent_bytes) == (len(requests), sum(map(len, requests)))
    assert report.traffic.sent_bytes > plan.body_bytes
    assert report.traffic.fetched_bytes > 0
    line = f"For plan and upload: {len(requests)} more requests, {report.traffic.fetched_bytes:,} bytes fetched"
    assert lines(report, device.folder)[-1].startswith(line)
    again = lines(device.take_part(), device.folder)
    assert again[0].startswith("Nothing was sent: ")
    assert again[-1].startswith("For the plan: ")
    assert "bytes sent" not in again[-1]


def test_a_history_that_is_too_short_is_named_with_its_file(
    device: Device, plan: RoundPlan, operator: FakeOperator, tmp_path: Path
) -> None:
    other = tmp_path / "other.sqlite"
    with History.open(other) as history:
        history.add("item-1")

    report = take_part(device.shop.folder, device.folder, other, train=trained, limit=ANY)

    assert report.status == "not now"
    assert f"the history {other} has 1 event, and the plan needs" in (report.reason or "")
