"""The steady state: all variants in one process, history by history, in random order.

Every round opens all variants anew, so that no variant keeps a lucky place in memory for the whole run. Who is opened
first is slower by up to 3 % until it is closed, so the order of opening is reversed from round to round.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import monotonic, process_time, thread_time
from typing import Final

import numpy as np

from edge_runtime.errors import EngineError
from edge_runtime.profiling.clocks import Samples, timed
from edge_runtime.profiling.histories import Ids
from edge_runtime.profiling.others import Others
from edge_runtime.profiling.outputs import OutputCheck
from edge_runtime.profiling.statistics import median
from edge_runtime.profiling.steps import OBSERVE, STEPS, Times, steps_of
from edge_runtime.profiling.variants import Instance, Variant

_WARM: Final = 10
_MOST_WARM_UP: Final = 60
_STABLE: Final = 0.05

_MOST_TIMES: Final = 2
"""The rounds at most, by those that the plan asks for."""

Checks = Mapping[str, OutputCheck]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Attributes:
        histories: in each round.
        observed: how many of them, evenly spaced, are recorded event by event, for the last step.
        rounds: at least; their number is even.
        seconds: at least; further rounds follow until then, and as many again while the figures are not sure enough.
        seed: of the order.
    """

    histories: tuple[Ids, ...]
    observed: int
    rounds: int
    seconds: float
    seed: int

    @property
    def recorded(self) -> frozenset[int]:
        """The indices of the histories that are recorded event by event."""
        return frozenset(np.linspace(0, len(self.histories) - 1, self.observed).astype(int).tolist())


@dataclass(slots=True)
class SteadyState:
    """Results of all complete rounds.

    Attributes:
        samples: by step and name of the variant.
        failure: why an engine failed, which ended the rounds.
        other_threads: CPU time of the process by that of this thread.
        others: share of all processors that other processes used; None where the system does not tell.
    """

    samples: dict[tuple[str, str], Samples] = field(default_factory=dict)
    failure: str | None = None
    other_threads: float = 1.0
    others: float | None = None


def measure(
    variants: Sequence[Variant],
    plan: Plan,
    checks: Checks,
    folder: Path,
    tell: Callable[[int, float], None] = lambda _, __: None,
    is_sure: Callable[[SteadyState], bool] = lambda _: True,
) -> SteadyState:
    """Measure all variants.

    Args:
        variants: those that passed their self-test.
        plan: how much.
        checks: by name of the variant; they get every list.
        folder: for the state files; the time of the last step depends on its disk.
        tell: called after each round with its number and the seconds so far.
        is_sure: whether the figures of the planned rounds are sure enough.

    Raises:
        ProfileError: a variant cannot be opened any more.
    """
    result, rng, begun = SteadyState(), np.random.default_rng(plan.seed), monotonic()
    of_thread, of_process, others = thread_time(), process_time(), Others.now()
    planned = 0  # rounds, once they are over
    for number, order in zip(count(1), balanced_orders(len(variants), rng), strict=False):
        place = folder / f"round-{number}"
        place.mkdir()
        try:
            _add_round(result, [(variants[index], place / f"{index}.sqlite") for index in order], plan, checks, rng)
        except EngineError as error:
            result.failure = str(error)
            break
        tell(number, monotonic() - begun)
        result.others = others.share()
        if number % 2 == 0 and number >= plan.rounds and monotonic() - begun >= plan.seconds:
            planned = planned or number
            if number >= _MOST_TIMES * planned or is_sure(result):
                break
    result.other_threads = (process_time() - of_process) / max(thread_time() - of_thread, 1e-9)
    return result


def _add_round(
    result: SteadyState,
    variants: Sequence[tuple[Variant, Path]],
    plan: Plan,
    checks: Checks,
    rng: np.random.Generator,
) -> None:
    """Open variants, each with a state file, and add the times of a round; one that fails midway adds nothing.

    Raises:
        EngineError: an engine failed.
        ProfileError: a variant cannot be opened any more.
    """
    with ExitStack() as stack:
        instances = [stack.enter_context(closing(Instance.open(variant, file))) for variant, file in variants]
        times = _round(instances, plan, checks, rng)
    for key, found in times.items():
        result.samples.setdefault(key, Samples()).add_round([found[turn] for turn in sorted(found)])


def balanced_orders(n: int, rng: np.random.Generator) -> Iterator[list[int]]:
    """Yield orders of ``n`` variants without end: a random one, then its reverse, another random one, and so on.

    After every second order, each variant came before each other one as often as after it.
    """
    while True:
        order = rng.permutation(n).tolist()
        yield order
        yield order[::-1]


def _round(
    instances: Sequence[Instance], plan: Plan, checks: Checks, rng: np.random.Generator
) -> dict[tuple[str, str], dict[tuple[int, int], Times]]:
    """Return the times of a round by step and variant, each by history and turn.

    Variants keep their order through the turns of a step: after itself, an instance would find its own data in the
    caches, and be some per cent faster than after another one.
    """
    for one in instances:
        _warm_up(one, plan.histories[len(plan.histories) // 2], checks[one.variant.name])
    times: dict[tuple[str, str], dict[tuple[int, int], Times]] = {
        (step, one.variant.name): {} for one in instances for step in steps_of(one)
    }
    orders = {name: balanced_orders(len(instances), rng) for name in STEPS}
    for index in rng.permutation(len(plan.histories)).tolist():
        for name, step in STEPS.items():
            if name == OBSERVE and index not in plan.recorded:
                continue
            order = next(orders[name])
            for turn in range(-1 if step.primed else 0, step.turns):
                for instance in (instances[position] for position in order):
                    if step.is_in(instance):
                        found = step.run(instance, checks[instance.variant.name], plan.histories[index])
                        if turn >= 0:
                            times[name, instance.variant.name][index, turn] = found
    return times


def _warm_up(instance: Instance, history: Ids, check: OutputCheck) -> None:
    """Make lists until the median of ten CPU times stays within 5 % of that of the ten before."""
    times: list[float] = []
    while len(times) < _MOST_WARM_UP:
        items, _, cpu = timed(lambda: instance.recommend(history))
        check.add_list(history, items)
        times.append(cpu)
        if len(times) >= 2 * _WARM:
            before, last = median(times[-2 * _WARM : -_WARM]), median(times[-_WARM:])
            if abs(last - before) <= _STABLE * before:
                break
