"""The grammar accepts exactly the list of sentences, whatever their text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.language_model.grammar import grammar

_TOKEN = re.compile(r'"((?:[^"\\]|\\U[0-9A-F]{8})*)"|([()|?])|\s+')


def language(text: str) -> set[str]:
    """Return all texts that a grammar of literals, groups, ``|`` and ``?`` accepts, with an independent parser."""
    head, body = text.split(" ::= ", 1)
    assert head == "root"
    tokens: list[tuple[str, str]] = []
    at = 0
    while at < len(body):
        match = _TOKEN.match(body, at)
        assert match is not None, f"not a token at {body[at : at + 20]!r}"
        at = match.end()
        if match[1] is not None:
            tokens.append(("literal", re.sub(r"\\U([0-9A-F]{8})", lambda code: chr(int(code[1], 16)), match[1])))
        elif match[2]:
            tokens.append((match[2], ""))
    texts, rest = _alternatives(tokens)
    assert not rest
    return texts


Tokens = list[tuple[str, str]]


def _alternatives(tokens: Tokens) -> tuple[set[str], Tokens]:
    texts, tokens = _sequence(tokens)
    while tokens and tokens[0][0] == "|":
        more, tokens = _sequence(tokens[1:])
        texts |= more
    return texts, tokens


def _sequence(tokens: Tokens) -> tuple[set[str], Tokens]:
    texts = {""}
    while tokens and tokens[0][0] in ("literal", "("):
        if tokens[0][0] == "literal":
            part, tokens = {tokens[0][1]}, tokens[1:]
        else:
            part, tokens = _alternatives(tokens[1:])
            assert tokens[0][0] == ")"
            tokens = tokens[1:]
        if tokens and tokens[0][0] == "?":
            part, tokens = part | {""}, tokens[1:]
        texts = {left + right for left in texts for right in part}
    return texts, tokens


@pytest.mark.parametrize(
    "sentences",
    [
        {"It is."},
        {"It is.", "It was."},
        {"It", "It is", "It is blue.", "Is it?"},
        {'Say "hi" \\n', 'Say "hi" \\', "Say\n::= root | (x)? [a-z]* #"},
        {"漢字。", "漢字!", "🎨", "\x00\x7f\u2028"},
    ],
)
def test_the_grammar_accepts_exactly_the_sentences(sentences: set[str]) -> None:
    assert language(grammar(sentences)) == sentences


@given(st.sets(st.text(min_size=1, max_size=12), min_size=1, max_size=12))
def test_the_grammar_of_any_sentences_accepts_exactly_them(sentences: set[str]) -> None:
    assert language(grammar(sentences)) == sentences


@given(st.sets(st.text(alphabet='ab" \\', min_size=1, max_size=6), min_size=1, max_size=20))
def test_sentences_with_a_common_prefix_are_distinguished(sentences: set[str]) -> None:
    assert language(grammar(sentences)) == sentences


@given(st.text(min_size=1))
def test_a_grammar_is_ascii_on_one_line(sentence: str) -> None:
    text = grammar([sentence])

    assert text.isascii()
    assert text.isprintable() or text[:-1].isprintable()


@pytest.mark.parametrize("sentences", [[], ["", "x"]])
def test_a_grammar_without_sentences_is_rejected(sentences: list[str]) -> None:
    with pytest.raises(ValueError, match="expected non-empty sentences"):
        grammar(sentences)
