"""Counts how often prose that asks for nothing is taken for a wish: sentences of the docstrings of Python itself."""

import ast
import os
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge_runtime import Recommender
from edge_runtime.conversation.parsed import Context

_SENTENCE: Final = re.compile(r"(?<=[.!?] )[A-Z][a-z,' ]{25,110}[.!?](?= |$)")
_FEWEST, _MOST = 5, 16
_IDLE: Final = ("nothing", "filter", "list")


def measure_talk(bundles: dict[str, Path], n: int, seed: int) -> dict[str, object]:
    """Return by catalogue how many of ``n`` sentences change the list, or are taken for another request."""
    texts = sorted(set(_sentences()))
    random.Random(seed).shuffle(texts)  # noqa: S311 - a sample
    texts = texts[:n]
    taken: dict[str, object] = {"sentences": len(texts)}
    for name, bundle in bundles.items():
        with Recommender.open(bundle, language_model=False) as recommender:
            hearing = recommender._in_use().hearing()
            shown = [item.item_id for item in recommender.recommend(10, list(recommender.items.item_id[:5]))]
            context = Context(shown, None, hearing.facts)
            queries = [hearing.parse(text, "en", context).query for text in texts]
            taken[name] = sum(query.changes_list or query.intent not in _IDLE for query in queries)
    return taken


def _sentences() -> Iterator[str]:
    for path in sorted(Path(os.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8", "ignore"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = " ".join((ast.get_docstring(node) or "").split())
                yield from (one for one in _SENTENCE.findall(text) if _FEWEST <= len(one.split()) <= _MOST)
