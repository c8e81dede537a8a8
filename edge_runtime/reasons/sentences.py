"""Generates all sentences that the facts about an item allow, from sentence skeletons.

The template picks one of them, the grammar accepts exactly them, and the output of the model is checked against them.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations, product

from edge_runtime.bundle.items import Items
from edge_runtime.reasons.facts import Fact
from edge_runtime.reasons.quoting import quoted
from edge_runtime.reasons.words import Style, display_field, display_title, display_value, fill, phrases

Case = tuple[str, tuple[Fact, ...]]


def predicate(fact: Fact) -> str:
    """Return the predicate for a fact, such as ``comes from “OPI”``; its subject is "it"."""
    words = phrases()
    if fact.kind == "popular":
        return words.popular_predicate.replace("{value}", fact.value)
    pattern = words.predicates.get(fact.field, words.other_predicate)
    return fill(pattern, {"value": quoted(display_value(fact.value)), "field": display_field(fact.field)})


def sentences(items: Items, row: int, facts: Sequence[Fact], style: Style) -> dict[str, tuple[Fact, ...]]:
    """Return all sentences with the facts that each cites; there is at least one.

    Args:
        items: titles of the items.
        row: catalogue row of the item.
        facts: facts about the item, best first, from `FactFinder.facts`.
        style: ``detailed`` cites two facts; if there are fewer, ``short`` is used.
    """
    cases = list(_two_facts(facts)) if style == "detailed" else []
    cases = cases or list(_one_fact(facts))
    title = display_title(items.title[row])
    filled: dict[str, tuple[Fact, ...]] = {}
    for skeleton, cited in cases:
        if title or "{item}" not in skeleton:
            filled.setdefault(_fill(skeleton, cited, title, items), cited)
    return filled or dict.fromkeys(phrases().skeletons.nothing, ())


def sentences_to_offer(allowed: Mapping[str, tuple[Fact, ...]], facts: Sequence[Fact]) -> tuple[str, ...]:
    """Return the sentences that start with one of the two best facts, because small models rank facts poorly."""
    return tuple(text for text, cited in allowed.items() if set(cited[:1]) & set(facts[:2])) or tuple(allowed)


def _one_fact(facts: Sequence[Fact]) -> Iterator[Case]:
    """Yield the short skeletons with their facts; the item's own facts are used only if none is shared."""
    words = phrases().skeletons.short
    shared = [fact for fact in facts if fact.kind == "shared"]
    skeletons = words.shared if shared else words.own
    for fact, skeleton in product(shared or facts, skeletons):
        yield skeleton, (fact,)


def _two_facts(facts: Sequence[Fact]) -> Iterator[Case]:
    """Yield the detailed skeletons with their facts, best facts first."""
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
    """Join two predicates; for the same field, the verb is not repeated."""
    first, second = predicate(a), predicate(b)
    verb = phrases().predicates.get(a.field, "").removesuffix("{value}")
    if a.field == b.field and verb and second.startswith(verb):
        second = second[len(verb) :]
    return f"{first} and {second}"


def _fill(skeleton: str, cited: tuple[Fact, ...], title: str, items: Items) -> str:
    past = cited[0].history_row
    slots = {
        "item": title,
        "past": "" if past is None else display_title(items.title[past]),
        "a": predicate(cited[0]),
        "b": predicate(cited[-1]),
        "both": _both(cited[0], cited[-1]),
    }
    return fill(skeleton, slots)
