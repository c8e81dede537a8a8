"""``pocketrec learn``: trains a person's own adapter on this device, and says whether it is used."""

import os
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from edge_runtime.errors import StateError

if TYPE_CHECKING:
    from edge_runtime.learning.status import LearningStatus
    from edge_runtime.recommender import Recommender
    from edge_runtime.terminal.console import Console

_PIECE_S: Final = 0.2
"""Seconds between two updates of the progress."""


def learn(
    bundle: Annotated[
        Path,
        typer.Argument(
            help="The folder with manifest.json, or the folder that `pocketrec sync` fills.", metavar="BUNDLE"
        ),
    ],
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="File of the history. [default: as in `pocketrec run`, one for each catalogue]"
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.0, max=86_400.0, help="Stop after about this long; 0 shows the status.", metavar="S")
    ] = 30.0,
    switch: Annotated[
        bool | None, typer.Option("--on/--off", help="Switch learning on or off for this history, and do nothing else.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Learn from the history on this device now, if that helps.

    A small adapter is trained on your own events, from twenty on, and tried on your newest ones. It is used only if it
    predicts those better. Nothing leaves the device. `pocketrec run` does the same while it waits for you; this command
    does it at once. What is interrupted goes on next time. `forget` in `pocketrec run` erases what was learned, and
    --off keeps it, unused.

    Example: pocketrec learn build/demo/bundles/laptop-x86_64
    """
    from edge_runtime.bundle import open_folder
    from edge_runtime.device_folder import current_bundle
    from edge_runtime.recommender import Recommender
    from edge_runtime.state.place import default_state
    from edge_runtime.terminal.console import Console
    from edge_runtime.terminal.outcome import print_result

    place = state or default_state(open_folder(current_bundle(bundle)).manifest.name, os.environ)
    if switch is None and not place.exists():
        raise StateError(f"{place}: there is no history to learn from. `pocketrec run` records one, or give --state.")
    with Recommender.open(bundle, place, language_model=False) as recommender:
        n_steps, is_paused = 0, False
        if switch is not None:
            recommender.switch_learning(on=switch)
        elif seconds > 0:
            n_steps, is_paused = _learn(recommender, seconds, shown=not as_json)
        status = recommender.learning
    if as_json:
        print_result(_as_json(status, n_steps, place) | {"paused": is_paused})
    else:
        _show(status, n_steps, place, Console(soft_wrap=True), is_paused=is_paused)


def _learn(recommender: "Recommender", seconds: float, *, shown: bool) -> tuple[int, bool]:
    """Learn for some seconds, with progress on terminals; return the steps made, and whether today's are used up."""
    import time

    from rich.progress import BarColumn

    from edge_runtime.terminal.console import Console
    from edge_runtime.terminal.progress import progress_bar

    n_steps, is_paused, end = 0, False, time.monotonic() + seconds
    console = Console(stderr=True)
    with progress_bar(console, BarColumn()) if shown else nullcontext() as bar:
        task = None if bar is None else bar.add_task("Learning", total=recommender.learning.n_all_updates or None)
        while (left := end - time.monotonic()) > 0:
            result = recommender.learn(min(left, _PIECE_S))
            n_steps += result.n_steps
            if bar is not None and task is not None:
                bar.update(task, completed=result.status.n_updates)
            is_paused = result.paused
            if result.finished or is_paused:
                break
    return n_steps, is_paused


def _show(status: "LearningStatus", n_steps: int, place: Path, console: "Console", *, is_paused: bool) -> None:
    from edge_runtime.learning.decision import MIN_GAIN
    from edge_runtime.learning.personal import STEPS_VARIABLE

    console.print(status.sentence)
    decision = status.decision
    if decision is not None:
        console.print(
            f"Tried on {decision.n_tried} events: gain {decision.gain:+.3f} nats an event (standard error "
            f"{decision.error:.3f}), NDCG@10 {decision.rank_gain:+.3f}. It is used if the gain is above "
            f"{MIN_GAIN:g}.",
            style="dim",
        )
    if status.n_all_updates:
        console.print(
            f"{n_steps} steps now, {status.steps_today} of {status.steps_a_day} today. History: {place}", style="dim"
        )
    if is_paused:
        console.print(
            f"What is left of today's steps is too few for the next update. It goes on tomorrow, or now with a larger "
            f"{STEPS_VARIABLE}.",
            style="dim",
        )
    elif status.state in ("learning", "ready"):
        console.print("Next: run this command again, or use `pocketrec run`.", style="dim")


def _as_json(status: "LearningStatus", n_steps: int, place: Path) -> dict[str, object]:
    return {"state_file": place, "n_steps": n_steps, "sentence": status.sentence, "status": status}
