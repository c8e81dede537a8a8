"""Texts that arrive piece by piece over the pipe: complete, cancelled, replaced, and from a worker that fails."""

import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from edge_runtime.language_model.client import LlamaWriter
from edge_runtime.language_model.writer import WriterError

CHOICES = ("a", "b")

# The real worker with a fake model. Its text is the words of the prompt, without an end if the first one is "endless";
# "die" and "sleep" do that. A sentence says how many words were written in all.
WORKER = """
import itertools, os, time
import edge_runtime.language_model.worker as worker

class Fake:
    n_words = 0

    def use(self, adapter):
        pass

    def choose(self, prompt, choices, seed):
        return str(self.n_words), 1

    def stream(self, prompt, rules, seed):
        words = prompt.split()
        for word in itertools.repeat("word") if words[0] == "endless" else words:
            if word == "die":
                os.abort()
            if word == "sleep":
                time.sleep(60)
            time.sleep(0.001)
            self.n_words += 1
            yield word.encode()

worker.load = lambda path, context: Fake()
worker.main()
"""


@contextmanager
def a_writer(timeout_s: float = 60.0) -> Iterator[LlamaWriter]:
    writer = LlamaWriter(Path("model"), context=64, timeout_s=timeout_s, command=(sys.executable, "-c", WORKER))
    try:
        yield writer
    finally:
        writer.close()


def test_the_pieces_of_a_text_arrive_in_order() -> None:
    with a_writer() as writer:
        assert list(writer.stream("one two three", "", 0)) == ["one", "two", "three"]


def test_the_first_piece_arrives_before_the_text_is_complete() -> None:
    with a_writer() as writer, closing(writer.stream("endless", "", 0)) as text:
        assert next(text) == "word"


def test_closing_the_iterator_ends_the_text_in_the_worker() -> None:
    with a_writer() as writer:
        text = writer.stream("endless", "", 0)
        next(text)
        text.close()

        first, again = (int(writer.write("count", CHOICES, 0)) for _ in range(2))
        assert 1 <= first == again


def test_a_newer_request_ends_a_text_that_nobody_reads() -> None:
    with a_writer() as writer:
        text = writer.stream("endless", "", 0)
        next(text)

        assert int(writer.write("count", CHOICES, 0)) >= 1
        with pytest.raises(WriterError, match="a newer request has ended this text"):
            list(text)


def test_a_newer_text_ends_the_older_one() -> None:
    with a_writer() as writer:
        older = writer.stream("endless", "", 0)
        next(older)

        assert list(writer.stream("one two", "", 0)) == ["one", "two"]
        with pytest.raises(WriterError, match="a newer request has ended this text"):
            next(older)


def test_a_text_can_be_ended_from_another_thread() -> None:
    with a_writer() as writer:
        text = writer.stream("endless", "", 0)
        next(text)
        newer: list[str] = []
        thread = threading.Thread(target=lambda: newer.append(writer.write("count", CHOICES, 0)))
        thread.start()

        with pytest.raises(WriterError, match="a newer request has ended this text"):
            list(text)
        thread.join()
        assert newer


@pytest.mark.parametrize(("word", "message"), [("die", "stopped unexpectedly"), ("sleep", r"within 0\.5 s")])
def test_a_worker_that_fails_in_a_text_fails_that_text_only(word: str, message: str) -> None:
    with a_writer(timeout_s=0.5) as writer:
        text = writer.stream(f"one {word}", "", 0)
        assert next(text) == "one"
        with pytest.raises(WriterError, match=message):
            next(text)

        assert list(writer.stream("two", "", 0)) == ["two"]


def test_closing_the_writer_ends_a_text() -> None:
    with a_writer() as writer:
        text = writer.stream("endless", "", 0)
        next(text)
        writer.close()

        with pytest.raises(WriterError, match="was closed"):
            next(text)
