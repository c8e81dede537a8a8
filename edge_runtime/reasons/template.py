"""The sentence that is said when no language model writes one: always there, always true, always the same."""

from collections.abc import Sequence

from edge_runtime.bundle.items import Items
from edge_runtime.reasons.facts import Fact
from edge_runtime.reasons.sentences import sentences
from edge_runtime.reasons.words import Style


def template(items: Items, row: int, facts: Sequence[Fact], style: Style = "short") -> tuple[str, tuple[Fact, ...]]:
    """Return one sentence about an item and the facts that it cites.

    The sentences come in the order of their facts, so those that cite the same facts as the first are the best;
    which of their wordings it is depends on the row, so that a list of items does not read like a form.
    """
    every = list(sentences(items, row, facts, style).items())
    best = [sentence for sentence in every if sentence[1] == every[0][1]]
    return best[row % len(best)]
