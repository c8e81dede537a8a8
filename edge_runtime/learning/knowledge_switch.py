"""Uses the knowledge prompts of a bundle only for users whom they helped on their past events."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.codes import ProductCodes
from edge_runtime.engines.protocol import Floats, SmallMatrices
from edge_runtime.learning.utility import MAX_EVENTS, MIN_EVENTS, knowledge_helps

Rows = NDArray[np.int64]
Encode = Callable[[Floats, SmallMatrices], Floats | None]
"""Returns the state after some item vectors; None without a usable engine."""


class KnowledgeSwitch:
    """Encodes histories with or without the knowledge of the bundle. Not thread-safe.

    If the history is too short to decide, knowledge is used, as in training and verification. All-zero knowledge is
    skipped without any cost. States are cached until the next call, so that one more event costs two encodings and not
    ``2 * MAX_EVENTS``.

    Args:
        codes: the item codes.
        small: prompts, knowledge and adapter to encode with.
        encode: the engines, such as :meth:`edge_runtime.engines.candidates.EngineCandidates.encode`.
    """

    def __init__(self, codes: ProductCodes, small: SmallMatrices, encode: Encode) -> None:
        self._codes = codes
        self._encode = encode
        self._with = small
        self._without = replace(small, knowledge=np.zeros_like(small.knowledge))
        self._has_knowledge = bool(small.knowledge.any())
        self._states: dict[bytes, tuple[Floats, Floats]] = {}
        self._decision: tuple[bytes, bool] | None = None

    def encode(self, sequence: Rows, history: Rows | None = None) -> Floats | None:
        """Return the state ``[dim]`` after a non-empty sequence of rows, oldest first; None if no engine is usable.

        Args:
            sequence: the rows.
            history: decides whether knowledge is used; None for ``sequence``.
        """
        vectors = self._codes.decode(sequence)
        return self._encode(
            vectors, self._with if self.helps(sequence if history is None else history) else self._without
        )

    def helps(self, sequence: Rows) -> bool:
        """Return whether knowledge is used after these rows."""
        if not self._has_knowledge or len(sequence) <= MIN_EVENTS:
            return True
        key = sequence.tobytes()
        if self._decision is None or self._decision[0] != key:
            self._decision = (key, self._decide(sequence))
        return self._decision[1]

    def _decide(self, sequence: Rows) -> bool:
        ends = range(max(1, len(sequence) - MAX_EVENTS), len(sequence))
        pairs = {}
        for end in ends:
            pair = self._state_pair(sequence[:end])
            if pair is None:
                return True  # no engine is usable, so there is nothing to compare
            pairs[sequence[:end].tobytes()] = pair
        self._states = pairs
        without, with_knowledge = (np.stack(states) for states in zip(*pairs.values(), strict=True))
        return knowledge_helps(without, with_knowledge, self._codes.decode(sequence[ends.start :]))

    def _state_pair(self, before: Rows) -> tuple[Floats, Floats] | None:
        """Return the states without and with knowledge; None if no engine is usable."""
        cached = self._states.get(before.tobytes())
        if cached is not None:
            return cached
        vectors = self._codes.decode(before)
        with_knowledge = self._encode(vectors, self._with)
        without = self._encode(vectors, self._without)
        return None if with_knowledge is None or without is None else (without, with_knowledge)
