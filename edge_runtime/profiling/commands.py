"""``pocketrec profile``."""

from pathlib import Path
from typing import Annotated

import typer

from edge_runtime.profiling.modes import ModeName
from edge_runtime.profiling.report import Profile

_HELP = "Folder with manifest.json, or one filled by `pocketrec sync`."


def profile(
    bundle: Annotated[Path, typer.Argument(help=_HELP, metavar="BUNDLE")],
    compare: Annotated[
        Path | None,
        typer.Option(
            help="Another bundle: both are measured in turns, and the ratio of their times is printed.", metavar="OTHER"
        ),
    ] = None,
    mode: Annotated[
        ModeName,
        typer.Option(
            help="quick: enough for p95. normal: for p99. sustained: for a minute at least, so that a device gets warm."
        ),
    ] = "normal",
    data: Annotated[
        Path | None,
        typer.Option(
            help="Data folder whose histories are used. [default: the golden sequences of the bundle]", metavar="DATA"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of orders and intervals.", metavar="N")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure how fast a bundle is on this machine.

    It also shows what limits it, and whether the figures can be trusted.
    It opens the bundle in processes of its own, then makes lists with every engine in turns, and checks each list.
    Compare ratios, not times: on a busy machine the verdict is "noisy", and the ratios of CPU times still hold.
    Exit code 1 if the verdict is "invalid", or a budget of the target is exceeded.

    Example: pocketrec profile bundles/laptop-x86_64 --compare old/laptop-x86_64 --mode quick
    """
    from edge_runtime.profiling import view
    from edge_runtime.profiling.profile import profile as measure
    from edge_runtime.terminal.console import Console
    from edge_runtime.terminal.outcome import fail, print_result

    with view.progress() as tell:
        found = measure(bundle, compare, mode=mode, data=data, seed=seed, tell=tell)
    if not as_json:
        view.show(found, Console())
    error = _error(found)
    if error is not None:
        fail(error, as_json=as_json, result=found)
    if as_json:
        print_result(found)


def _error(found: Profile) -> Exception | None:
    """Return what makes the profile a failure."""
    from edge_runtime.errors import ProfileError

    exceeded = [one for one in found.budgets if one.passed is False]
    if found.verdict.state == "invalid":
        return ProfileError("the figures say nothing: " + "; ".join(found.verdict.reasons))
    if exceeded:
        return ProfileError(
            "; ".join(
                f"{one.name} is {one.actual:,.0f}, {one.actual - one.allowed:,.0f} over the {one.allowed:,.0f} that "
                f"the target {found.bundles[0].target} allows"
                for one in exceeded
            )
            + ". Profile again to be sure, or raise the budget in the target."
        )
    return None
