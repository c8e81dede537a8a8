"""Questions that only the person can decide, with the states that the replies lead to."""

from collections.abc import Sequence
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
        Option(sayings.say("keep", old=old), State(composed.kept, before.hidden)),
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
                Option(sayings.say("keep", old=old), before),
            ]
            return sayings.say("empty", new=new, old=old), options
    return None


def values_on_the_screen(parsed: Parsed, state: State, shown: Sequence[str], hearing: Hearing) -> list[Option]:
    """Return the values of a fact that the first items of the list have, as replies."""
    options: dict[str, Option] = {}
    said = parts_of(parsed.query)
    kind: Kind = "must_not" if parsed.excludes else "must"
    for item_id in shown:
        for value in hearing.facts(item_id).get(parsed.of_problem, [])[:1]:
            part = Part(kind, wish=Wish(parsed.of_problem, (value,)))
            composed = compose(state.parts, [*said, part], (), replaces=True)
            options.setdefault(value, Option(value, State(composed.parts)))
    return list(options.values())[:_MAX_OPTIONS]
