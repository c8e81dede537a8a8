"""A person's own adapter: trained on the history of this device when there is time, and used only where it helps.

A session begins with :data:`edge_runtime.learning.examples.MIN_EVENTS` events, and again after
:data:`edge_runtime.learning.status.NEW_EVENTS` new ones, or with a release with another encoder, other codes, prompts
or ``A``. Nothing leaves the device. Erasing the history, or a single event that counted, erases what was learned.
"""

import os
import reprlib
import threading
import time
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, Literal, Protocol

import msgspec
import numpy as np

from edge_runtime.bundle.manifest import LearningSettings
from edge_runtime.contents import Contents
from edge_runtime.engines.candidates import EngineCandidates
from edge_runtime.engines.protocol import SmallMatrices
from edge_runtime.errors import EngineError, StateError, VariableError
from edge_runtime.learning.adamw import AdamWState
from edge_runtime.learning.decision import Decision, Trial, decide
from edge_runtime.learning.examples import MAX_EVENTS, MIN_EVENTS, Rows, Split
from edge_runtime.learning.knowledge_switch import Encode, KnowledgeSwitch
from edge_runtime.learning.record import OFF, ON, SWITCH, KeptAdapter, KeptRecord, KeptSession, Record, Store, new_token
from edge_runtime.learning.session import LearningSession, Piece, Progress, base_digest, session_key
from edge_runtime.learning.status import NEW_EVENTS, LearningResult, LearningStatus, State
from edge_runtime.learning.training import Personal, first_state

STEPS_A_DAY: Final = 200
STEPS_VARIABLE: Final = "POCKETREC_LEARN_STEPS_A_DAY"
"""Environment variable with the number of steps that a device makes a day at most."""
_DAY_S: Final = 86_400
_MOST_DIGITS: Final = 12
"""Digits of the number of steps that are read: Python refuses to read a number of thousands of digits."""

Outcome = Literal["finished", "stopped", "paused"]
"""How a call ended: with the session, with its time, or with today's steps."""


class Events(Store, Protocol):
    """The history, such as :class:`edge_runtime.state.history.History`."""

    def set(self, name: str, value: str) -> None:
        """Save a setting."""
        ...

    def newest_id(self) -> int:
        """Return the id of the newest event; 0 without events."""
        ...

    def newest_interactions(self, limit: int, known: Container[str], up_to: int, after: int = 0) -> list[str]:
        """Return the item ids of the newest interactions, oldest first."""
        ...


