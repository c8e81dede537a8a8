"""Asks a language model about a sentence, for a limited time."""

import queue
import threading
from collections.abc import Sequence
from contextlib import closing
from typing import Final

from edge_runtime.conversation.decisions import MAX_NAMES, Decision, lines, names_of, prompt, read_decision
from edge_runtime.conversation.lexicon import Lexicon
from edge_runtime.conversation.scanning import Element
from edge_runtime.language_model.writer import TextWriter, WriterError

LIMIT_S: Final = 0.5
"""Time for one sentence; after it, there is no decision."""
MAX_SLOW: Final = 2
"""Sentences in a row, after the first decision, that may exceed the limit before the model is not asked any more."""


_Texts = queue.SimpleQueue[str | None]


class Decider:
    """Lets a language model decide.

    Each sentence is written by a thread of its own, so that a model that starts, hangs or ends costs no more than
    the limit. While it is still at work on a sentence before, it decides nothing.

    Args:
        writer: the language model.
        adapter: name of the adapter for such texts.
        limit_s: time for one sentence.

    Attributes:
        writer: the language model.
        limit_s: time for one sentence.
    """

    def __init__(self, writer: TextWriter, adapter: str, limit_s: float = LIMIT_S) -> None:
        self.writer = writer
        self._adapter = adapter
        self.limit_s = limit_s
        self._writing: threading.Thread | None = None
        self._has_decided = False
        self._n_slow = 0

    def __call__(self, elements: Sequence[Element], lexicon: Lexicon) -> Decision | None:
        """Return what the model decides about a sentence; None if it has too many names or no time."""
        if len(names_of(elements)) > MAX_NAMES or self._n_slow >= MAX_SLOW:
            return None
        if self._writing is not None and self._writing.is_alive():
            return None
        written: _Texts = queue.SimpleQueue()
        is_late = threading.Event()
        case = prompt(elements, lexicon), lines(elements, lexicon)
        self._writing = threading.Thread(target=self._write, args=(*case, written, is_late), daemon=True)
        self._writing.start()
        try:
            text = written.get(timeout=self.limit_s)
        except queue.Empty:
            is_late.set()
            self._n_slow += self._has_decided  # the first sentence starts the model
            return None
        if text is None:
            return None
        self._has_decided, self._n_slow = True, 0
        return read_decision(text, elements, lexicon)

    def _write(
        self, asked: str, alternatives: Sequence[Sequence[str]], written: "_Texts", is_late: threading.Event
    ) -> None:
        """Write a text, until it is late; None if the model fails."""
        text: list[str] = []
        try:
            with closing(self.writer.stream_lines(asked, alternatives, None, adapter=self._adapter)) as pieces:
                for piece in pieces:
                    text.append(piece)
                    if is_late.is_set():
                        return
        except WriterError:
            written.put(None)
            return
        written.put("".join(text))
