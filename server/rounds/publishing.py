"""Publishes what a closed round has learned: as a new adapter, if it ranks better on held-out data."""

import asyncio
import math
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import load_arrays
from edge_runtime.bundle.manifest import MANIFEST_NAME, Manifest
from edge_runtime.bundle.release import foreign_change
from edge_runtime.rounds.plan import RoundPlan
from server.database.database import Database, migrate
from server.errors import RepositoryError, RoundStateError
from server.objects import Place
from server.repository.keys import KeyRing
from server.repository.offer import offer_of
from server.repository.publish import Rollout, publish
from server.repository.repository import Repository, reading
from server.repository.store import FilesOfBundle
from server.rounds.ledger import Ledger, Round, State
from server.rounds.opening import ADAPTER, withdraw

PROVENANCE: Final = "round"
"""Entry of a manifest's provenance: the round that its adapter comes from."""
TRIERS: Final = "pocketrec.adapters"
"""Group of the entry points of what tries an adapter; the server itself has no models."""


class Trier(Protocol):
    """Writes a bundle with another adapter, and compares it; see :func:`export.adapted.try_adapter`."""

    def __call__(
        self,
        bundle: Path,
        b: NDArray[np.float32],
        out: Path,
        data: Path | None,
        *,
        created: datetime,
        provenance: Mapping[str, str],
        n_users: int | None,
    ) -> Mapping[str, Any]:
        """Return the fields of :class:`Trial`."""
        ...


class Metric(Struct, frozen=True):
    """A metric of the new adapter and of the one before, over the same users; the interval is of the difference."""

    metric: str
    ours: float
    theirs: float
    difference: float
    low: float
    high: float
    verdict: str


class Segment(Struct, frozen=True):
    """Metrics over the users of one segment."""

    segment: str
    n_users: int
    metrics: list[Metric]


