"""The steps that are timed in the steady state.

``encode``: vectors of the events and the encoder. ``score``: the scores of all items and the ten best. ``list``: the
call of an app, which has both. ``observe``: an event that is on the disk, and the list after it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from edge_runtime.bundle.golden import TOP
from edge_runtime.errors import EngineError
from edge_runtime.profiling.clocks import timed
from edge_runtime.profiling.histories import Ids
from edge_runtime.profiling.outputs import OutputCheck
from edge_runtime.profiling.variants import Instance

ENCODE: Final = "encode"
SCORE: Final = "score"
LIST: Final = "list"
OBSERVE: Final = "observe"

Times = tuple[float, float]
"""Milliseconds of wall and CPU time."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step.

    Attributes:
        run: times it once.
        turns: how often in a round, for each history.
        primed: whether a run that does not count comes before, so that the caches hold what the step needs.
        needs_encoder: whether a bundle without engines lacks it.
    """

    run: Callable[[Instance, OutputCheck, Ids], Times]
    turns: int
    primed: bool
    needs_encoder: bool

    def is_in(self, instance: Instance) -> bool:
        """Return whether a variant has this step."""
        return not self.needs_encoder or instance.variant.engine is not None


def steps_of(instance: Instance) -> Iterator[str]:
    """Yield the names of the steps that a variant has."""
    return (name for name, step in STEPS.items() if step.is_in(instance))


def _encode(instance: Instance, check: OutputCheck, history: Ids) -> Times:
    rows = instance.rows(history)
    state, wall, cpu = timed(lambda: instance.encode(rows))
    check.add_state(state)
    return wall, cpu


def _score(instance: Instance, _: OutputCheck, history: Ids) -> Times:
    rows = instance.rows(history)
    state = instance.encode(rows)
    _best, wall, cpu = timed(lambda: instance.best(state, rows))
    return wall, cpu


def _list(instance: Instance, check: OutputCheck, history: Ids) -> Times:
    items, wall, cpu = timed(lambda: instance.recommend(history))
    _check_engine(instance)
    check.add_list(history, items)
    return wall, cpu


def _observe(instance: Instance, check: OutputCheck, history: Ids) -> Times:
    """Record all events but the last; then time the last, until it is on the disk and the new list is there."""
    recommender = instance.recommender
    events = [recommender.observe(one).id for one in history[:-1]]
    recommender.recommend(TOP)  # the list that the user sees before

    def observe() -> list[str]:
        events.append(recommender.observe(history[-1]).id)
        return [one.item_id for one in recommender.recommend(TOP)]

    items, wall, cpu = timed(observe)
    for event in events:
        recommender.remove(event)
    _check_engine(instance)
    check.add_list(history, items)
    return wall, cpu


def _check_engine(instance: Instance) -> None:
    if instance.actual != instance.variant.asked:
        reason = "; ".join(one.reason for one in instance.candidates.refusals)
        raise EngineError(f"{instance.variant.name}: lists came from {instance.actual}: {reason}")


STEPS: Final[Mapping[str, Step]] = {
    ENCODE: Step(_encode, turns=2, primed=True, needs_encoder=True),
    SCORE: Step(_score, turns=2, primed=True, needs_encoder=True),
    LIST: Step(_list, turns=2, primed=True, needs_encoder=False),
    OBSERVE: Step(_observe, turns=1, primed=False, needs_encoder=False),
}
