"""Makes the case of a list text from what may be said about its items."""

from collections.abc import Sequence

from edge_runtime.list_text.case import Entry, ListCase
from edge_runtime.list_text.openings import openings, taste
from edge_runtime.reasons.assignment import Assigner
from edge_runtime.reasons.claims import Claim
from edge_runtime.reasons.facts import FactFinder
from edge_runtime.reasons.wordings import Speaker


def list_case(
    finder: FactFinder,
    rows: Sequence[int],
    claims: Sequence[Sequence[Claim]],
    speaker: Speaker,
    history_rows: Sequence[int],
) -> ListCase:
    """Return what a text about a list may say: of each item, what reasons of the list would be chosen from.

    What cites no event of the history, only popularity, may be left out.

    Args:
        finder: titles and facts.
        rows: catalogue rows of the items, best first.
        claims: what may be said about each of them.
        speaker: says it.
        history_rows: the user's history, which the opening is about.

    Raises:
        ValueError: there are no openings in the speaker's language.
    """
    values, assigner, items = taste(finder.items, history_rows), Assigner(), finder.items
    entries = []
    for row, of_item in zip(rows, claims, strict=True):
        choices = assigner.choices(speaker, row, of_item)
        if choices:
            assigner.say(choices[0])
        is_optional = any(fact.kind == "popular" for wording in choices[:1] for fact in wording.facts[:1])
        reasons = tuple(wording.text for wording in choices)
        entries.append(Entry(items.item_id[row], items.title[row], reasons, is_optional))
    return ListCase(openings(values, speaker.phrases.language), tuple(entries), values, speaker.style)
