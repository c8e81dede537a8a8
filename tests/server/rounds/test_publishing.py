"""A round from its plan to the device that gets the new adapter."""

import asyncio
import dataclasses
import importlib
import json
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from edge_runtime import Recommender
from edge_runtime.bundle import open_folder
from edge_runtime.bundle.arrays import load_arrays
from edge_runtime.contents import open_contents
from edge_runtime.device_folder import current_bundle
from edge_runtime.engines.protocol import SmallMatrices
from edge_runtime.engines.reference import ReferenceEngine
from edge_runtime.rounds.plan import RoundPlan, parse_plan, round_path
from edge_runtime.sync import sync
from export.adapted import try_adapter
from server.database.database import Database, file_url
from server.errors import RepositoryError, RoundStateError, SigningError
from server.repository.passphrase import PASSPHRASE as VARIABLE
from server.repository.publish import publish
from server.repository.status import read_status
from server.rounds import publishing
from server.rounds.intake import Intake
from server.rounds.ledger import Ledger, Round, State
from server.rounds.opening import Terms, make_plan, open_round
from server.rounds.publishing import Outcome, publish_round
from tests.tiny_repository import PASSPHRASE, TARGET, TinyRepository, make_repository
from tests.tiny_rounds import update

N_ITEMS = 30
N_UPDATES = 4
TERMS = Terms(operators=("http://127.0.0.1:8000",), clip=20.0, epsilon=None, sigma=0.0, min_updates=2, max_updates=100)


@pytest.fixture(autouse=True)
def _trier(monkeypatch: pytest.MonkeyPatch) -> None:
    """Find what tries an adapter also if the entry points of another version are installed."""
    monkeypatch.setattr("server.rounds.publishing._trier", lambda: try_adapter)


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyRepository:
    """A repository with one release."""
    monkeypatch.setenv(VARIABLE, PASSPHRASE)
    made = make_repository(tmp_path)
    made.bundle(0, n_items=N_ITEMS)
    publish(made.path, made.bundles, made.ring())
    return made


@pytest.fixture
def url(tmp_path: Path) -> str:
    return file_url(tmp_path / "rounds.sqlite3")


def change() -> NDArray[np.float64]:
    """Return what devices would add to B, ``[2, 16]``."""
    return np.random.default_rng(3).normal(0.0, 1.0, (2, 16))


