"""Makes the plan of a round from what is on offer, and opens it: signed for the devices, and known to the server."""

import asyncio
import secrets
import string
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import msgspec

from edge_runtime.errors import BundleError
from edge_runtime.rounds.accountant import sigma_for
from edge_runtime.rounds.plan import (
    MAX_PLAN_BYTES,
    MIN_NOISE,
    RoundPlan,
    dump_plan,
    largest_scale,
    parse_plan,
    round_path,
)
from server.database.database import Database, migrate
from server.errors import RepositoryError, RoundStateError
from server.objects import Place
from server.repository.draft import Draft
from server.repository.keys import KeyRing
from server.repository.offer import Offer, offer_of
from server.repository.repository import changing, reading
from server.rounds.ledger import Ledger, Round

ADAPTER: Final = "adapter"
MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"
_ID_CHARACTERS: Final = string.ascii_lowercase + string.digits
_ID_LENGTH: Final = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an operator decides about a round; the rest of its plan is in what is on offer.

    By the defaults, 1,000 devices teach about half of what they would without noise, although each is protected against
    the operator by epsilon 8 (docs/rounds-simulated.md, "The defaults"). The device's own account permits no more than
    that in a year, which is the period.

    Attributes:
        operators: address of the server that collects, or of two that each get a share; no update may be late then.
        hours: hours until the deadline.
        rank: rows of B to train; None for all that the bundle has.
        clip: largest L2 norm of an update.
        epsilon: the privacy that the noise of one device gives it against the operator; None with ``sigma``.
        sigma: standard deviation of the noise; None to compute it from ``epsilon``.
        delta: the delta of both statements.
        participations: how often a device takes part at most.
        period_days: in how many days.
        min_updates: updates without which nothing is published.
        max_updates: updates at which the round closes.
        max_staleness: adapters by which an update may be late.
        steps: steps of training on a device.
        batch: examples in a step.
        learning_rate: of AdamW.
        min_events: events that a device needs.
        retry_after_s: seconds before a device tries again.
    """

    operators: tuple[str, ...]
    hours: float = 24.0
    rank: int | None = None
    clip: float = 6.0
    epsilon: float | None = 8.0
    sigma: float | None = None
    delta: float = 1e-6
    participations: int = 1
    period_days: int = 365
    min_updates: int = 1000
    max_updates: int = 100_000
    max_staleness: int = 1
    steps: int = 10
    batch: int = 32
    learning_rate: float = 0.3
    min_events: int = 20
    retry_after_s: int = 3600


def make_plan(repository: Place, target: str, terms: Terms, now: datetime | None = None) -> RoundPlan:
    """Return the plan of a new round for what is on offer.

    Raises:
        RepositoryError: there is no release for the target, or the terms make no valid plan.
    """
    with reading(repository) as opened:
        offer = offer_of(opened, target)
    manifest, now = offer.final.manifest, now or datetime.now(UTC)
    if not manifest.engines:
        raise RepositoryError(
            f"{target}: the bundle on offer has no encoder and ranks by transitions alone, so that an adapter changes "
            "nothing. Publish one of a trained student."
        )
    rank = manifest.encoder.adapter_rank if terms.rank is None else terms.rank
    if rank > manifest.encoder.adapter_rank:
        raise RepositoryError(
            f"{target}: found the rank {rank}, expected at most {manifest.encoder.adapter_rank}, which the adapter on "
            "offer has."
        )
    try:
        sigma = _sigma(terms)
        bits, scale = _integers(terms.clip, sigma, rank * manifest.encoder.dim)
        plan = RoundPlan(
            round="".join(secrets.choice(_ID_CHARACTERS) for _ in range(_ID_LENGTH)),
            name=manifest.name,
            target=target,
            base=offer.final.sha256,
            adapter_sha256=manifest.required_role(ADAPTER).sha256,
            rank=rank,
            dim=manifest.encoder.dim,
            steps=terms.steps,
            batch=terms.batch,
            learning_rate=terms.learning_rate,
            min_events=terms.min_events,
            clip=terms.clip,
            sigma=sigma,
            scale=scale,
            bits=bits,
            participations=terms.participations,
            period_days=terms.period_days,
            min_updates=terms.min_updates,
            max_updates=terms.max_updates,
            max_staleness=0 if len(terms.operators) > 1 else terms.max_staleness,
            opens=now.strftime(MOMENT),
            deadline=(now + timedelta(hours=terms.hours)).strftime(MOMENT),
            retry_after_s=terms.retry_after_s,
            delta=terms.delta,
            operators=terms.operators,
        )
        dump_plan(plan)
    except (ValueError, BundleError) as error:
        raise RepositoryError(f"{target}: these terms make no plan: {error}") from error
    return plan


def read_plan(path: Path) -> RoundPlan:
    """Read a plan that ``pocketrec rounds plan`` wrote.

    Raises:
        BundleError: it violates SPEC, "Rounds".
    """
    with path.open("rb") as stream:
        data = stream.read(MAX_PLAN_BYTES + 1)
    try:
        target = msgspec.json.decode(data, type=dict[str, object]).get("target")
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BundleError(f"{path}: {error}. Expected a plan that `pocketrec rounds plan` wrote.") from error
    return parse_plan(data, str(target))


def join_round(plan: RoundPlan, url: str) -> list[Round]:
    """Open the round of another operator, who signs its plan, at the second server of its plan.

    Returns:
        the rounds that were too small before, and were carried over or dropped.

    Raises:
        RoundStateError: the plan has one operator, another round of the target is open, or this one is over.
    """
    if not plan.is_shared:
        raise RoundStateError("found a plan with one operator, expected two. Open it without --share 2.")
    _check_deadline(plan)
    migrate(url)
    return asyncio.run(_record(url, plan, 2))


def open_round(repository: Place, keys: KeyRing, plan: RoundPlan, url: str) -> list[Round]:
    """Open a round: the server takes its updates, and devices find its signed plan.

    The server learns of it first, so that no device knows a round that the server does not. If the process is killed
    in between, the same call completes it.

    Args:
        repository: the repository.
        keys: with those of ``adapter``, ``snapshot`` and ``timestamp``.
        plan: the plan, for what is on offer now.
        url: the database.

    Returns:
        the rounds that were too small before, and were carried over or dropped.

    Raises:
        RepositoryError: something else is on offer than when the plan was made.
        RoundStateError: another round of the target is open, or this one is over.
        SigningError: a key is missing.
    """
    migrate(url)
    with changing(repository) as opened:
        _check_fits(offer_of(opened, plan.target), plan)
        if f"round-{plan.target}" in opened.released_targets():
            raise RepositoryError(
                f"found a target round-{plan.target}, whose signed release has the path of this plan. Rename it."
            )
        _check_deadline(plan)
        draft = Draft(opened, keys)
        draft.change(ADAPTER)
        draft.put(ADAPTER, round_path(plan.target), dump_plan(plan))
        settled = asyncio.run(_record(url, plan, 1 if plan.is_shared else 0))
        draft.commit()
    return settled


def withdraw(repository: Place, keys: KeyRing, plan: RoundPlan) -> bool:
    """Take the plan of a closed round off what is on offer, so that no device trains for it.

    Returns:
        whether it was on offer.

    Raises:
        SigningError: a key is missing.
    """
    path = round_path(plan.target)
    with reading(repository) as opened:
        if opened.document(ADAPTER, path) != dump_plan(plan):
            return False
    with changing(repository) as opened:
        if opened.document(ADAPTER, path) != dump_plan(plan):
            return False  # another process has opened the next round meanwhile
        draft = Draft(opened, keys)
        draft.change(ADAPTER)
        draft.remove(ADAPTER, path)
        draft.commit()
    return True


def _check_deadline(plan: RoundPlan) -> None:
    if plan.deadline_time() <= time.time():
        raise RoundStateError(f"the deadline {plan.deadline} is over. Make a new plan.")


async def _record(url: str, plan: RoundPlan, share: int) -> list[Round]:
    database = Database(url)
    try:
        return await Ledger(database).open(plan, int(time.time()), share)
    finally:
        await database.close()


def _check_fits(offer: Offer, plan: RoundPlan) -> None:
    manifest = offer.final.manifest
    expected = (offer.final.sha256, manifest.required_role(ADAPTER).sha256, manifest.name, manifest.encoder.dim)
    if (plan.base, plan.adapter_sha256, plan.name, plan.dim) != expected:
        raise RepositoryError(
            f"{plan.target}: the plan is for another release than release {offer.final.document.release} on offer. "
            "Make a new one with `pocketrec rounds plan`."
        )


def _sigma(terms: Terms) -> float:
    if terms.sigma is not None:
        return terms.sigma
    if terms.epsilon is None:
        raise ValueError("found neither an epsilon nor a sigma, expected one of them")
    return sigma_for(terms.epsilon, terms.delta, 2.0 * terms.clip, terms.participations)


def _integers(clip: float, sigma: float, size: int) -> tuple[Literal[16, 32], int]:
    """Return the number of bits and the scale: 16 bits if the noise is fine enough then."""
    scale = largest_scale(clip, sigma, size, 16)
    if sigma == 0.0 or sigma * scale >= MIN_NOISE:
        return 16, scale
    return 32, largest_scale(clip, sigma, size, 32)
