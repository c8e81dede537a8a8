"""Uses a bundle's knowledge for a person only where it helped that person so far. Knows the engines, and no files."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.codes import ProductCodes
from edge_runtime.engines.ladder import Ladder
from edge_runtime.engines.protocol import Floats, SmallMatrices
from edge_runtime.learning.utility import FEWEST_EVENTS, MOST_EVENTS, knowledge_helps

Rows = NDArray[np.int64]


class KnowledgeSwitch:
    """Encodes histories, with the bundle's knowledge or without; the caller sees to it that one thread does.

    Where the past is too short to judge, knowledge is used: it is what the bundle was made and verified with. A bundle
    whose knowledge is all zero is never asked, and costs nothing. What was computed for a history is kept until the
    next one, so that one more event costs two encodes and not ``2 * MOST_EVENTS``.
    """

    def __init__(self, codes: ProductCodes, small: SmallMatrices, ladder: Ladder) -> None:
        self._codes = codes
        self._ladder = ladder
        self._without = replace(small, knowledge=np.zeros_like(small.knowledge))
        self._knows = bool(small.knowledge.any())
        self._pairs: dict[bytes, tuple[Floats, Floats]] = {}
        self._judged: tuple[bytes, bool] | None = None

    def encode(self, sequence: Rows) -> Floats | None:
        """Return the state ``[dim]`` after catalogue rows, oldest first, at least one; None when no engine is left."""
        vectors = self._codes.decode(sequence)
        return self._ladder.encode(vectors, None if self.helps(sequence) else self._without)

    def helps(self, sequence: Rows) -> bool:
        """Return whether knowledge is used after these rows."""
        if not self._knows or len(sequence) <= FEWEST_EVENTS:
            return True
        key = sequence.tobytes()
        if self._judged is None or self._judged[0] != key:
            self._judged = (key, self._judge(sequence))
        return self._judged[1]

    def _judge(self, sequence: Rows) -> bool:
        ends = range(max(1, len(sequence) - MOST_EVENTS), len(sequence))
        pairs = {}
        for end in ends:
            pair = self._pair(sequence[:end])
            if pair is None:
                return True  # no engine works as it should, so there is nothing to compare
            pairs[sequence[:end].tobytes()] = pair
        self._pairs = pairs
        without, with_knowledge = (np.stack(states) for states in zip(*pairs.values(), strict=True))
        return knowledge_helps(without, with_knowledge, self._codes.decode(sequence[ends.start :]))

    def _pair(self, before: Rows) -> tuple[Floats, Floats] | None:
        """Return the state without knowledge and the one with it."""
        known = self._pairs.get(before.tobytes())
        if known is not None:
            return known
        vectors = self._codes.decode(before)
        with_knowledge = self._ladder.encode(vectors)
        without = self._ladder.encode(vectors, self._without)
        return None if with_knowledge is None or without is None else (without, with_knowledge)
