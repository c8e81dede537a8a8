"""The worker with the real llama.cpp and an untrained model: even random output is restricted to true sentences."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_runtime.explainer import Explainer, Listed, Manner
from edge_runtime.language_model.client import LlamaWriter
from edge_runtime.language_model.grammar import grammar, grammar_of_lines
from edge_runtime.language_model.model import Model, RefusedError, load
from edge_runtime.language_model.worker import Message, answers
from edge_runtime.language_model.writer import WriterError
from edge_runtime.reasons.evidence import without_engine
from edge_runtime.reasons.facts import is_true
from edge_runtime.reasons.words import Style
from export.gguf import make_language_model as make_gguf
from tests.tiny_items import make_items
from tests.tiny_language_model import make_language_model


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GGUF file with random weights."""
    root = tmp_path_factory.mktemp("untrained")
    make_gguf(make_language_model(root / "model"), root / "reasons.gguf", "Q4_K_M")
    return root / "reasons.gguf"


@pytest.fixture(scope="module")
def model(untrained: Path) -> Model:
    return load(untrained, 512)


@pytest.fixture(scope="module")
def writer(untrained: Path) -> Iterator[LlamaWriter]:
    worker = LlamaWriter(untrained, context=4096, timeout_s=60.0)
    yield worker
    worker.close()


