"""The fallback sentence without a language model; it is deterministic."""

from collections.abc import Sequence

from edge_runtime.bundle.items import Items
from edge_runtime.reasons.facts import Fact
from edge_runtime.reasons.sentences import sentences
from edge_runtime.reasons.words import Style


def template(items: Items, row: int, facts: Sequence[Fact], style: Style = "short") -> tuple[str, tuple[Fact, ...]]:
    """Return one sentence about an item and the facts that it cites.

    The sentences with the facts of the first one are the best. The row selects the wording among them, so that the
    explanations of a list vary.
    """
    candidates = list(sentences(items, row, facts, style).items())
    best = [sentence for sentence in candidates if sentence[1] == candidates[0][1]]
    return best[row % len(best)]
