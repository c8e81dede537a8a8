"""The prompt layout ``list-v1`` of list texts, used on the device and in the training corpus.

The instruction, what the person's choices have in common, the style, the number of items, and the cue::

    Write the list, with one true reason for each item.
    taste: “OPI”; “Nail Polish”
    style: short
    items: 10
    list:

The text follows on the next line and ends with the last item's line break.
"""

from typing import Final

from edge_runtime.list_text.case import ListCase

LAYOUT: Final = "list-v1"
INSTRUCTION: Final = "Write the list, with one true reason for each item.\n"


def prompt(case: ListCase) -> str:
    """Return the prompt for the language model."""
    taste = "; ".join(f"“{value}”" for value in case.taste) or "none"
    return f"{INSTRUCTION}taste: {taste}\nstyle: {case.style}\nitems: {len(case.entries)}\nlist:\n"
