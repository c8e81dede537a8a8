"""Takes back what a person corrects in the same sentence, as in "coffee, no, sorry, I mean tea".

The later of two things of the same kind counts: values of the same fact, words of titles, limits of the same end of a
number, items that the list resembles or not. All else stays.
"""

from collections.abc import Sequence

from edge_runtime.conversation.contradictions import ends_of
from edge_runtime.conversation.query import Limit
from edge_runtime.conversation.reading import Corrected, Reading, Said


def begin_correction(reading: Reading, index: int) -> None:
    """Set aside what was read so far; what follows is wanted, excluded, likened or limited as that was."""
    reading.leave_item()
    is_refused = bool(reading.said) and reading.said[-1].polarity == "not"
    if is_refused and _begins_with_no(reading):
        reading.end_clause()  # "no, not shampoo, I meant soap"
        return
    settle(reading)
    if is_refused:
        reading.polarity, reading.is_unclear = "want", True  # "no coffee, I mean tea"
    before = reading.before(index)
    is_unknown = before is not None and before.is_unknown
    reading.corrected = Corrected(
        reading.said, reading.limits, reading.similar, reading.unlike, reading.problem, is_unknown
    )
    reading.said, reading.limits, reading.similar, reading.unlike, reading.problem = [], [], [], [], None
    reading.n_named, reading.joined, reading.loves = 0, "", False
    is_last = before is not None and reading.liked_at >= 0 and before is reading.elements[reading.liked_at]
    reading.likes = reading.likes or is_last
    is_number = before is not None and (before.value is not None or before.is_cue("currency", "minutes", "hours"))
    reading.limit = reading.limited if is_number else None


def _begins_with_no(reading: Reading) -> bool:
    """Return whether a sentence takes back what was said in another one, as "no, not shampoo, I meant soap" does."""
    first, *others = reading.elements
    kind = reading.lexicon.phrases.corrections.get((first.tokens[0].text,))
    return kind == "hesitation" or (kind == "no" and others[0].gap > 0)


def settle(reading: Reading) -> None:
    """Let what was read after a correction replace what it corrects."""
    before, reading.corrected = reading.corrected, None
    if before is None:
        return
    is_nothing = not (reading.said or reading.limits or reading.similar or reading.unlike or reading.problem)
    reading.unclear = [one.wish for one in reading.said] if reading.is_unclear else []
    n_items = len(reading.similar) + len(reading.unlike)
    reading.problem = reading.problem or (before.problem if is_nothing else None)
    items = [(item, False) for item in before.similar] + [(item, True) for item in before.unlike]
    items = items[: max(0, len(items) - n_items)]
    reading.said = _kept(before, reading.said) + reading.said
    reading.limits = [one for one in before.limits if not _is_limited_by(one, reading.limits)] + reading.limits
    reading.similar = [item for item, is_unlike in items if not is_unlike] + reading.similar
    reading.unlike = [item for item, is_unlike in items if is_unlike] + reading.unlike


def _kept(before: Corrected, after: Sequence[Said]) -> list[Said]:
    """Return the wishes without the last of each fact that is corrected, or without the last if no fact is the same."""
    kept = [*before.said]
    fields = [one.wish.field for one in after]
    if kept and fields and not any(one.wish.field in fields for one in kept):
        fields = [] if before.is_unknown else [kept[-1].wish.field]
    for field in fields:
        place = next((place for place in range(len(kept) - 1, -1, -1) if kept[place].wish.field == field), -1)
        while place >= 0:
            is_alternative = kept.pop(place).joined == "or"  # "red or blue, no, green"
            place = place - 1 if is_alternative else -1
    return kept


def _is_limited_by(one: Limit, limits: Sequence[Limit]) -> bool:
    return any(
        one.field == other.field
        and (one.than_shown is not None or other.than_shown is not None or set(ends_of(one)) & set(ends_of(other)))
        for other in limits
    )
