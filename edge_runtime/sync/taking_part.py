"""Takes part in the round of the bundle in use: fetches its signed plan, trains here, and uploads once.

It is called after a sync, and only if the user agreed. What was sent is in the receipts of the device's folder, as with
every request, byte for byte.
"""

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.folder import BundleFolder, open_folder, read_manifest
from edge_runtime.contents import open_contents
from edge_runtime.device_folder import current_bundle
from edge_runtime.engines.protocol import read_small
from edge_runtime.errors import RoundError, ServerUnreachableError, UpdateRefusedError
from edge_runtime.learning.round_training import MAX_EXAMPLES, RoundTraining
from edge_runtime.learning.session import base_digest
from edge_runtime.paths import AnyPath
from edge_runtime.rounds.ledger import RoundLedger
from edge_runtime.rounds.participate import (
    Adapter,
    Device,
    Limit,
    Sending,
    Train,
    intended,
    moved,
    prepared,
    send_pending,
    uncounted,
)
from edge_runtime.rounds.plan import MAX_PLAN_BYTES, RoundPlan, parse_plan, round_path
from edge_runtime.rounds.update import Vector
from edge_runtime.rounds.words import before, before_late
from edge_runtime.state.history import History
from edge_runtime.sync.apply import writing
from edge_runtime.sync.device_metadata import DeviceMetadata
from edge_runtime.sync.documents import refusing
from edge_runtime.sync.fetch import Source
from edge_runtime.sync.layout import TRUSTED
from edge_runtime.sync.opening import transport_to
from edge_runtime.sync.receipts import keep_receipt
from edge_runtime.sync.transport import HttpTransport

CONTENT_TYPE: Final = "application/octet-stream"
_UPLOAD_S: Final = 60.0

Status = Literal["no round", "not now", "previewed", "sent", "waiting"]


@dataclass(slots=True)
class Traffic:
    """What taking part sent and received, beside the sync before it.

    Attributes:
        requests: number of requests.
        fetched_bytes: bytes of response bodies received.
        sent_bytes: bytes of all requests, as they are in the receipts.
    """

    requests: int = 0
    fetched_bytes: int = 0
    sent_bytes: int = 0

    def add(self, requests: int, sent: Sequence[bytes], fetched_bytes: int = 0) -> None:
        """Add the requests of one connection, or those to a folder, of which no byte is sent."""
        self.requests += requests
        self.sent_bytes += sum(map(len, sent))
        self.fetched_bytes += fetched_bytes


@dataclass(frozen=True, slots=True)
class RoundReport:
    """What became of taking part.

    Attributes:
        status: ``no round``, ``not now`` (the reason says why), ``previewed``, ``sent`` (there is a final answer), or
            ``waiting`` (an upload is sent again later).
        words: what taking part means, as it was shown.
        reason: why this device does not take part now.
        sendings: the uploads that were tried, those of earlier rounds included.
        traffic: what was sent and received.
    """

    status: Status
    words: tuple[str, ...] = ()
    reason: str | None = None
    sendings: tuple[Sending, ...] = ()
    traffic: Traffic = field(default_factory=Traffic, compare=False)


@dataclass(slots=True)
class _Operators:
    """Sends uploads, and keeps what was sent for the receipts.

    Attributes:
        into: the device's folder.
        insecure: whether plain http to another machine is accepted.
        proxy: the proxy; see :func:`edge_runtime.sync.proxy.proxy_for`.
        traffic: counts what is sent.
    """

    into: Path
    insecure: bool
    proxy: str | None
    traffic: Traffic

    def check(self, plan: RoundPlan) -> None:
        """Check that uploads may be sent where a plan says, before it counts as a participation.

        Raises:
            RoundError: they may not.
        """
        for operator in plan.operators:
            try:
                self._transport(operator).close()
            except ServerUnreachableError as error:
                raise RoundError(str(error)) from error

    def send(self, operator: str, path: str, body: bytes) -> int:
        """Send one upload; see :data:`edge_runtime.rounds.participate.Send`."""
        transport = self._transport(operator)
        try:
            return transport.post(path, body, within_s=_UPLOAD_S, content_type=CONTENT_TYPE)
        finally:
            transport.close()
            self.traffic.add(len(transport.sent), transport.sent)
            keep_receipt(self.into, transport.url, transport.sent, time.time())

    def _transport(self, operator: str) -> HttpTransport:
        """Return a connection to an operator, of which no byte is sent yet.

        Raises:
            ServerUnreachableError: the address is none, or plain http.
        """
        try:
            transport = HttpTransport(operator, insecure=True, proxy=self.proxy)
        except ValueError as error:
            raise ServerUnreachableError(f"{operator}: {error}") from error
        if not transport.is_protected and not self.insecure:
            raise ServerUnreachableError(
                f"{operator}: plain http would show the upload to everyone on its way. Ask the operator for an https "
                "address; on a trusted network, add --insecure."
            )
        return transport


