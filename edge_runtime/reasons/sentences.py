"""Every sentence that may be said of one case: the skeletons filled with its true facts.

The template picks one of them, the grammar admits exactly them, the checker looks a text up among them.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations, product

from edge_runtime.bundle.items import Items
from edge_runtime.reasons.facts import Fact
from edge_runtime.reasons.quoting import quoted
from edge_runtime.reasons.words import Style, fill, phrases, said_field, said_title, said_value

Case = tuple[str, tuple[Fact, ...]]


def predicate(fact: Fact) -> str:
    """Return what is said of the item, such as ``comes from “OPI”``; it goes behind "it"."""
    words = phrases()
    if fact.kind == "popular":
        return words.popular_predicate.replace("{value}", fact.value)
    pattern = words.predicates.get(fact.field, words.other_predicate)
    return fill(pattern, {"value": quoted(said_value(fact.value)), "field": said_field(fact.field)})


def sentences(items: Items, row: int, facts: Sequence[Fact], style: Style) -> dict[str, tuple[Fact, ...]]:
    """Return each sentence with the facts that it cites, never empty.

    Args:
        items: names of the items.
        row: the item.
        facts: what is true of it, the best first, as `FactFinder.facts` returns them.
        style: ``detailed`` cites two facts where there are two; where there are not, it is ``short``.
    """
    cases = list(_two_facts(facts)) if style == "detailed" else []
    cases = cases or list(_one_fact(facts))
    title = said_title(items.title[row])
    filled: dict[str, tuple[Fact, ...]] = {}
    for skeleton, cited in cases:
        if title or "{item}" not in skeleton:
            filled.setdefault(_fill(skeleton, cited, title, items), cited)
    return filled or dict.fromkeys(phrases().skeletons.nothing, ())


def worth_offering(allowed: Mapping[str, tuple[Fact, ...]], facts: Sequence[Fact]) -> tuple[str, ...]:
    """Return the sentences that start from one of the two best facts: a small writer words well and weighs badly."""
    return tuple(text for text, cited in allowed.items() if set(cited[:1]) & set(facts[:2])) or tuple(allowed)


def _one_fact(facts: Sequence[Fact]) -> Iterator[Case]:
    """Yield the short skeletons with their facts; the item's own facts are enough only where none is shared."""
    words = phrases().skeletons.short
    shared = [fact for fact in facts if fact.kind == "shared"]
    skeletons = words.shared if shared else words.own
    for fact, skeleton in product(shared or facts, skeletons):
        yield skeleton, (fact,)


def _two_facts(facts: Sequence[Fact]) -> Iterator[Case]:
    """Yield the detailed skeletons with their facts, those with the best fact first."""
    words = phrases().skeletons.detailed
    has_shared = any(fact.kind == "shared" for fact in facts)
    for a, b in permutations(facts, 2):
        skeletons: tuple[str, ...] = ()
        if a.kind == b.kind == "shared":
            skeletons = words.shared_shared if a.history_row == b.history_row else ()
        elif a.kind == "shared":
            skeletons = words.shared_own
        elif not has_shared:
            skeletons = words.own_own
        for skeleton in skeletons:
            yield skeleton, (a, b)


def _both(a: Fact, b: Fact) -> str:
    """Return two predicates as one, values of the same field without saying its verb twice."""
    first, second = predicate(a), predicate(b)
    verb = phrases().predicates.get(a.field, "").removesuffix("{value}")
    if a.field == b.field and verb and second.startswith(verb):
        second = second[len(verb) :]
    return f"{first} and {second}"


def _fill(skeleton: str, cited: tuple[Fact, ...], title: str, items: Items) -> str:
    past = cited[0].history_row
    slots = {
        "item": title,
        "past": "" if past is None else said_title(items.title[past]),
        "a": predicate(cited[0]),
        "b": predicate(cited[-1]),
        "both": _both(cited[0], cited[-1]),
    }
    return fill(skeleton, slots)
