"""What learning on the device has come to, in figures and in one sentence for the person."""

from dataclasses import dataclass
from typing import Final, Literal

from edge_runtime.learning.decision import Decision
from edge_runtime.learning.examples import MIN_EVENTS

State = Literal["unavailable", "off", "few events", "no engine", "ready", "learning", "helps", "does not help"]

NEW_EVENTS: Final = 10
"""New events after which an adapter is trained anew."""


@dataclass(frozen=True, slots=True)
class LearningStatus:
    """Whether the lists are adapted to this person, and why.

    Attributes:
        state: where learning is. ``learning`` and ``ready`` tell of the session that is due, also if an earlier adapter
            is in use.
        used: whether an adapter changes the lists now.
        n_events: known interactions that count, at most :data:`edge_runtime.learning.examples.MIN_EVENTS`.
        n_updates: updates of the session that are done.
        n_all_updates: updates of a session; 0 if the bundle does not learn.
        steps_today: steps that were made today.
        steps_a_day: steps that may be made a day.
        decision: how the adapter that was trained last did on the events that it was tried on; None without one.
    """

    state: State
    used: bool = False
    n_events: int = 0
    n_updates: int = 0
    n_all_updates: int = 0
    steps_today: int = 0
    steps_a_day: int = 0
    decision: Decision | None = None

    @property
    def sentence(self) -> str:
        """Say in one sentence whether the lists are adapted, and why."""
        if self.state == "unavailable":
            return (
                "The lists are not adapted to you, because this bundle has no settings for learning: it ranks by "
                "transitions alone, or was exported before there was learning."
            )
        if self.state == "off":
            return "The lists are not adapted to you, because learning is switched off."
        if self.state == "no engine":
            return "The lists are not adapted to you, because no engine works on this device."
        if self.used and self.decision is not None:
            return (
                f"The lists are adapted to you: tried on your {self.decision.n_tried} newest events, an adapter that "
                "was trained on this device predicts them better."
            )
        if self.state == "few events":
            return (
                f"The lists are not adapted to you yet: that takes {MIN_EVENTS} events with items of this catalogue, "
                f"and there are {self.n_events}."
            )
        if self.state == "does not help" and self.decision is not None:
            return (
                "The lists are not adapted to you, because the adapter that was trained did not predict your "
                f"{self.decision.n_tried} newest events clearly better."
            )
        return (
            f"The lists are not adapted to you yet: {self.n_updates} of {self.n_all_updates} updates of an adapter are "
            "done."
        )


@dataclass(frozen=True, slots=True)
class LearningResult:
    """What one call of ``learn`` did.

    Attributes:
        n_steps: steps of training that were made, each with up to 32 events.
        n_left: updates that are left of the session.
        changed: True if a session ended in this call, so that lists may be others.
        finished: True if there is nothing more to do now; False if another call goes on.
        paused: True if today's steps are used up, so that it goes on tomorrow.
        status: the status afterwards.
    """

    n_steps: int
    n_left: int
    changed: bool
    finished: bool
    paused: bool
    status: LearningStatus
