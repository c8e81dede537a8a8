"""The public API for apps: recommendations for one user from one bundle, offline.

with Recommender.open(bundle, state) as recommender:
    recommender.observe("item-7")
    for item in recommender.recommend(10):
        print(item.title, recommender.explain(item.item_id).text)
"""

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from edge_runtime.arguments import PATHS, check_string, check_type
from edge_runtime.bundle.folder import open_folder
from edge_runtime.contents import open_contents
from edge_runtime.device_folder import current_bundle
from edge_runtime.engines.protocol import Engine
from edge_runtime.errors import EngineError, StateError
from edge_runtime.events import CLICK
from edge_runtime.in_use import ms_since
from edge_runtime.item_ids import checked_ids
from edge_runtime.paths import AnyPath
from edge_runtime.state.history import Event, History
from edge_runtime.talking import Talking

if TYPE_CHECKING:
    from edge_runtime.conversation.hearing import ParserName
    from edge_runtime.learning.status import LearningResult

ENGINE_VARIABLE: Final = "POCKETREC_ENGINE"
"""Environment variable with the name of the engine to try first."""

MAX_LEARN_S: Final = 86_400
PARSERS: Final = ("rules", "model", "both")


class Recommender(Talking):
    """Recommends, explains and remembers; threads may share it. After :meth:`close` every call raises ClosedError."""

    @classmethod
    def open(
        cls,
        bundle: AnyPath,
        state: AnyPath | None = None,
        *,
        engine: Engine | str | None = None,
        language_model: bool = True,
        parser: "ParserName" = "rules",
    ) -> Self:
        """Open a bundle; all files are checked against their digests first.

        Args:
            bundle: the folder with ``manifest.json``, or the folder that ``pocketrec sync`` fills.
            state: path of the history file; None keeps the history in memory.
            engine: tried before the others; it must pass the same self-test. A custom engine, or the name of one of
                the bundle, such as ``reference``. [default: the environment's ``POCKETREC_ENGINE``; else, with a state
                file, the one that is fastest on this device, measured at the first start; else the bundle's first]
            language_model: False disables the language model; reasons come from the template.
            parser: what parses English sentences of :meth:`say`: ``rules``; ``model``, the language model, if the
                bundle has one that was trained for it; or ``both``, rules that the model may contradict where
                only doubtful words of titles are wished for. Rules parse where the model fails or is slow.

        Raises:
            TypeError: an argument is of another type.
            ValueError: there is no such parser.
            BundleError: the bundle is damaged, or needs a newer runtime.
            EngineError: the bundle has no engine of this name.
            StateError: the state file cannot be used.
        """
        check_type("bundle", bundle, PATHS, "the path of a folder", "for example 'bundles/laptop-x86_64'")
        if state is not None:
            check_type("state", state, PATHS, "the path of a file or None", "for example 'history.sqlite'")
        if not (engine is None or isinstance(engine, str) or hasattr(engine, "encode")):
            check_string("engine", engine, "the name of one of the bundle, such as 'reference', or an engine")
        if parser not in PARSERS:
            raise ValueError(f"parser must be one of {', '.join(map(repr, PARSERS))}, got {parser!r}")
        engine = engine or os.environ.get(ENGINE_VARIABLE) or None
        started = time.perf_counter()
        folder = open_folder(current_bundle(bundle))
        contents = open_contents(folder, language_model=language_model)
        history = History.open(state)
        read = time.perf_counter()
        try:
            engines = contents.engine_candidates(first=engine, settings=None if state is None else history)
        except EngineError:
            history.close()
            raise
        tested_ms = ms_since(read)
        recommender = cls(contents, engines, history, language_model=language_model)
        recommender._place, recommender._first_engine, recommender._parser = bundle, engine, parser
        recommender._timings |= {"self_test": tested_ms, "open": ms_since(started)}
        return recommender

    def observe(self, item_id: str, event: str = CLICK, *, time: int | None = None) -> Event:
        """Record an event of the user. The event is durable when this returns.

        Unknown item ids are recorded too, because the bundle may be older than the app's catalogue.

        Args:
            item_id: the item.
            event: ``click``, ``like``, ``purchase`` or another name matching ``[a-z_]{1,32}``; ``dislike`` hides the
                item and lowers the scores of similar ones (:mod:`edge_runtime.dislikes`).
            time: when it happened, in milliseconds since 1970; None for now. Events count in the order of the calls.

        Raises:
            TypeError: the item id or the event name is not a string, or the time no whole number.
            ValueError: the item id, the event name or the time is invalid.
            StateError: the state file could not be written; nothing was recorded.
        """
        self._in_use()
        with self._timed("observe"):
            return self._history.add(item_id, event, time)

    def learn(self, seconds: float = 1.0) -> "LearningResult":
        """Learn from the recorded history for some seconds, if there is something to learn.

        Call it when the device is idle; it goes on where it stopped, also after a crash. Lists change only when the
        adapter is trained, and only if it helped on the newest events. Other calls do not wait for it.

        Args:
            seconds: how long; a call may take one piece of work longer, some milliseconds.

        Raises:
            TypeError: the seconds are no number.
            ValueError: the seconds are not from 0 to a day, or ``POCKETREC_LEARN_STEPS_A_DAY`` is no whole number.
            StateError: what was learned could not be saved.
        """
        release = self._in_use()
        check_type("seconds", seconds, (int, float), "a number of seconds", "for example 1.0")
        if not 0 <= seconds <= MAX_LEARN_S:
            raise ValueError(f"seconds must be from 0 to {MAX_LEARN_S}, got {seconds}")
        with self._timed("learn"):
            result = release.learner.learn(seconds)
            if result.changed:
                release.adapt()
            return result

    def switch_learning(self, *, on: bool) -> None:
        """Switch learning on or off; switched off, the bundle's own adapter is used. It stays so over :meth:`forget`.

        Raises:
            StateError: the switch could not be saved.
        """
        release = self._in_use()
        release.learner.switch(on=on)
        release.adapt()

    def history(self, limit: int | None = None) -> list[Event]:
        """Return the recorded events, newest first."""
        self._in_use()
        return self._history.newest(limit)

    def export_history(self, passphrase: str | None = None) -> bytes:
        """Return the history as a file for another device of the user (:mod:`edge_runtime.state.history_file`).

        Args:
            passphrase: encrypts the file, which needs the library `cryptography`; None leaves it readable.

        Raises:
            ValueError: the passphrase has fewer than eight characters.
        """
        from edge_runtime.state.history_file import dump_history

        return dump_history(self.history()[::-1], passphrase)

    def import_history(self, data: bytes, passphrase: str | None = None) -> int:
        """Add the events of a file that :meth:`export_history` wrote, by their times; return how many were new.

        Events that the history has already are not added again. If some are new, all events get new ids, and what was
        learned from the history before is erased: the next :meth:`learn` begins anew.

        Raises:
            StateError: the file is damaged or of another program, or the passphrase is another one; or the state file
                could not be written. Nothing was added.
        """
        from edge_runtime.state.history_file import read_history

        release = self._in_use()
        events = read_history(data, passphrase)
        n_new = self._history.merge((one.item_id, one.event, one.time) for one in events)
        if n_new:
            release.learner.drop()
            release.adapt()
        return n_new

    def count_events(self) -> int:
        """Return the number of recorded events."""
        self._in_use()
        return self._history.count()

    def latest_events(self, item_ids: Sequence[str]) -> dict[str, str]:
        """Return the name of the newest recorded event of each of these items; items without events are left out."""
        self._in_use()
        return self._history.latest_events(checked_ids("item_ids", item_ids))

    def has_interactions(self) -> bool:
        """Return whether an item of the catalogue was recorded other than as a dislike."""
        return len(self._in_use().recorded.sequence) > 0

    def remove(self, event_id: int) -> bool:
        """Delete one event of the history; return whether it existed."""
        release = self._in_use()
        if not self._history.has(event_id):
            return False
        was_learned = release.learner.forget_event(event_id)  # first: a crash must not leave it without the event
        existed = self._history.remove(event_id)
        # Again, because another thread or process may have begun to learn in between.
        if release.learner.forget_event(event_id) or was_learned:
            release.adapt()
        return existed

    def forget(self) -> None:
        """Erase the history and everything derived from it.

        Raises:
            StateError: traces may remain, because another process is reading the file; the message says what to do.
        """
        with self._talking:
            self._conversation = None
        with self._explaining:
            release = self._in_use()
            self._drop_explainer()  # its process holds prompts built from the history
            is_off = False
            with suppress(StateError):  # a damaged file can be erased all the same
                is_off = release.learner.is_off()
            release.forget()
            self._history.forget()
            if is_off:  # what the user has chosen says nothing about what the user has done
                with suppress(StateError):
                    release.learner.switch(on=False)