class PersonalLearner:
    """Learns from one history with one bundle. Threads may share it.

    Args:
        contents: the bundle.
        engines: its engines, for their names.
        encode: encodes with the engine in use; may be called from any thread.
        events: the history.
        settings: instead of those of the bundle.
        clock: returns seconds since 1970.
        timer: monotonic clock, in seconds.
    """

    def __init__(
        self,
        contents: Contents,
        engines: EngineCandidates,
        encode: Encode,
        events: Events,
        *,
        settings: LearningSettings | None = None,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._contents = contents
        self._engines = engines
        self._encode = encode
        self._events = events
        self._settings = settings or contents.folder.manifest.learning
        self._clock = clock
        self._timer = timer
        self._kept = KeptRecord(events)
        self._lock = threading.Lock()
        self._counting = threading.Lock()
        self._n_waiting = 0  # threads that want a running call of `learn` to end
        self._n_done = 0
        self._session: LearningSession | None = None
        self._work: Iterator[Piece] | None = None
        self._known: tuple[str, KeptSession | None] = (
            "",
            None,
        )  # the record's token and session, as this one left them
        self._base = base_digest(contents.folder.manifest, contents.small.adapter_a)

    def adapter(self) -> Personal | None:
        """Return the adapter that helps; None if there is none for this bundle, or learning is switched off."""
        found = None if self._settings is None or self.is_off() else self._tried()
        return found[0] if found is not None and found[1].helps else None

    def is_off(self) -> bool:
        """Return whether the person has switched learning off."""
        return self._events.setting(SWITCH) == OFF

    def switch(self, *, on: bool) -> None:
        """Switch learning, and the use of what was learned, on or off; a running call of :meth:`learn` ends."""
        with self._interrupted():
            self._events.set(SWITCH, ON if on else OFF)

    def drop(self) -> None:
        """Forget what is in memory; a running call of :meth:`learn` ends after its present piece of work."""
        with self._interrupted():
            self._session, self._work = None, None

    def forget_event(self, event_id: int) -> bool:
        """Erase what was learned from an event that is removed; return whether something was."""
        with self._interrupted():
            self._session, self._work = None, None
            while (record := self._kept.read()) is not None:
                kept = _without_event(record, event_id)
                # With a new token also if nothing was kept: another process may be about to save what it learns from
                # the event. If it has just saved, what it saved is read and erased.
                if self._kept.replace(msgspec.structs.replace(kept, token=new_token())):
                    return kept != record
            return False

    def learn(self, seconds: float) -> LearningResult:
        """Go on with the session that is due for some seconds; it may take one piece of work longer.

        Raises:
            VariableError: the environment variable for the steps a day is no whole number.
            StateError: what was learned could not be saved.
        """
        end = self._timer() + seconds
        with self._lock:
            before, has_begun = self._n_done, self._begin()
            outcome: Outcome = self._go_on(end) if has_begun else "finished"
            return LearningResult(
                n_steps=self._n_done - before,
                n_left=0 if self._session is None else self._session.n_left,
                changed=has_begun and outcome == "finished",
                finished=outcome == "finished",
                paused=outcome == "paused",
                status=self.status(),
            )

    def status(self) -> LearningStatus:
        """Return whether the lists are adapted, and why."""
        settings = self._settings
        if settings is None or not self._contents.folder.manifest.engines:
            return LearningStatus("unavailable")
        off, record, tried = self.is_off(), self._kept.read(), self._tried()
        decision = None if tried is None else tried[1]
        n_events = len(self._events.newest_interactions(MIN_EVENTS, self._contents.table.row_of, self._newest()))
        n_updates = 0
        if record is not None and record.session is not None:
            n_updates = self._progress(record.session).optimizer.n_steps
        return LearningStatus(
            state=self._state(off=off, decision=decision, n_events=n_events, n_updates=n_updates),
            used=not off and decision is not None and decision.helps,
            n_events=n_events,
            n_updates=n_updates,
            n_all_updates=settings.updates,
            steps_today=self._n_steps_today(record),
            steps_a_day=steps_a_day(),
            decision=decision,
        )

    def _state(self, *, off: bool, decision: Decision | None, n_events: int, n_updates: int) -> State:
        if off:
            return "off"
        if self._engines.engine is None:
            return "no engine"
        if n_updates:
            return "learning"
        if n_events < MIN_EVENTS:
            return "few events"
        if decision is None or self._is_due():
            return "ready"
        return "helps" if decision.helps else "does not help"

    def _begin(self) -> bool:
        """Begin the session that is due, or resume it; return whether there is one."""
        if self._settings is None or self._engines.engine is None or self.is_off():
            return False
        if self._work is not None:
            return True
        record = self._kept.create()
        newest = self._newest() if record.session is None else record.session.newest
        split = self._split(newest)
        if split is None and record.session is not None:  # another catalogue, or removed events
            self._kept.replace(msgspec.structs.replace(record, session=None))
        if split is None or (record.session is None and not self._is_due()):
            return False
        small = self._small(split.rows)
        engine = f"{self._engines.engine.name} {self._engines.engine.precision}"
        key = session_key(self._contents, self._settings, small, split.rows, engine)
        if record.session is not None and record.session.key != key:  # another bundle or engine, or a removed event
            return self._kept.replace(msgspec.structs.replace(record, session=None)) and self._begin()
        self._known = record.token, record.session
        self._session = LearningSession(
            contents=self._contents,
            settings=self._settings,
            small=small,
            split=split,
            encode=self._encode,
            progress=self._progress(record.session),
            permits=self._permits,
            save=lambda progress, n_steps: self._save(key, newest, progress, n_steps),
        )
        self._work = self._session.work()
        return True

    def _go_on(self, end: float) -> Outcome:
        """Work until some time of the timer, or the end of the session."""
        if self._work is None or self._session is None:
            return "finished"
        try:
            for piece in self._work:
                if piece == "paused":
                    return "paused"
                if self._n_waiting or self._timer() >= end:
                    return "stopped"
            is_kept = not self._session.is_lost and self._finish(self._session)
        except EngineError:
            is_kept = True  # there is nothing more to do, and the status says why
        self._session, self._work = None, None
        return "finished" if is_kept else "stopped"

    def _save(self, key: str, newest: int, progress: Progress, n_steps: int) -> bool:
        """Keep what is done of a session; return False if the record was erased or replaced meanwhile."""
        record, today = self._ours(), self._today()
        if record is None:
            return False
        session = KeptSession(key, newest, progress.optimizer.to_bytes())
        steps = self._n_steps_today(record) + n_steps
        self._n_done += n_steps
        self._known = record.token, session
        return self._kept.replace(msgspec.structs.replace(record, day=today, steps=steps, session=session))

    def _finish(self, session: LearningSession) -> bool:
        """Keep the adapter; return False if the record was erased or replaced meanwhile."""
        record = self._ours()
        if record is None or record.session is None:
            return False
        adapter = KeptAdapter(
            base=self._base,
            newest=record.session.newest,
            optimizer=session.progress.optimizer.to_bytes(),
            trials=tuple((trial.log_gain, trial.rank_gain) for trial in session.progress.trials),
        )
        return self._kept.replace(msgspec.structs.replace(record, session=None, adapter=adapter))

    def _ours(self) -> Record | None:
        """Return the record, if nobody else has erased or changed what this session goes on from.

        The record in memory may be another process's: :meth:`status` reads it.
        """
        record = self._kept.record
        return record if record is not None and (record.token, record.session) == self._known else None

    def _tried(self) -> tuple[Personal, Decision] | None:
        """Return the adapter of this bundle that was trained last, and how it did."""
        record = self._kept.read()
        if record is None or record.adapter is None or record.adapter.base != self._base:
            return None
        state = self._optimizer(record.adapter.optimizer)
        if state is None:
            return None
        decision = decide([Trial(*gains) for gains in record.adapter.trials])
        return Personal.of(state, *self._contents.small.adapter_b.shape), decision

    def _is_due(self) -> bool:
        """Return whether there are enough new events since the last session, or another base."""
        record = self._kept.read()
        if self._tried() is None or record is None or record.adapter is None:
            return True
        row_of, after = self._contents.table.row_of, record.adapter.newest
        return len(self._events.newest_interactions(NEW_EVENTS, row_of, self._newest(), after)) >= NEW_EVENTS

    def _split(self, newest: int) -> Split | None:
        row_of = self._contents.table.row_of
        item_ids = self._events.newest_interactions(MAX_EVENTS, row_of, newest)
        if len(item_ids) < MIN_EVENTS or self._settings is None:
            return None
        return Split.of(np.array([row_of[item_id] for item_id in item_ids], dtype=np.int64), self._settings)

    def _small(self, rows: Rows) -> SmallMatrices:
        """Return the bundle's matrices, without knowledge if it does not help this user."""
        small = self._contents.small
        max_length = self._contents.folder.manifest.encoder.max_length
        if KnowledgeSwitch(self._contents.codes, small, self._encode).helps(rows[-max_length:]):
            return small
        return replace(small, knowledge=np.zeros_like(small.knowledge))

    def _progress(self, session: KeptSession | None) -> Progress:
        state = None if session is None else self._optimizer(session.optimizer)
        return Progress(state or first_state(*self._contents.small.adapter_b.shape))

    def _optimizer(self, data: bytes) -> AdamWState | None:
        """Return a kept state of the optimizer; None if it is damaged or of another size: then it is trained anew."""
        try:
            state = AdamWState.from_bytes(data)
        except StateError:
            return None
        n_numbers = len(first_state(*self._contents.small.adapter_b.shape).values)
        return state if len(state.values) == n_numbers else None

    def _permits(self, n_steps: int) -> bool:
        return self._n_steps_today(self._kept.record) + n_steps <= steps_a_day()

    def _n_steps_today(self, record: Record | None) -> int:
        return record.steps if record is not None and record.day == self._today() else 0

    def _today(self) -> int:
        return max(0, int(self._clock() // _DAY_S))

    def _newest(self) -> int:
        return self._events.newest_id()

    @contextmanager
    def _interrupted(self) -> Iterator[None]:
        """Hold the lock, which a running call of :meth:`learn` gives back after its present piece of work."""
        with self._counting:
            self._n_waiting += 1
        try:
            with self._lock:
                yield
        finally:
            with self._counting:
                self._n_waiting -= 1


def _without_event(record: Record, event_id: int) -> Record:
    """Return the record without what was learned from an event."""
    session, adapter = record.session, record.adapter
    return msgspec.structs.replace(
        record,
        session=session if session is not None and session.newest < event_id else None,
        adapter=adapter if adapter is not None and adapter.newest < event_id else None,
    )


def steps_a_day() -> int:
    """Return how many steps a device makes a day at most.

    Raises:
        VariableError: the environment variable is no whole number.
    """
    text = os.environ.get(STEPS_VARIABLE, "").strip()
    if not text:
        return STEPS_A_DAY
    if not text.isascii() or not text.isdigit():
        raise VariableError(
            f"{STEPS_VARIABLE} must be a whole number of steps, such as {STEPS_A_DAY}, got {reprlib.repr(text)}."
        )
    return int(text[:_MOST_DIGITS])