class Trial(Struct, frozen=True):
    """Whether the new adapter is better (None if that was not tried), why, and the figures by segment."""

    better: bool | None
    why: str
    segments: list[Segment]


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of a round.

    Attributes:
        round: its id.
        published: whether an adapter was published.
        why: why, or why not.
        forced: whether an operator published it although it is not better.
        release: number of the release; None if nothing was published.
        manifest: sha256 of its final manifest.
        changed_bytes: bytes of its new files.
        delta_bytes: bytes of its delta packs, newest starting point first.
        before: sha256 of the final manifest that it was compared with.
        server_rate: factor of the mean.
        mean_norm: L2 norm of the mean of the updates.
        noise_norm: the expected L2 norm of the noise in it.
        trial: the trial.
    """

    round: str
    published: bool
    why: str
    forced: bool
    release: int | None
    manifest: str | None
    changed_bytes: int
    delta_bytes: tuple[int, ...]
    before: str
    server_rate: float
    mean_norm: float
    noise_norm: float
    trial: Trial

    @property
    def how(self) -> str:
        """What has to be said beside a release that was not better."""
        return " with --force" if self.forced else ""


def publish_round(
    repository: Place,
    keys: KeyRing,
    url: str,
    round_id: str,
    *,
    data: Path | None,
    server_rate: float = 1.0,
    force: bool = False,
    rollout: Rollout | None = None,
    n_users: int | None = None,
    now: datetime | None = None,
) -> Outcome:
    """Add the mean of a closed round to the adapter on offer, and publish the result if it is better.

    Args:
        repository: the repository.
        keys: with those of ``adapter``, ``snapshot`` and ``timestamp``.
        url: the database.
        round_id: the round.
        data: data folder of users on whose held-out events the adapters are compared; None only with ``force``.
        server_rate: factor of the mean.
        force: publish it although it is not better, or was not compared.
        rollout: the staged rollout; None offers it to those that the rollout of the release before has reached.
        n_users: largest number of users that are compared.
        now: the time that counts.

    Raises:
        RoundStateError: the round is open, has too few updates, or was published.
        RepositoryError: the model on offer is another one than that of the round.
        SigningError: a key is missing.
    """
    migrate(url)
    now = now or datetime.now(UTC)
    found, mean = asyncio.run(_read(url, round_id))
    finished = _finished_before(repository, found)
    withdraw(repository, keys, found.plan)
    if finished is not None:
        asyncio.run(_record(url, found, finished, State.PUBLISHED))
        return finished
    if data is None and not force:
        raise RoundStateError("found no --data on which the adapter could be tried, expected it, or --force.")
    with tempfile.TemporaryDirectory(prefix="pocketrec-round-") as folder:
        before, after = Path(folder) / "before", Path(folder) / "after"
        with reading(repository) as opened:
            b = new_b(opened, found, mean * server_rate, before)
            on_offer = offer_of(opened, found.plan.target).final.sha256
        tried = _trier()(before, b, after, data, created=now, provenance={PROVENANCE: found.id}, n_users=n_users)
        trial = msgspec.convert(tried, Trial)
        if data is None:
            trial = _trial_before(found, on_offer, server_rate) or trial
        outcome = _outcome(found, trial, mean, server_rate, on_offer, force=force)
        # If the process is killed after publishing, the next call knows from the release that it was published.
        asyncio.run(_record(url, found, outcome, State.CLOSED if outcome.published else State.KEPT))
        if outcome.published:
            done = publish(repository, after, keys, component=ADAPTER, rollout=rollout, now=now)[0]
            outcome = msgspec.structs.replace(
                outcome,
                release=done.release,
                manifest=done.manifest,
                changed_bytes=done.changed_bytes,
                delta_bytes=done.deltas,
            )
            asyncio.run(_record(url, found, outcome, State.PUBLISHED))
    return outcome


def new_b(repository: Repository, found: Round, change: NDArray[np.float64], before: Path) -> NDArray[np.float32]:
    """Return B of the adapter on offer plus a change of its first rows, and write the bundle on offer.

    Args:
        repository: the repository.
        found: the round.
        change: what to add, float64 ``[rank * dim]``.
        before: folder for the bundle on offer.

    Raises:
        RepositoryError: the model on offer is another one than that of the round.
    """
    plan, store = found.plan, repository.store
    manifest = offer_of(repository, plan.target).final.manifest
    why = foreign_change(store.manifest(plan.base), manifest, ADAPTER)
    if why is not None:
        raise RepositoryError(
            f"{plan.target}: {why} of the round. Its updates are of a model that is no longer on offer; drop them with "
            "`pocketrec rounds close --drop`, and make a new plan."
        )
    files = FilesOfBundle(manifest, store.bundle(manifest))
    _write(before, manifest, files)
    entry = manifest.required_role(ADAPTER)
    b = load_arrays(files[entry.name], entry.name)["b"].astype(np.float64)
    b[: plan.rank] += change.reshape(plan.rank, plan.dim)
    return b.astype(np.float32)


def _write(folder: Path, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    from edge_runtime.bundle import dump_manifest

    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / MANIFEST_NAME).write_bytes(dump_manifest(manifest))


async def _read(url: str, round_id: str) -> tuple[Round, NDArray[np.float64]]:
    """Return a round that can be published, and the mean of its updates."""
    database = Database(url)
    try:
        ledger = Ledger(database)
        found, total = await ledger.one(round_id), await ledger.total(round_id)
    finally:
        await database.close()
    if found.state is State.OPEN:
        raise RoundStateError(
            f"round {round_id} is open until {found.plan.deadline}. Wait, or close it with `pocketrec rounds close`."
        )
    if found.state is State.APART:
        raise RoundStateError(
            f"round {round_id} is in two shares: exchange tokens with the other operator, and combine both sums "
            "(`pocketrec rounds tokens`, then `pocketrec rounds combine`)."
        )
    if found.state is State.SHORT:
        raise RoundStateError(
            f"round {round_id} has too few updates to be published. {found.note} The next round with the same adapter "
            "and terms takes them over."
        )
    if found.state not in (State.CLOSED, State.KEPT) or total is None:
        raise RoundStateError(f"round {round_id} is {found.state.value}, expected one that is closed. {found.note}")
    return found, total.mean(found.weight, found.plan.scale)


def _finished_before(place: Place, found: Round) -> Outcome | None:
    """Return the outcome of a round whose adapter is on offer although that is not recorded, or None."""
    with reading(place) as opened:
        final = offer_of(opened, found.plan.target).final
    if found.outcome is None or final.manifest.provenance.get(PROVENANCE) != found.id:
        return None
    outcome = msgspec.json.decode(found.outcome, type=Outcome)
    return msgspec.structs.replace(outcome, published=True, release=final.document.release, manifest=final.sha256)


async def _record(url: str, found: Round, outcome: Outcome, state: State) -> None:
    notes = {
        State.PUBLISHED: f"Published as release {outcome.release}{outcome.how}. {outcome.why}",
        State.KEPT: f"Not published. {outcome.why}",
    }
    database = Database(url)
    try:
        await Ledger(database).finish(found.id, state, notes.get(state, found.note), msgspec.json.encode(outcome))
    finally:
        await database.close()


def noise_in_mean(plan: RoundPlan, n_updates: int) -> float:
    """Return the expected L2 norm of the noise in the mean of so many updates, if all weigh the same."""
    return plan.sigma * math.sqrt(plan.size / max(1, n_updates))


def _trial_before(found: Round, on_offer: str, server_rate: float) -> Trial | None:
    """Return the trial of an earlier call for the same adapter, or None."""
    if found.outcome is None:
        return None
    outcome = msgspec.json.decode(found.outcome, type=Outcome)
    return outcome.trial if (outcome.before, outcome.server_rate) == (on_offer, server_rate) else None


def _outcome(
    found: Round, trial: Trial, mean: NDArray[np.float64], server_rate: float, before: str, *, force: bool
) -> Outcome:
    return Outcome(
        round=found.id,
        published=trial.better is True or force,
        why=trial.why,
        forced=force and trial.better is not True,
        release=None,
        manifest=None,
        changed_bytes=0,
        delta_bytes=(),
        before=before,
        server_rate=server_rate,
        mean_norm=float(np.linalg.norm(mean)),
        noise_norm=noise_in_mean(found.plan, found.updates),
        trial=trial,
    )


def _trier() -> Trier:
    found = next(iter(entry_points(group=TRIERS)), None)
    if found is None:
        raise RoundStateError(
            "found nothing that can try an adapter, expected the folder export of a checkout. Run `make setup` again, "
            "and publish on a machine with the data."
        )
    trier: Trier = found.load()
    return trier