nasty = st.text(min_size=1, max_size=70) | st.sampled_from(
    [
        '"\\" ::= | ( ) [^a] # \\x41',
        "\x00\x01\x7f",
        "<|endoftext|>",
        "漢字 🎨 e\u0301",
        "{item} {past}",
        "\u2028\n\r\t",
        "a" * 300,
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    titles=st.lists(nasty, min_size=3, max_size=4),
    values=st.lists(nasty, min_size=4, max_size=4),
    style=st.sampled_from(["short", "detailed"]),
)
def test_the_output_is_true_for_any_catalogue_text(
    titles: list[str], values: list[str], style: Style, writer: LlamaWriter
) -> None:
    n = len(titles)
    items = make_items(
        titles, brand=[[values[row % 2]] for row in range(n)], note=[values[: row + 1] for row in range(n)]
    )
    popularity = np.arange(n, dtype=np.uint8)
    history = list(range(1, n))

    listed = Listed([0], without_engine(history, [0]))
    reason = Explainer(items, popularity, writer=writer).explain(listed, Manner(style))

    assert reason.note is None
    assert all(is_true(fact, items, popularity, 0, history) for fact in reason.facts)


def test_the_seed_selects_among_all_sentences(model: Model) -> None:
    choices = ("It is red.", "It is blue.", "Was it green?", "It is red. Really.")

    first = [model.choose("Say it.\n", choices, seed)[0] for seed in range(40)]
    again = [model.choose("Say it.\n", choices, seed)[0] for seed in range(40)]

    assert set(first) == set(choices)
    assert first == again


def test_a_unique_continuation_is_not_decoded(model: Model) -> None:
    choices = ("Red" + " and more" * 20 + ".", "Blue" + " and more" * 20 + ".")

    _, n_tokens = model.choose("Say it.\n", choices, 0)

    assert n_tokens <= 4


def test_a_cached_prefix_does_not_change_the_answer(untrained: Path, model: Model) -> None:
    choices = tuple(f"It is {word}." for word in ("red", "blue", "green", "grey", "old", "new"))
    prompts = ["the same beginning " * 5 + end for end in ("here", "there", "", "her")]
    fresh = [load(untrained, 512).choose(prompt, choices, 3)[0] for prompt in prompts]

    assert [model.choose(prompt, choices, 3)[0] for prompt in prompts * 2] == fresh * 2


def test_a_prompt_longer_than_the_context_is_rejected_and_the_next_one_works(model: Model) -> None:
    with pytest.raises(RefusedError, match="exceed the context of 512 tokens"):
        model.choose("word " * 600, ("It is red.", "It is blue."), 0)

    assert model.choose("word", ("It is red.", "It is blue."), 0)[0] in ("It is red.", "It is blue.")


def test_control_tokens_in_text_are_tokenized_as_text(model: Model) -> None:
    assert len(model.tokenize("<|endoftext|>")) > 1


def test_a_rejected_request_gets_an_error_answer(model: Model) -> None:
    (refused,) = answered(model, {"id": 7, "prompt": "word " * 600, "choices": ["a", "b"], "seed": 1})

    assert "512 tokens" in str(refused["error"])
    assert refused["id"] == 7


TWO_LINES = r"""root ::= "1. " word "\n2. " word "\n"
word ::= "Soap" | "漢字 🎨" | [a-z]{3}
"""


def answered(model: Model, request: Message, after: int | None = None) -> list[Message]:
    """Return the answers to a request that is cancelled when so many of them were given."""
    given: list[Message] = []
    for message in answers(model, request, lambda: after is not None and len(given) >= after):
        given.append(message)
    return given


def test_a_text_is_streamed_in_whole_characters_and_obeys_its_grammar(model: Model) -> None:
    texts = []
    for seed in range(12):
        *pieces, end = answered(model, {"id": 3, "prompt": "Say it.\n", "grammar": TWO_LINES, "seed": seed})
        texts.append("".join(str(piece["piece"]) for piece in pieces))
        assert (end["id"], end["end"]) == (3, "complete")

    assert all(re.fullmatch("1. (Soap|漢字 🎨|[a-z]{3})\n2. (Soap|漢字 🎨|[a-z]{3})\n", text) for text in texts)
    assert len(set(texts)) > 6
    assert not any("\ufffd" in text for text in texts)


@pytest.mark.parametrize("after", [0, 1, 5])
def test_a_cancelled_text_ends_at_the_next_token(after: int, model: Model) -> None:
    request = {"id": 3, "prompt": "Say it.\n", "grammar": grammar(["a" * 200, "b" * 200]), "seed": 0}

    *pieces, end = answered(model, request, after)

    assert len(pieces) == after
    assert end == {"id": 3, "end": "cancelled"}


LINES = (
    ("You often choose “Aster”:\n", "“Aster” comes up often here:\n", "Here is a list for you:\n"),
    ("1. “Rose Soap”\n", "1. “Rose Soap” \u2013 same maker as your cream\n", "1. “Rose Soap” \u2013 also by “Aster”\n"),
    ("2. “漢字 🎨”\n", "2. “漢字 🎨” \u2013 é\n", "2. “漢字 🎨” \u2013 è\n"),
    ("3. “Mint”\n",),
)


def lines_of(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def test_each_line_of_a_text_is_one_of_its_alternatives_and_the_model_chooses(model: Model) -> None:
    texts = [b"".join(model.stream_lines("list:\n", LINES, seed)).decode() for seed in range(0, 200, 5)]

    for number, alternatives in enumerate(LINES):
        chosen = {lines_of(text)[number] for text in texts}
        assert chosen <= set(alternatives)
        assert len(chosen) >= min(2, len(alternatives))
    assert all(len(lines_of(text)) == len(LINES) for text in texts)


def test_the_grammar_of_the_lines_accepts_the_same_texts(model: Model) -> None:
    for seed in range(5):
        text = b"".join(model.stream("list:\n", grammar_of_lines(LINES), seed)).decode()

        assert all(line in alternatives for line, alternatives in zip(lines_of(text), LINES, strict=True))


def test_what_is_certain_is_not_sampled(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    n_sampled, sampled = 0, model._sampled

    def counted(sampler: object) -> int:
        nonlocal n_sampled
        n_sampled += 1
        return sampled(sampler)

    monkeypatch.setattr(model, "_sampled", counted)
    title = "very long title " * 8
    lines = [(f"{number}. {title}\n", f"{number}. {title} \u2013 good\n") for number in range(1, 4)]
    text = b"".join(model.stream_lines("list:\n", lines, 0)).decode()

    assert len(lines_of(text)) == 3
    assert n_sampled <= 6


@pytest.mark.parametrize("line", ["no end", "two\nlines\n", ""])
def test_an_alternative_that_is_not_a_line_is_an_error(line: str, model: Model) -> None:
    (refused,) = answered(model, {"id": 3, "prompt": "list:\n", "lines": [["a\n", line]], "seed": 0})

    assert "expected alternatives of one line" in str(refused["error"])


def test_a_text_of_lines_that_does_not_fit_is_an_error(model: Model) -> None:
    lines = [["a different word " * 20 + end for end in ("a\n", "b\n")]] * 20
    *pieces, refused = answered(model, {"id": 3, "prompt": "list:\n", "lines": lines, "seed": 0})

    assert pieces
    assert "512 tokens" in str(refused["error"])


def test_a_text_is_cancelled_while_its_prompt_is_decoded(model: Model) -> None:
    request = {"id": 3, "prompt": "many different words " * 20, "grammar": TWO_LINES, "seed": 0}

    (end,) = answered(model, request, 0)

    assert end["end"] == "cancelled"
    assert len(model._cached) < len(model.tokenize(request["prompt"]))  # type: ignore[arg-type]


def test_a_text_that_does_not_end_within_the_context_is_an_error(model: Model) -> None:
    *pieces, end = answered(model, {"id": 3, "prompt": "Say it.\n", "grammar": "root ::= [a-z]{2000}", "seed": 0})

    assert pieces
    assert "512 tokens" in str(end["error"])


def test_a_grammar_that_does_not_parse_is_an_error(model: Model) -> None:
    (refused,) = answered(model, {"id": 3, "prompt": "Say it.\n", "grammar": "root ::= (", "seed": 0})

    assert "does not parse" in str(refused["error"])


@pytest.mark.parametrize("data", [b"", b"GGUF", b"not a model" * 100])
def test_an_invalid_model_file_is_rejected_in_the_worker(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(data)
    worker = LlamaWriter(tmp_path / "broken.gguf", context=64)

    for _ in range(2):
        with pytest.raises(WriterError, match=r"is not used: llama\.cpp cannot read broken\.gguf"):
            worker.write("x", ("It is red.", "It is blue."), 0)


def test_a_truncated_model_does_not_crash_the_app(untrained: Path, tmp_path: Path) -> None:
    data = untrained.read_bytes()
    for length in (40, len(data) // 50, len(data) // 2, len(data) - 1):
        (tmp_path / "cut.gguf").write_bytes(data[:length])
        with pytest.raises(WriterError):
            LlamaWriter(tmp_path / "cut.gguf", context=64).write("x", ("It is red.", "It is blue."), 0)
