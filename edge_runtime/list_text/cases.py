"""Makes the case of a list text from what may be said about its items."""

from collections.abc import Sequence

from edge_runtime.list_text.case import Entry, ListCase, shown_title
from edge_runtime.list_text.openings import openings, taste
from edge_runtime.reasons.assignment import Assigner
from edge_runtime.reasons.claims import Claim
from edge_runtime.reasons.facts import FactFinder
from edge_runtime.reasons.wordings import Speaker, Wording


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
    items, quoted = finder.items, speaker.phrases.quoted
    values, choices = taste(items, history_rows), _choices(rows, claims, speaker)
    entries = [
        Entry(
            items.item_id[row],
            quoted(shown_title(items.title[row], items.item_id[row])),
            tuple(wording.text for wording in of_item),
            is_optional=any(fact.kind == "popular" for wording in of_item[:1] for fact in wording.facts[:1]),
        )
        for row, of_item in zip(rows, choices, strict=True)
    ]
    opening = openings([quoted(value) for value in values], speaker.phrases.language)
    return ListCase(opening, tuple(entries), values, speaker.style)


def _choices(rows: Sequence[int], claims: Sequence[Sequence[Claim]], speaker: Speaker) -> list[list[Wording]]:
    """Return the wordings of each item: the template's, and others that no other item may have.

    Whatever is chosen among them, no two items sound alike that the template would not let sound alike.
    """
    assigner = Assigner()
    chosen: list[list[Wording]] = []
    left: list[list[Wording]] = []
    for row, of_item in zip(rows, claims, strict=True):
        wordings = assigner.choices(speaker, row, of_item)
        chosen.append(wordings[:1])
        left.append(wordings[1:])
        for wording in wordings[:1]:
            assigner.say(wording)
    taken = {wording.skeleton for wordings in chosen for wording in wordings}
    while any(left):
        for wordings, others in zip(chosen, left, strict=True):
            others[:] = [wording for wording in others if wording.skeleton not in taken]
            if others:
                wordings.append(others.pop(0))
                taken.add(wordings[-1].skeleton)
    return chosen
