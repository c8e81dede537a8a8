"""One session of learning, in small pieces of work: encode the examples, train, and try the result.

A session can stop after each piece. What it depends on has a digest: a session that is resumed in another process, or
after a crash, has the same result as one that was never stopped.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, Literal

import msgspec
import numpy as np

from edge_runtime.bundle.manifest import LearningSettings, Manifest
from edge_runtime.contents import Contents
from edge_runtime.engines.protocol import SmallMatrices
from edge_runtime.errors import EngineError
from edge_runtime.learning.adamw import AdamWState
from edge_runtime.learning.decision import Trial, trial_of
from edge_runtime.learning.examples import Rows, Split, candidate_rows, offsets
from edge_runtime.learning.knowledge_switch import Encode
from edge_runtime.learning.training import Floats, Personal, Training, batches_of
from edge_runtime.ranking import score_all
from edge_runtime.transitions import FACTOR

Piece = Literal["work", "paused"]
"""What :meth:`LearningSession.work` did: a piece of work, or nothing, because today's steps are used up."""

SEED: Final = 0
"""Of the items that are drawn; nothing depends on it being secret."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What is done of a session: the optimizer after the last update, and the trials."""

    optimizer: AdamWState
    trials: tuple[Trial, ...] = ()


@dataclass(eq=False)
class LearningSession:
    """A session over one history.

    Args:
        contents: the bundle.
        settings: its settings of learning, or others.
        small: prompts and adapter, as states are to be computed.
        split: the history.
        encode: encodes; called without locks.
        progress: what was done before.
        permits: whether so many steps may be made now.
        save: keeps what is done, durably, and how many steps that took; returns whether it could.
    """

    contents: Contents
    settings: LearningSettings
    small: SmallMatrices
    split: Split
    encode: Encode
    progress: Progress
    permits: Callable[[int], bool]
    save: Callable[[Progress, int], bool]
    is_lost: bool = False
    _states: dict[int, Floats] = field(default_factory=dict)

    def work(self) -> Iterator[Piece]:
        """Do the session piece by piece; afterwards it is finished, or :attr:`is_lost`.

        Raises:
            EngineError: no engine is usable.
        """
        if self.progress.optimizer.n_steps < self.settings.updates:
            yield from self._train()
        for _ in range(len(self.progress.trials), len(self.split.held_out)):
            if self.is_lost:
                return
            index = self.split.held_out[len(self.progress.trials)]
            trial = self._trial(index, Personal.of(self.progress.optimizer, *self.small.adapter_b.shape))
            self.progress = replace(self.progress, trials=(*self.progress.trials, trial))
            yield "work"

    @property
    def n_left(self) -> int:
        """Number of updates that are left."""
        return max(0, self.settings.updates - self.progress.optimizer.n_steps)

    def _train(self) -> Iterator[Piece]:
        following = []
        for index in self.split.examples:
            self._state(index)
            following.append(self._following(index)[self._candidates])
            yield "work"
        training = self._training(np.stack(following))
        while self.n_left:
            if not self.permits(len(training.batches)):
                yield "paused"
                continue
            for state in training.update(self.progress.optimizer):
                if state is not None:
                    self.progress = Progress(state)
                    self.is_lost = not self.save(self.progress, len(training.batches))
                yield "work"
            if self.is_lost:
                return

    def _training(self, following: Floats) -> Training:
        targets, candidates = self.split.targets, self._candidates
        excluded = np.concatenate([self.split.own, self.contents.retired])
        batches = batches_of(
            states=np.stack([self._state(index) for index in self.split.examples]),
            vectors=self.contents.codes.decode(candidates),
            following=following,
            offsets=offsets(targets, candidates, excluded, len(self.contents.codes.tier_of)),
            chosen=np.searchsorted(candidates, targets),
            temperature=self.settings.temperature,
        )
        return Training(batches, self.small.adapter_a, self.small.adapter_b, self.settings)

    def _trial(self, index: int, personal: Personal) -> Trial:
        """Return what the adapter changes for one held-out event."""
        shared = self.small.adapter_b
        without = self._scores(index, shared, FACTOR)
        with_adapter = self._scores(index, personal.added_to(shared), personal.factor)
        hidden = np.concatenate([self.split.rows[:index], self.contents.retired])
        return trial_of(without, with_adapter, int(self.split.rows[index]), hidden, self.settings.temperature)

    def _scores(self, index: int, b: Floats, factor: float) -> Floats:
        """Return the score of every item before an event, with some ``B``."""
        state = self._state(index)
        adapted = (state + (state @ self.small.adapter_a) @ b).astype(np.float32, copy=False)
        scores = score_all(self.contents.codes, adapted)
        scores += np.float32(factor) * self._following(index)
        return scores

    @cached_property
    def _candidates(self) -> Rows:
        n_items = len(self.contents.codes.tier_of)
        return candidate_rows(self.split, n_items, self.settings.candidates, SEED)

    @cached_property
    def _without_b(self) -> SmallMatrices:
        return replace(self.small, adapter_b=np.zeros_like(self.small.adapter_b))

    def _past(self, index: int) -> Rows:
        """Return the events before one that the encoder gets."""
        return self.split.rows[max(0, index - self.contents.folder.manifest.encoder.max_length) : index]

    def _state(self, index: int) -> Floats:
        """Return the state before an event, with ``B = 0``."""
        state = self._states.get(index)
        if state is None:
            state = self.encode(self.contents.codes.decode(self._past(index)), self._without_b)
            if state is None:
                raise EngineError("no engine of the bundle is usable here, so there are no states to learn from.")
            self._states[index] = state
        return state

    def _following(self, index: int) -> Floats:
        """Return the scores of the transitions before an event, ``[n_items]``; zeros without transitions."""
        if self.contents.transitions is None:
            return np.zeros(len(self.contents.codes.tier_of), dtype=np.float32)
        return self.contents.transitions.scores(self._past(index))


def base_digest(manifest: Manifest, a: Floats) -> str:
    """Return a digest of what a trained adapter belongs to: encoder, codes, prompts, and the bundle's ``A``."""
    files = [entry.sha256 for entry in manifest.files if entry.role == "encoder"]
    files += [manifest.required_role(role).sha256 for role in ("codes", "prompts")]
    return _digest(*files, hashlib.sha256(np.ascontiguousarray(a, "<f4").tobytes()).hexdigest())


def session_key(contents: Contents, settings: LearningSettings, small: SmallMatrices, rows: Rows, engine: str) -> str:
    """Return a digest of all that the result of a session depends on.

    Args:
        contents: the bundle.
        settings: of learning.
        small: prompts and adapter.
        rows: the history.
        engine: name and precision of the engine in use: engines agree to some digits only.
    """
    matrices = (small.prompts, small.knowledge, small.adapter_a, small.adapter_b)
    arrays = [hashlib.sha256(np.ascontiguousarray(each, "<f4").tobytes()).hexdigest() for each in matrices]
    manifest = contents.folder.manifest
    used = {"encoder", "codes", "transitions", "similarity", "retired"}
    files = [entry.sha256 for entry in manifest.files if entry.role in used]
    history = hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()
    return _digest(msgspec.json.encode(settings).decode(), str(SEED), engine, history, *arrays, *files)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
