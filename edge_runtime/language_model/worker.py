"""The worker process of the language model; a crash of llama.cpp ends the worker and not the app.

Run as ``python -m edge_runtime.language_model.worker MODEL CONTEXT``. It first prints ``{}`` or
``{"refused": reason}``, then answers each line. It exits at once when its input ends, even while llama.cpp is
computing.

===============================================  ==========================================================
request                                          answer
===============================================  ==========================================================
``{"id", "prompt", "choices", "seed"}``          ``{"id", "text", "n_tokens"}``
``{"id", "prompt", "grammar", "seed"}``          ``{"id", "piece"}`` as often as there is text, then
                                                 ``{"id", "end"}``, which is ``complete`` or ``cancelled``
``{"id", "prompt", "lines", "seed"}``            the same, for a text of lines with some alternatives each
``{"cancel": id}``                               none of its own: it ends this request, and all before it, within a
                                                 token
===============================================  ==========================================================

Without a seed (null), the likeliest token is taken each time. All requests may name an ``adapter``, the path of a GGUF
file; without one, the model has none. A request that cannot be answered gets ``{"id", "error": reason}``.
"""

import codecs
import ctypes
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final

from edge_runtime.language_model.model import Model, RefusedError, load

_PR_SET_PDEATHSIG: Final = 1

Message = Mapping[str, Any]


def answers(model: Model, request: Message, is_cancelled: Callable[[], bool]) -> Iterator[Message]:
    """Yield the answers to one request."""
    try:
        adapter = request.get("adapter")
        model.use(None if adapter is None else Path(adapter))
        prompt, seed = request["prompt"], request["seed"]
        if "grammar" in request:
            yield from _text(request["id"], model.stream(prompt, request["grammar"], seed), is_cancelled)
        elif "lines" in request:
            yield from _text(request["id"], model.stream_lines(prompt, request["lines"], seed), is_cancelled)
        else:
            text, n_tokens = model.choose(prompt, request["choices"], seed)
            yield {"id": request["id"], "text": text, "n_tokens": n_tokens}
    except RefusedError as refused:
        yield {"id": request["id"], "error": str(refused)}


def _text(number: int, pieces: Iterator[bytes], is_cancelled: Callable[[], bool]) -> Iterator[Message]:
    """Yield a text piece by piece; a character of several tokens is yielded when it is complete."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for data in pieces:
        if is_cancelled():
            yield {"id": number, "end": "cancelled"}
            return
        if piece := decoder.decode(data):
            yield {"id": number, "piece": piece}
    yield {"id": number, "end": "complete"}


class Requests:
    """The requests of a stream, read ahead by a thread, so that a running one learns that it is cancelled.

    The process exits at the end of the stream, even while a model is being loaded.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._requests: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._cancelled = 0
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()
        if sys.platform == "linux":  # a stopped process does not see the end of its input; the kernel kills it
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def __iter__(self) -> Iterator[Message]:
        """Yield the requests; there is always a next one."""
        while True:
            yield self._requests.get()

    def is_cancelled(self, number: int) -> bool:
        """Return whether this request, or a later one, was cancelled."""
        return number <= self._cancelled

    def _read(self, stream: BinaryIO) -> None:
        for line in stream:
            request = json.loads(line)
            if "cancel" in request:
                self._cancelled = max(self._cancelled, request["cancel"])
            else:
                self._requests.put(request)
        os._exit(0)


def main() -> None:
    """Answer requests until the input ends; the log output of llama.cpp is discarded."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    requests = Requests(sys.stdin.buffer)
    try:
        model = load(Path(sys.argv[1]), int(sys.argv[2]))
    except RefusedError as refused:
        _reply(replies, {"refused": str(refused)})
        return
    _reply(replies, {})
    for request in requests:
        for message in answers(model, request, partial(requests.is_cancelled, request["id"])):
            _reply(replies, message)


def _reply(replies: BinaryIO, message: Message) -> None:
    replies.write(json.dumps(message).encode() + b"\n")
    replies.flush()


if __name__ == "__main__":
    main()
