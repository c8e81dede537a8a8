"""Counts how often prose that asks for nothing is taken for a wish: sentences of the docstrings of Python itself."""

import ast
import os
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge_runtime import Recommender
from edge_runtime.conversation.decider import Decider
from edge_runtime.conversation.hearing import Hearing, ParserName
from edge_runtime.conversation.parsed import Context
from edge_runtime.conversation.scanning import scan
from edge_runtime.conversation.tokens import tokens_of

_SENTENCE: Final = re.compile(r"(?<=[.!?] )[A-Z][a-z,' ]{25,110}[.!?](?= |$)")
_START_S: Final = 60.0
_FEWEST, _MOST = 5, 16
_IDLE: Final = ("nothing", "filter", "list")


def measure_talk(
    bundles: dict[str, Path], n: int, seed: int, parser: ParserName = "rules", *, linear: bool = False
) -> dict[str, object]:
    """Return by catalogue how many of ``n`` sentences change the list, or are taken for another request."""
    texts = sorted(set(_sentences()))
    random.Random(seed).shuffle(texts)  # noqa: S311 - a sample
    texts = texts[:n]
    taken: dict[str, object] = {"parser": parser, "sentences": len(texts)}
    for name, bundle in bundles.items():
        with Recommender.open(bundle, language_model=parser != "rules", parser=parser) as recommender:
            hearing = hearing_of(recommender, parser, linear=linear)
            shown = [item.item_id for item in recommender.recommend(10, list(recommender.items.item_id[:5]))]
            context = Context(shown, None, hearing.facts)
            queries = [hearing.parse(text, "en", context).query for text in texts]
            taken[name] = sum(query.changes_list or query.intent not in _IDLE for query in queries)
    return taken


def hearing_of(recommender: Recommender, parser: ParserName, *, linear: bool) -> Hearing:
    """Return what understands sentences, with the language model at work, or with a linear one in its place.

    It has all the time it needs: on a busy machine, or while it starts, the rules would be measured instead.

    Raises:
        RuntimeError: the bundle has no model that was trained for it, or it does not start.
    """
    if linear and parser != "rules":
        from benchmarks.linear_decider import LinearDecider

        hearing = recommender._in_use().hearing()
        hearing.parser, hearing.decide = parser, LinearDecider(recommender)
        return hearing
    hearing = recommender._hearing(recommender._in_use())
    if parser != "rules":
        _start(hearing)
    return hearing


def _start(hearing: Hearing) -> None:
    lexicon = hearing.lexicon("en")
    elements = scan(tokens_of("hello"), lexicon)
    if isinstance(hearing.decide, Decider):
        hearing.decide.limit_s = _START_S
    if hearing.decide is None or hearing.decide(elements, lexicon) is None:
        raise RuntimeError("found no language model for sentences; export the bundle with --train-parser")


def _sentences() -> Iterator[str]:
    for path in sorted(Path(os.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8", "ignore"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = " ".join((ast.get_docstring(node) or "").split())
                yield from (one for one in _SENTENCE.findall(text) if _FEWEST <= len(one.split()) <= _MOST)
