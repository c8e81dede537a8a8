"""The public API for apps: recommendations for one user from one bundle, offline.

with Recommender.open(bundle, state) as recommender:
    recommender.observe("item-7")
    for item in recommender.recommend(10):
        print(item.title, recommender.explain(item.item_id).text)
"""

import os
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
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
from edge_runtime.lists import Lists, check_k
from edge_runtime.paths import AnyPath
from edge_runtime.recommendation import Recommendation
from edge_runtime.state.history import Event, History

if TYPE_CHECKING:
    from edge_runtime.conversation.decider import Decider
    from edge_runtime.conversation.hearing import Hearing, ParserName
    from edge_runtime.conversation.talk import Answer, Chip
    from edge_runtime.explainer import Explainer, Listed, Manner, Reason
    from edge_runtime.learning.status import LearningResult
    from edge_runtime.list_text.writing import Piece
    from edge_runtime.opened import OpenRelease
    from edge_runtime.reasons.preference import Choices
    from edge_runtime.reasons.words import Style, Tone


ENGINE_VARIABLE: Final = "POCKETREC_ENGINE"
"""Environment variable with the name of the engine to try first."""


MAX_LEARN_S: Final = 86_400
PARSERS: Final = ("rules", "model", "both")


class Recommender(Lists):
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

    def explain(
        self,
        item_id: str,
        *,
        history: Sequence[str] | None = None,
        style: "Style | None" = None,
        tone: "Tone | None" = None,
        language: str = "en",
    ) -> "Reason":
        """Explain why an item is recommended: what of the history its score rests on, and what they have in common.

        The first call starts the language model. If it is missing, slow or fails, a template is used. An item of which
        nothing can be said has a reason without facts.

        Args:
            item_id: the item.
            history: as in :meth:`recommend`.
            style: ``short`` cites one fact, ``detailed`` two. [default: the one that the person chose most often
                (:meth:`choose_reasons`), at first ``short``]
            tone: ``casual`` or ``formal``. [default: as for the style, at first ``casual``]
            language: ``en``, ``de``, ``fr``, ``es`` or ``zh``; the catalogue's own words stay as they are.

        Raises:
            UnknownItemError: the item id is not in the catalogue.
            ValueError: there is no such style, tone or language.
        """
        with self._explaining, self._timed("explain"):
            manner = self._manner(style, tone, language)
            return self._explainer_in_use().explain(self._listed([item_id], history), manner)

    def explain_list(
        self,
        items: Sequence[Recommendation | str],
        *,
        history: Sequence[str] | None = None,
        style: "Style | None" = None,
        tone: "Tone | None" = None,
        language: str = "en",
    ) -> "list[Reason | None]":
        """Explain the items of a list together, so that no two reasons sound alike; None where nothing can be said.

        Args:
            items: what :meth:`recommend` returned, or item ids.
            history: as in :meth:`recommend`; the same as for the list.
            style: as in :meth:`explain`.
            tone: as in :meth:`explain`.
            language: as in :meth:`explain`.

        Raises:
            UnknownItemError: an item id is not in the catalogue.
            ValueError: there is no such style, tone or language.
        """
        with self._explaining, self._timed("explain_list"):
            manner = self._manner(style, tone, language)
            ids = [item if isinstance(item, str) else item.item_id for item in items]
            return self._explainer_in_use().explain_list(self._listed(ids, history), manner)

    def _manner(self, style: "Style | None", tone: "Tone | None", language: str) -> "Manner":
        from edge_runtime.explainer import Manner
        from edge_runtime.reasons.preference import read_choices

        self._in_use()
        choices = read_choices(self._history) if style is None or tone is None else None
        style = style or (choices and choices.style) or "short"
        return Manner(style, tone or (choices and choices.tone) or "casual", language)

    @property
    def reason_choices(self) -> "Choices":
        """The newest styles and tones that the person has chosen for reasons (:meth:`choose_reasons`)."""
        from edge_runtime.reasons.preference import read_choices

        self._in_use()
        return read_choices(self._history)

    def choose_reasons(self, *, style: "Style | None" = None, tone: "Tone | None" = None) -> None:
        """Note that the person chose a style or a tone of reasons; what is chosen most often becomes the default.

        The ten newest choices of each count. They are kept with the history, and erased by :meth:`forget`. A style or
        tone that an app passes to :meth:`explain` is not counted.

        Args:
            style: ``short`` or ``detailed``.
            tone: ``casual`` or ``formal``.

        Raises:
            ValueError: there is no such style or tone.
            StateError: the choice could not be saved.
        """
        from edge_runtime.explainer import Manner
        from edge_runtime.reasons.preference import add_choice

        self._in_use()
        Manner(style or "short", tone or "casual")
        add_choice(self._history, style, tone)

    def _explainer_in_use(self) -> "Explainer":
        release = self._in_use()
        if self._explainer is None:
            self._explainer = release.create_explainer(language_model=self._language_model)
        return self._explainer

    def _listed(self, item_ids: Sequence[str], history: Sequence[str] | None) -> "Listed":
        """Return a list with the evidence for its items."""
        from edge_runtime.explainer import Listed

        release = self._in_use()
        rows = [release.row(item_id) for item_id in item_ids]
        evidence = release.evidence(release.past_of(history), rows)
        if history is not None:
            return Listed(rows, evidence)
        id_of = {release.items.item_id[past]: past for past in evidence.pasts}
        latest = self._history.latest_events(list(id_of))
        return Listed(rows, evidence, {id_of[item_id]: event for item_id, event in latest.items()})

    def write_list(
        self,
        items: Sequence[Recommendation | str],
        *,
        history: Sequence[str] | None = None,
        style: "Style | None" = None,
        tone: "Tone | None" = None,
        language: str = "en",
        seed: int = 0,
    ) -> "Iterator[Piece]":
        """Yield a text about a list, piece by piece: an opening, then a line for each item with a reason or without.

        The language model words it if the bundle has an adapter for such texts, else a template does. The text has
        each item once, in the given order, and only sentences that the facts allow. Close the iterator when the list
        changes: the language model stops within a token. Any later text or reason ends this one too; what was written
        so far is then completed by the template. After :meth:`forget` and :meth:`close` nothing more is yielded.

        Args:
            items: what :meth:`recommend` returned, or item ids; without duplicates.
            history: as in :meth:`recommend`; the same as for the list.
            style: as in :meth:`explain`.
            tone: as in :meth:`explain`.
            language: as in :meth:`explain`.
            seed: another seed gives another wording.

        Raises:
            UnknownItemError: an item id is not in the catalogue.
            ValueError: an item is there twice, or there is no such style, tone or language.
        """
        with self._explaining, self._timed("write_list"):
            ids = checked_ids("items", [item if isinstance(item, str) else item.item_id for item in items])
            if len(set(ids)) != len(ids):
                raise ValueError("items must be without duplicates; pass each item once")
            listed, manner = self._listed(ids, history), self._manner(style, tone, language)
            explainer = self._explainer_in_use()
            case = explainer.list_case(listed, manner)
        return self._while_in_use(explainer, explainer.write_list(case, seed))

    def _while_in_use(self, explainer: "Explainer", pieces: "Generator[Piece, None, None]") -> "Iterator[Piece]":
        """Yield pieces until the explainer that writes them is dropped."""
        with closing(pieces):
            for piece in pieces:
                if self._explainer is not explainer or self._is_closed:
                    return
                yield piece

    def say(
        self,
        text: str,
        *,
        k: int = 10,
        language: str = "en",
        shown: Sequence[str] | None = None,
        about: str | None = None,
    ) -> "Answer":
        """Say in words what is wanted; return the list, with an answer in words (:mod:`edge_runtime.conversation`).

        What is said is kept in memory, as :attr:`chips`, until it is taken back, :meth:`forget` or :meth:`close`. What
        contradicts something said before is asked about; what is not understood is said and changes nothing. The
        history is not changed. The first call builds an index.

        Args:
            text: a sentence; only its first 300 characters are used.
            k: number of items.
            language: ``en``, ``de``, ``fr``, ``es`` or ``zh``.
            shown: ids of the items on the screen, which "the second" is one of; one that the catalogue lacks keeps its
                place, but cannot be meant. [default: the list of the last answer]
            about: id of the item that "this" is. [default: the one that was talked about last]

        Raises:
            TypeError: the text or ``about`` is no string, or ``shown`` no sequence of strings.
            ValueError: there is no such language, or ``k`` is not positive.
            UnknownItemError: the catalogue does not have the item ``about``; what was said stays as it was.
        """
        from edge_runtime.conversation.talk import Conversation
        from edge_runtime.conversation.words import checked_language

        check_string("text", text, "what is wanted, such as 'something without perfume'")
        spoken = checked_language(language)
        check_k(k)
        if about is not None:
            check_string("about", about, "the id of the item that is talked about")
        with self._talking, self._timed("say"):
            release = self._in_use()
            if about is not None:
                release.row(about)
            if self._conversation is None:
                self._conversation = Conversation()
            past = release.past_of(None)
            return self._conversation.say(
                text,
                spoken,
                self._hearing(release),
                lambda query, hidden: release.by_query(past, k, query, hidden),
                lambda item_id: self.explain(item_id, language=spoken).text,
                shown=None if shown is None else checked_ids("shown", shown),
                about=about,
            )

    def asks(self, text: str, *, language: str = "en") -> bool:
        """Return whether :meth:`say` is the right call for a line of text, and not :meth:`search`.

        It is if the line replies to a question, or asks for something, such as "cheaper"; not if it only names
        something, or if it is a title.

        Raises:
            TypeError: the text is no string.
            ValueError: there is no such language.
        """
        from edge_runtime.conversation.talk import Conversation
        from edge_runtime.conversation.words import checked_language

        check_string("text", text, "a line that was typed")
        spoken = checked_language(language)
        with self._talking:
            return (self._conversation or Conversation()).asks(text, spoken, self._hearing(self._in_use()))

    def _hearing(self, release: "OpenRelease") -> "Hearing":
        """Return what understands sentences, with the language model if it is to parse."""
        hearing = release.hearing()
        hearing.parser = self._parser
        hearing.decide = None if self._parser == "rules" else self._decider()
        return hearing

    def _decider(self) -> "Decider | None":
        """Return what asks the language model about sentences; None for a bundle without one trained for it."""
        from edge_runtime.conversation.decider import Decider
        from edge_runtime.conversation.decisions import LAYOUT

        with self._explaining:
            found = self._explainer_in_use().writer_for(LAYOUT)
        if found is None:
            self._asked = None
        elif self._asked is None or self._asked.writer is not found[0]:
            self._asked = Decider(*found)
        return self._asked

    @property
    def parses_with_model(self) -> bool:
        """Whether a language model that was trained for it parses English sentences, if ``parser`` asks for it."""
        with self._talking:
            return self._hearing(self._in_use()).decide is not None

    @property
    def chips(self) -> "tuple[Chip, ...]":
        """What was said with :meth:`say` and counts now, in the language of the last sentence."""
        with self._talking:
            release = self._in_use()
            return () if self._conversation is None else self._conversation.chips(release.hearing())

    @property
    def n_changes(self) -> int:
        """How many changes :meth:`say` of "undo" can take back."""
        with self._talking:
            self._in_use()
            return 0 if self._conversation is None else self._conversation.n_changes

    def remove_chip(self, chip_id: str) -> bool:
        """Take back one thing that was said; return whether it counted. :meth:`say` of "undo" brings it back."""
        with self._talking:
            self._in_use()
            return self._conversation is not None and self._conversation.remove(chip_id)

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