def fill(url: str, of: RoundPlan, mean: NDArray[np.float64], *, close: bool = True) -> Round:
    """Send updates with this mean, and close the round."""

    async def send() -> Round:
        database = Database(url)
        intake = Intake(database)
        async with intake.running():
            values = np.rint(mean.ravel() * of.scale).astype(np.int64)
            for sign in (1, -1) * (N_UPDATES // 2):
                body = update(of, (values + sign).tolist())
                assert (await intake.accept(of.round, body)).verdict.value == "counted"
            if close:
                await intake.ledger.close(of.round, 1, "by hand")
            found = await intake.ledger.one(of.round)
        await database.close()
        return found

    return asyncio.run(send())


def one(url: str, round_id: str) -> Round:
    async def read() -> Round:
        database = Database(url)
        found = await Ledger(database).one(round_id)
        await database.close()
        return found

    return asyncio.run(read())


def write_data(folder: Path, bundle: Path, b: NDArray[np.float64], n_users: int = 120) -> Path:
    """Write a data folder in which each user's last item is the best one by the bundle with another B."""
    contents = open_contents(open_folder(bundle))
    small = contents.small
    adapted = SmallMatrices(small.prompts, small.knowledge, small.adapter_a, b.astype(np.float32))
    engine = ReferenceEngine.open((bundle / "encoder.safetensors").read_bytes(), contents.folder.manifest.encoder)
    rng = np.random.default_rng(0)
    vectors = contents.codes.decode(np.arange(N_ITEMS))
    lines = ["user_id,item_id,timestamp"]
    for user in range(n_users):
        rows = rng.choice(N_ITEMS, size=6, replace=False)
        scores = vectors @ engine.encode(vectors[rows], adapted)
        scores[rows] = -np.inf
        events = [*rows.tolist(), int(np.argmax(scores))]
        lines += [f"u{user},item-{row},{1_600_000_000 + step}" for step, row in enumerate(events)]
    folder.mkdir()
    (folder / "interactions.csv").write_text("\n".join(lines) + "\n")
    items = [
        {"item_id": item, "title": title}
        for item, title in zip(contents.items.item_id, contents.items.title, strict=True)
    ]
    (folder / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    return folder


def opened(made: TinyRepository, url: str, terms: Terms = TERMS) -> RoundPlan:
    plan = make_plan(made.path, TARGET, terms)
    open_round(made.path, made.ring("adapter", "snapshot", "timestamp"), plan, url)
    return plan


def finish(made: TinyRepository, url: str, of: RoundPlan, data: Path | None = None, **options: object) -> Outcome:
    keys = made.ring("adapter", "snapshot", "timestamp")
    return publish_round(made.path, keys, url, of.round, data=data, **options)  # type: ignore[arg-type]


def b_of(bundle: Path) -> NDArray[np.float32]:
    return load_arrays((bundle / "adapter.safetensors").read_bytes(), "adapter")["b"]


def synced(made: TinyRepository, device: Path) -> int:
    return sync(str(made.path), device, target=TARGET, root=made.path / "metadata" / "1.root.json").release or 0


def test_devices_get_the_mean_of_the_updates_as_a_signed_release_of_the_adapter(
    published: TinyRepository, url: str, tmp_path: Path
) -> None:
    device = tmp_path / "device"
    assert synced(published, device) == 1
    plan = opened(published, url)
    fill(url, plan, change())
    outcome = finish(published, url, plan, force=True)

    assert (outcome.published, outcome.forced, outcome.release) == (True, True, 2)
    assert synced(published, device) == 2
    with Recommender.open(device) as recommender:
        assert recommender.recommend()
    before, after = b_of(published.bundles / TARGET), b_of(current_bundle(device))
    assert np.allclose(after, before + change(), atol=1.0 / plan.scale)
    assert [one.what for one in read_status(published.path).releases[0].history] == ["bundle", "adapter"]
    assert outcome.changed_bytes < 0.5 * open_folder(published.bundles / TARGET).manifest.bundle_bytes
    found = one(url, plan.round)
    assert (found.state, found.note.split(".")[0]) == (State.PUBLISHED, "Published as release 2 with --force")


def test_what_ranks_better_on_held_out_data_is_published(published: TinyRepository, url: str, tmp_path: Path) -> None:
    bundle = published.bundles / TARGET
    data = write_data(tmp_path / "data", bundle, b_of(bundle) + change())
    plan = opened(published, url)
    fill(url, plan, change())
    outcome = finish(published, url, plan, data)

    assert (outcome.published, outcome.forced, outcome.trial.better) == (True, False, True)
    assert "rises beyond chance" in outcome.why
    everyone = outcome.trial.segments[0]
    ndcg = next(metric for metric in everyone.metrics if metric.metric == "ndcg@10")
    assert (everyone.segment, everyone.n_users) == ("all users", 120)
    assert 0.0 < ndcg.low < ndcg.difference < ndcg.high


def test_what_does_not_rank_better_is_not_published(published: TinyRepository, url: str, tmp_path: Path) -> None:
    bundle = published.bundles / TARGET
    data = write_data(tmp_path / "data", bundle, b_of(bundle).astype(np.float64))
    plan = opened(published, url)
    fill(url, plan, change())
    outcome = finish(published, url, plan, data)

    assert (outcome.published, outcome.release) == (False, None)
    assert "does not rise beyond chance" in outcome.why
    assert one(url, plan.round).state is State.KEPT
    assert synced(published, tmp_path / "device") == 1
    forced = finish(published, url, plan, force=True)  # an operator may decide otherwise
    assert (forced.release, forced.forced, forced.trial) == (2, True, outcome.trial)


def test_publishing_again_after_a_crash_does_not_add_the_mean_twice(
    published: TinyRepository, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = opened(published, url)
    fill(url, plan, change())
    record = publishing._record

    async def dying(url: str, found: Round, outcome: Outcome, state: State) -> None:
        if state is State.PUBLISHED:
            raise KeyboardInterrupt
        await record(url, found, outcome, state)

    with monkeypatch.context() as patched:
        patched.setattr(publishing, "_record", dying)
        with pytest.raises(KeyboardInterrupt):
            finish(published, url, plan, force=True)
    assert one(url, plan.round).state is State.CLOSED
    outcome = finish(published, url, plan, force=True)

    assert (outcome.published, outcome.release) == (True, 2)
    assert one(url, plan.round).state is State.PUBLISHED
    assert read_status(published.path).releases[0].release == 2


def test_what_tries_an_adapter_is_named_by_an_entry_point() -> None:
    described = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))
    (entry,) = described["project"]["entry-points"][publishing.TRIERS].values()
    module, _, name = entry.partition(":")

    assert getattr(importlib.import_module(module), name) is try_adapter


def test_the_next_round_starts_from_the_new_adapter(published: TinyRepository, url: str) -> None:
    plan = opened(published, url)
    fill(url, plan, change())
    finish(published, url, plan, force=True)
    with pytest.raises(RepositoryError, match="another release"):
        open_round(published.path, published.ring(), replace(plan, round="z" * 26), url)
    second = opened(published, url)

    assert second.base != plan.base
    assert second.adapter_sha256 != plan.adapter_sha256
    assert fill(url, second, change()).adapter == 2


@pytest.mark.parametrize("options", [{"data": None}, {"force": True}])
def test_a_round_that_is_open_or_was_published_is_not_published(
    published: TinyRepository, url: str, options: dict[str, object]
) -> None:
    plan = opened(published, url)
    fill(url, plan, change(), close=False)
    with pytest.raises(RoundStateError, match="is open until"):
        finish(published, url, plan, force=True)
    asyncio.run(_close(url, plan))
    if "data" in options:
        with pytest.raises(RoundStateError, match="no --data"):
            finish(published, url, plan)
    else:
        finish(published, url, plan, force=True)
        with pytest.raises(RoundStateError, match="is published"):
            finish(published, url, plan, force=True)


async def _close(url: str, plan: RoundPlan) -> None:
    database = Database(url)
    await Ledger(database).close(plan.round, 1, "by hand")
    await database.close()


def test_too_few_updates_publish_nothing(published: TinyRepository, url: str) -> None:
    plan = opened(published, url, dataclasses.replace(TERMS, min_updates=50))
    assert fill(url, plan, change()).state is State.SHORT
    with pytest.raises(RoundStateError, match="fewer than 50"):
        finish(published, url, plan, force=True)


def test_updates_of_a_model_that_is_no_longer_on_offer_are_refused(published: TinyRepository, url: str) -> None:
    plan = opened(published, url)
    fill(url, plan, change())
    published.bundle(1, n_items=N_ITEMS)
    publish(published.path, published.bundles, published.ring())

    with pytest.raises(RepositoryError, match="no longer on offer"):
        finish(published, url, plan, force=True)


def test_a_plan_is_signed_by_the_key_of_adapters_and_found_by_clients(
    published: TinyRepository, url: str, tmp_path: Path
) -> None:
    plan = opened(published, url)
    client = published.client(tmp_path / "client")
    data = client.document(round_path(TARGET))

    assert data is not None
    assert parse_plan(data, TARGET) == plan


def test_a_round_is_not_opened_without_the_keys_and_nothing_is_left_behind(published: TinyRepository, url: str) -> None:
    plan = make_plan(published.path, TARGET, TERMS)
    with pytest.raises(SigningError, match="adapter"):
        open_round(published.path, published.ring("timestamp", "snapshot"), plan, url)

    with pytest.raises(RoundStateError, match="found no round"):
        one(url, plan.round)


def test_opening_again_completes_what_was_interrupted(
    published: TinyRepository, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(published.path, TARGET, TERMS)
    with monkeypatch.context() as patched:
        patched.setattr("server.repository.draft.Draft.commit", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            open_round(published.path, published.ring(), plan, url)
    open_round(published.path, published.ring(), plan, url)

    assert one(url, plan.round).state is State.OPEN


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rank": 3}, "at most 2"),
        ({"min_updates": 200}, "max_updates"),
        ({"clip": 1e6, "sigma": 1e6}, "choose smaller ones"),
        ({"operators": ("ftp://x",)}, "http"),
        ({"operators": ("https://user:password@host",)}, "a user, a query or a fragment"),
        ({"operators": ("https://host:99999",)}, "99999|port"),
        ({"operators": ("https://[::1",)}, "https://"),
    ],
)
def test_terms_that_make_no_plan_are_refused_with_the_reason(
    published: TinyRepository, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(RepositoryError, match=message):
        make_plan(published.path, TARGET, dataclasses.replace(TERMS, **changes))  # type: ignore[arg-type]


def test_a_plan_whose_deadline_is_over_is_not_opened(published: TinyRepository, url: str) -> None:
    plan = make_plan(published.path, TARGET, TERMS, datetime.now(UTC) - timedelta(days=2))

    with pytest.raises(RoundStateError, match="is over"):
        open_round(published.path, published.ring(), plan, url)
