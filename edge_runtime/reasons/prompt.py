"""The prompt layout ``facts-v2`` of the language model, used on the device and in the training corpus.

The instruction, the item, one line per fact, the style, and the cue::

    Give one true reason for the item, using only these facts.
    item: “OPI Red Shatter”
    - comes from “OPI”, like “OPI Simmer and Shimmer”
    - is filed under “Nail Polish”
    style: short
    reason:

The reason follows on the next line and ends with the end-of-text token.
"""

from collections.abc import Sequence
from typing import Final

from edge_runtime.bundle.items import Items
from edge_runtime.reasons.facts import Fact
from edge_runtime.reasons.sentences import predicate
from edge_runtime.reasons.words import Style, display_title

LAYOUT: Final = "facts-v2"
INSTRUCTION: Final = "Give one true reason for the item, using only these facts.\n"


def prompt(items: Items, row: int, facts: Sequence[Fact], style: Style) -> str:
    """Return the prompt for the language model."""
    lines = [f"item: “{display_title(items.title[row])}”"]
    for fact in facts:
        like = "" if fact.history_row is None else f", like “{display_title(items.title[fact.history_row])}”"
        lines.append(f"- {predicate(fact)}{like}")
    lines.append(f"style: {style}")
    return INSTRUCTION + "\n".join(lines) + "\nreason:\n"
