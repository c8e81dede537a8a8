"""What is kept of learning in the state file: the adapter in use, and a session that is not finished.

It is one setting of the history's file, so that :meth:`edge_runtime.state.history.History.forget` erases it. It is only
replaced by who has read it as it is: a process that still learns cannot bring back what another one has forgotten.
"""

import os
import threading
from typing import Annotated, Final, Literal, Protocol

import msgspec
from msgspec import Meta, Struct

from edge_runtime.bundle.manifest import Digest
from edge_runtime.state.history import LEARNED

SETTING: Final = LEARNED
SWITCH: Final = "learning_switch"
OFF: Final = "off"
ON: Final = "on"
MAX_RECORD_BYTES: Final = 1 << 18

Number = Annotated[int, Meta(ge=0, le=(1 << 53) - 1)]


class KeptSession(Struct, frozen=True, forbid_unknown_fields=True):
    """A session of training that is not finished.

    Attributes:
        key: digest of all that its result depends on.
        newest: id of the newest event that counts.
        optimizer: state of AdamW after the last update.
        trials: gains of the held-out events that were tried, in log-likelihood and in NDCG@10.
    """

    key: Digest
    newest: Number
    optimizer: bytes
    trials: tuple[tuple[float, float], ...] = ()


class KeptAdapter(Struct, frozen=True, forbid_unknown_fields=True):
    """A trained adapter.

    Attributes:
        base: digest of the parts of the bundle without which it means nothing.
        newest: id of the newest event that counted.
        optimizer: state of AdamW after the last update, which has the adapter's numbers.
        trials: as in :class:`KeptSession`, of all held-out events.
    """

    base: Digest
    newest: Number
    optimizer: bytes
    trials: tuple[tuple[float, float], ...]


class Record(Struct, frozen=True, forbid_unknown_fields=True):
    """All that is kept.

    Attributes:
        version: of this record.
        token: random; tells it from the record after an erasure, of all or of one event.
        day: days since 1970, when steps were made last.
        steps: steps made on that day.
        session: the session that is not finished.
        adapter: the adapter that was trained last.
    """

    version: Literal[1]
    token: str
    day: Number = 0
    steps: Number = 0
    session: KeptSession | None = None
    adapter: KeptAdapter | None = None


class Store(Protocol):
    """Where settings are kept, such as :class:`edge_runtime.state.history.History`."""

    def setting(self, name: str) -> str | None:
        """Return a setting, or None."""
        ...

    def swap(self, name: str, expected: str | None, value: str) -> bool:
        """Save a setting if it still has the expected value, or is missing for None; return whether it was saved."""
        ...


class KeptRecord:
    """The record in a store, as it was read or written last."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._text: str | None = None
        self.record: Record | None = None

    def read(self) -> Record | None:
        """Read the record; None if there is none. A damaged one, or one of another version, counts as an empty one."""
        with self._lock:
            text = self._store.setting(SETTING)
            if text != self._text or self.record is None:
                self._text, self.record = text, None if text is None else _parsed(text)
            return self.record

    def create(self) -> Record:
        """Return the record, which is created if there is none."""
        record = self.read()
        if record is None:
            self._store.swap(SETTING, None, _dumped(_empty()))
            record = self.read()
        return record or _empty()

    def replace(self, record: Record) -> bool:
        """Save the record durably; return False if it is no longer what was read, and nothing was saved."""
        text = _dumped(record)
        with self._lock:
            if self._text is None or not self._store.swap(SETTING, self._text, text):
                return False
            self._text, self.record = text, record
            return True


def new_token() -> str:
    """Return a token for the record after an erasure."""
    return os.urandom(8).hex()


def _empty() -> Record:
    return Record(version=1, token=new_token())


def _dumped(record: Record) -> str:
    return msgspec.json.encode(record).decode()


def _parsed(text: str) -> Record:
    if len(text) > MAX_RECORD_BYTES:
        return _empty()
    try:
        return msgspec.json.decode(text, type=Record)
    except msgspec.DecodeError:
        return _empty()
