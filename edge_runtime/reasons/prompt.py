"""The prompt layout ``facts-v3`` of the language model, used on the device and in the training corpus.

The instruction, the item, one line per fact, the style with the tone, and the cue::

    Give one true reason for the item, using only these facts.
    item: “OPI Red Shatter”
    - same “brand” as your nail polish: “OPI”
    - often follows your nail polish
    style: short, casual
    reason:

The reason follows on the next line and ends with the end-of-text token.
"""

from collections.abc import Sequence
from typing import Final

from edge_runtime.bundle.items import Items
from edge_runtime.reasons.facts import Fact
from edge_runtime.reasons.quoting import clean
from edge_runtime.reasons.wordings import Speaker
from edge_runtime.reasons.words import display_field, display_title, display_value

LAYOUT: Final = "facts-v3"
INSTRUCTION: Final = "Give one true reason for the item, using only these facts.\n"


def prompt(items: Items, row: int, facts: Sequence[Fact], speaker: Speaker) -> str:
    """Return the prompt for the language model.

    Args:
        items: titles.
        row: the item.
        facts: the facts that its reason may cite.
        speaker: names the items of the history.
    """
    lines = [f"item: “{display_title(items.title[row])}”", *(f"- {_line(fact, speaker)}" for fact in facts)]
    lines.append(f"style: {speaker.style}, {speaker.tone}")
    return INSTRUCTION + "\n".join(lines) + "\nreason:\n"


def _line(fact: Fact, speaker: Speaker) -> str:
    past = "" if fact.history_row is None else speaker.past(fact.history_row)
    if fact.kind == "shared":
        return f"same “{clean(display_field(fact.field))}” as {past}: “{display_value(fact.value)}”"
    if fact.kind == "follows":
        return f"often follows {past}"
    return f"chosen because of {past}" if fact.kind == "because" else f"among the most popular {fact.value}"