@dataclass(slots=True)
class _Part:
    """One call of :func:`take_part`."""

    bundle: BundleFolder
    state: Path
    ledger: RoundLedger
    limit: Limit
    now: float
    show: Callable[[Sequence[str]], None]
    words: list[str] = field(default_factory=list)

    def prepare(self, plan: RoundPlan, train: Train | None, *, preview: bool) -> None:
        """Show what taking part means, and unless it is a preview, train and note the upload.

        An upload that an earlier round did not count is sent to this one instead, if it fits.

        Raises:
            RoundError: this device does not take part now.
        """
        small = read_small(self.bundle)
        device = self._device(small.adapter_a)
        late = uncounted(plan, device, self.ledger, self.now)
        if late is not None:
            self._tell(before_late(late, plan))
            if not preview:
                moved(late, plan, self.ledger, self.now)
            return
        intent = intended(plan, device, self.ledger, self.now, self.limit)
        self._tell(before(intent))
        if not preview:
            chosen = train or partial(_train, self.bundle, self.state)
            prepared(intent, Adapter(small.adapter_a, small.adapter_b), chosen, self.ledger, self.now)

    def _tell(self, words: list[str]) -> None:
        self.words = words
        self.show(words)

    def _device(self, a: NDArray[np.float32]) -> Device:
        with History.open(self.state) as history:
            n_events = history.count()
        manifest = self.bundle.manifest
        base = hashlib.sha256(read_manifest(self.bundle.path)).hexdigest()
        adapter = manifest.required_role("adapter").sha256
        return Device(manifest.name, base, adapter, n_events, base_digest(manifest, a))


def take_part(
    origin: AnyPath,
    into: AnyPath,
    state: AnyPath,
    *,
    train: Train | None = None,
    limit: Limit | None = None,
    insecure: bool = False,
    preview: bool = False,
    proxy: str | None = None,
    show: Callable[[Sequence[str]], None] = lambda words: None,
) -> RoundReport:
    """Take part in the round that is signed for the bundle in use, if there is one and the device's limit permits it.

    Args:
        origin: address of the server, or folder of the repository, with which the device syncs.
        into: the device's folder.
        state: file of the history.
        train: the training [default: that of :mod:`edge_runtime.learning.round_training`].
        limit: what this device reveals at most.
        insecure: accept plain http to an operator on another machine.
        preview: show what would be sent, and send nothing, neither uploads of earlier rounds.
        proxy: address of an http proxy, or ``none``; see :func:`edge_runtime.sync.sync`.
        show: called with the sentences that say what is sent, before the training.

    Without the file of a history nothing is fetched, and no file is made.

    Raises:
        BusyError: a sync into this folder is running.
        SyncError: the plan could not be had, or must not be used.
        BundleError: there is no bundle in use, or it is damaged.
        StateError: the state file cannot be used; nothing was sent.
        RoundError: this device trusts no keys yet.
    """
    into, state, traffic = Path(into), Path(state), Traffic()
    with writing(into), DeviceMetadata(into / TRUSTED) as metadata:
        if not metadata.has_root:
            raise RoundError("a round needs signed releases, and this device trusts no keys yet. Sync first.")
        if not state.exists():  # opening it would leave an empty file there
            return RoundReport("not now", reason=f"there is no history yet ({state}).")
        with RoundLedger(state) as ledger:
            bundle = open_folder(current_bundle(into))
            plan = _plan(origin, into, bundle.manifest.target, metadata, proxy, traffic)
            part = _Part(bundle, state, ledger, limit or Limit(), metadata.now(), show)
            operators = _Operators(into, insecure, proxy, traffic)
            reason: str | None = None
            if plan is not None:
                try:
                    operators.check(plan)
                    part.prepare(plan, train, preview=preview)
                except RoundError as error:
                    reason = str(error)
            sendings = () if preview else tuple(send_pending(ledger, operators.send, metadata.now()))
    status = _status(sendings, reason, has_plan=plan is not None)
    return RoundReport(status, tuple(part.words), reason, sendings, traffic)


def _status(sendings: Sequence[Sending], reason: str | None, *, has_plan: bool) -> Status:
    if sendings:
        return "waiting" if any(sending.outcome == "prepared" for sending in sendings) else "sent"
    if not has_plan:
        return "no round"
    return "previewed" if reason is None else "not now"


def _plan(
    origin: AnyPath, into: Path, target: str, metadata: DeviceMetadata, proxy: str | None, traffic: Traffic
) -> RoundPlan | None:
    """Return the signed plan of a target, or None if there is none.

    Raises:
        SyncError: it could not be had, or must not be used.
    """
    transport = transport_to(origin, insecure=True, proxy=proxy)  # what is fetched is signed
    source = Source(transport)
    try:
        metadata.update(source)
        path = round_path(target)
        found = metadata.target(path, source)
        if found is None:
            return None
        if found.length > MAX_PLAN_BYTES:
            raise UpdateRefusedError(f"{path}: {found.length} bytes are signed, expected at most {MAX_PLAN_BYTES}.")
        data = source.small(f"targets/{found.name}", found.length, path)
        if data is None or len(data) != found.length or hashlib.sha256(data).hexdigest() != found.sha256:
            raise UpdateRefusedError(f"{path}: the server does not have the bytes that are signed. Try again later.")
        return refusing(partial(parse_plan, data, target))
    finally:
        transport.close()
        traffic.add(source.requests, transport.sent, source.fetched_bytes)
        keep_receipt(into, transport.url, transport.sent, time.time())


def _train(bundle: BundleFolder, state: Path, plan: RoundPlan, adapter: Adapter) -> Vector:
    """Train on the recorded history; see :data:`edge_runtime.rounds.participate.Train`."""
    contents = open_contents(bundle, language_model=False)
    with History.open(state) as history:
        engines = contents.engine_candidates(settings=history)
        newest = history.newest(1)
        longest = bundle.manifest.encoder.max_length + MAX_EXAMPLES
        row_of = contents.table.row_of
        items = history.newest_interactions(longest, row_of, newest[0].id if newest else 0)
    sequence = np.array([row_of[item] for item in items], np.int64)
    seed = int.from_bytes(os.urandom(4), "little")
    return RoundTraining(contents, engines, sequence, seed)(plan, adapter)
