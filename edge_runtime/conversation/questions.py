"""Questions that only the person can decide, with the states that the replies lead to."""

from collections.abc import Collection, Sequence
from typing import Final

from edge_runtime.conversation.answers import Sayings
from edge_runtime.conversation.compose import Composed, compose
from edge_runtime.conversation.hearing import Hearing
from edge_runtime.conversation.memory import Option, State
from edge_runtime.conversation.outcome import Lister
from edge_runtime.conversation.parsed import Parsed
from edge_runtime.conversation.parts import Kind, Part, parts_of, query_of
from edge_runtime.conversation.query import Wish

_MAX_OPTIONS: Final = 3


def which_counts(
    sayings: Sayings, composed: Composed, before: State, hidden: tuple[str, ...]
) -> tuple[str, list[Option]]:
    """Return the question which of two parts counts, and the replies."""
    if composed.old is None or composed.new is None:
        raise ValueError("a conflict has two parts")
    old, new = sayings.chip(composed.old), sayings.chip(composed.new)
    if composed.both is not None:
        options = [
            Option(sayings.say("instead", new=new), State(composed.parts, hidden)),
            Option(sayings.say("both"), State(composed.both, hidden)),
        ]
        return sayings.say("two_values", old=old, new=new), options
    options = [
        Option(sayings.say("take", new=new), State(composed.parts, hidden)),
        Option(sayings.say("keep", old=old), State(composed.kept, before.hidden), is_no=True),
    ]
    return sayings.say("both_not", old=old, new=new), options


def what_to_leave_out(
    sayings: Sayings, said: Sequence[Part], state: State, before: State, lister: Lister
) -> tuple[str, list[Option]] | None:
    """Return the question what to leave out where nothing is left, and the replies; None if no reply would help."""
    new = sayings.chips(said)
    contents = {part.content for part in said}
    olds = [part for part in state.parts if part.content not in contents]
    for index in range(len(olds) - 1, -1, -1):
        without = tuple(part for part in state.parts if part not in olds[index:])
        if lister(query_of(without), ()):
            old = sayings.chips(olds[index:])
            options = [
                Option(sayings.say("take", new=new), State(without)),
                Option(sayings.say("keep", old=old), before, is_no=True),
            ]
            return sayings.say("empty", new=new, old=old), options
    return None


def values_on_the_screen(parsed: Parsed, state: State, shown: Sequence[str], hearing: Hearing) -> list[Option]:
    """Return the values of a fact that the first items of the list have, as replies."""
    options: dict[str, Option] = {}
    said = parts_of(parsed.query, parsed.words)
    kind: Kind = "must_not" if parsed.excludes else "must"
    for item_id in shown:
        for value in hearing.facts(item_id).get(parsed.of_problem, [])[:1]:
            part = Part(kind, wish=Wish(parsed.of_problem, (value,)))
            composed = compose(state.parts, [*said, part], (), replaces=True)
            options.setdefault(value, Option(value, State(composed.parts)))
    return list(options.values())[:_MAX_OPTIONS]


def what_is_meant(
    sayings: Sayings, parsed: Parsed, before: State, single: Collection[str], lister: Lister
) -> tuple[str, list[Option]] | None:
    """Return the question which reading of a sentence is meant, and the replies; None if none leaves an item."""
    options: dict[str, Option] = {}
    for query in parsed.readings:
        said = [part for part in parts_of(query, parsed.words) if part.limit is None or part.limit.than_shown is None]
        state = State(compose(before.parts, said, single, replaces=query.replaces).parts)
        if said and state.parts != before.parts and lister(query_of(state.parts), ()):
            options.setdefault(sayings.chips(said), Option(sayings.chips(said), state))
    if not options:
        return None
    text = sayings.say("do_you_mean", options=sayings.either(list(options)))
    neither = sayings.say("no" if len(options) == 1 else "neither")
    return text, [*options.values(), Option(neither, before, is_no=True)]
