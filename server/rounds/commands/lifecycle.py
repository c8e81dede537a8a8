"""``pocketrec rounds``: ``plan``, ``open``, ``status``, ``close``, ``publish`` and ``report``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.rounds.commands.shared import (
    AsJson,
    Keys,
    Repo,
    RoundId,
    Url,
    database_of,
    existing,
    keys_of,
    repository_of,
    with_ledger,
)

if TYPE_CHECKING:
    from server.rounds.ledger import Ledger, Round


def plan(
    repo: Repo,
    target: Annotated[str, typer.Option(metavar="TARGET", help="The target whose adapter devices improve.")],
    operator: Annotated[
        list[str],
        typer.Option(
            metavar="URL",
            help="Address of the server to which devices upload. Given twice, each gets one share of an update.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="File to write.", dir_okay=False)] = Path("plan.json"),
    hours: Annotated[float, typer.Option(metavar="N", help="Hours until the round closes.", min=0.01, max=8760)] = 24.0,
    rank: Annotated[
        int | None, typer.Option(metavar="N", help="Rows of the adapter to train. By default all.", min=1, max=64)
    ] = None,
    clip: Annotated[float, typer.Option(metavar="X", help="Largest L2 norm of an update.", min=1e-6, max=1e6)] = 6.0,
    epsilon: Annotated[
        float, typer.Option(metavar="X", help="Privacy of one device against the operator.", min=0.01, max=1000)
    ] = 8.0,
    sigma: Annotated[
        float | None,
        typer.Option(metavar="X", help="Noise of each value, in place of --epsilon; 0 for none.", min=0, max=1e6),
    ] = None,
    delta: Annotated[float, typer.Option(metavar="X", help="Delta of the privacy.", min=1e-12, max=0.01)] = 1e-6,
    participations: Annotated[
        int, typer.Option(metavar="N", help="How often a device takes part in --period-days.", min=1, max=10_000)
    ] = 1,
    period_days: Annotated[int, typer.Option(metavar="N", help="Days of that period.", min=1, max=3650)] = 365,
    min_updates: Annotated[
        int, typer.Option(metavar="N", help="Updates without which nothing is published.", min=1, max=1_000_000)
    ] = 1000,
    max_updates: Annotated[
        int, typer.Option(metavar="N", help="Updates at which the round closes.", min=1, max=1_000_000)
    ] = 100_000,
    max_staleness: Annotated[
        int, typer.Option(metavar="N", help="Adapters by which an update may be late.", min=0, max=1000)
    ] = 1,
    steps: Annotated[int, typer.Option(metavar="N", help="Steps of training on a device.", min=1, max=10_000)] = 10,
    batch: Annotated[int, typer.Option(metavar="N", help="Examples in a step.", min=1, max=1024)] = 32,
    learning_rate: Annotated[float, typer.Option(metavar="X", help="Learning rate.", min=1e-6, max=1.0)] = 0.3,
    min_events: Annotated[
        int, typer.Option(metavar="N", help="Events that a device needs to take part.", min=2, max=1_000_000)
    ] = 20,
    as_json: AsJson = False,
) -> None:
    """Write the plan of a round for what is on offer, and say what taking part would reveal.

    Nothing is signed yet: `pocketrec rounds open` does that.

    Example: pocketrec rounds plan releases --target laptop-x86_64 --operator https://models.example.org
    """
    from edge_runtime.files import write_atomically
    from edge_runtime.rounds.plan import dump_plan
    from server.rounds.opening import Terms, make_plan
    from server.rounds.show import show_plan

    terms = Terms(
        operators=tuple(operator),
        hours=hours,
        rank=rank,
        clip=clip,
        epsilon=epsilon,
        sigma=sigma,
        delta=delta,
        participations=participations,
        period_days=period_days,
        min_updates=min_updates,
        max_updates=max_updates,
        max_staleness=max_staleness,
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        min_events=min_events,
    )
    made = make_plan(repository_of(repo), target, terms)
    write_atomically(out, dump_plan(made))
    show_plan(made, repo, out, as_json=as_json)


def open_(
    repo: Repo,
    plan_file: Annotated[Path, typer.Argument(metavar="PLAN", help="The plan.", exists=True, dir_okay=False)],
    share: Annotated[
        int, typer.Option(metavar="1|2", help="With two operators: which one of the plan this is.", min=1, max=2)
    ] = 1,
    keys: Keys = None,
    database_url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Sign a plan, so that devices find it, and let the server take updates.

    One round of a target is open at a time. The updates of the one before it, if they were too few, are carried over
    when adapter and terms are the same. If the plan names two operators, the second one opens it with --share 2 from
    the same file before the first one does; it signs nothing, and needs no keys.

    Example: pocketrec rounds open releases plan.json
    """
    from server.rounds.opening import join_round, open_round, read_plan
    from server.rounds.show import show_opened

    made = read_plan(plan_file)
    url = database_of(repo, database_url)
    settled = join_round(made, url) if share == 2 else open_round(repository_of(repo), keys_of(repo, keys), made, url)
    show_opened(made, settled, repo, as_json=as_json)


def status(
    repo: Repo,
    target: Annotated[str | None, typer.Option(metavar="TARGET", help="Only rounds of this target.")] = None,
    database_url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show the rounds as counts: where each is, how many updates it has, and what became of it.

    Example: pocketrec rounds status releases
    """
    from server.database.database import missing_file
    from server.rounds.show import show_states
    from server.rounds.state import read_states

    if (
        database_url is None and missing_file(database_of(repo, None)) is not None
    ):  # neither a server ran nor a round was opened
        show_states([], repo, as_json=as_json)
        return
    show_states(with_ledger(repo, database_url, lambda ledger: read_states(ledger, target)), repo, as_json=as_json)


def close(
    repo: Repo,
    round_id: RoundId,
    drop: Annotated[bool, typer.Option("--drop", help="Delete the sum, too: nothing is published of it.")] = False,
    keys: Keys = None,
    database_url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Close a round now, and take its plan off what is on offer.

    Without this command the server closes it at its deadline, or when it is full, but cannot sign: then `close`, also
    of a round that is closed already, or `publish`, takes the plan off, so that no further device trains for it.

    Example: pocketrec rounds close releases ROUND
    """
    import time

    from server.errors import SigningError
    from server.rounds.opening import withdraw
    from server.rounds.show import show_closed
    from server.rounds.state import RoundState, read_state

    async def work(ledger: "Ledger") -> "tuple[RoundState, Round]":
        ending = ledger.drop if drop else ledger.close
        found = await ending(round_id, int(time.time()), "by hand")
        return await read_state(ledger, found), found

    state, found = with_ledger(repo, database_url, work)
    problem = None
    try:
        if found.share != 2:  # the second operator signs nothing
            withdraw(repository_of(repo), keys_of(repo, keys), found.plan)
    except SigningError as error:
        problem = str(error)
    show_closed(state, repo, as_json=as_json, still_offered=problem)


def publish(
    repo: Repo,
    round_id: RoundId,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Data folder of users on whom the new adapter is tried.", exists=True, file_okay=False
        ),
    ] = None,
    users: Annotated[
        int | None, typer.Option(metavar="N", help="Number of users, a random sample. By default all.", min=1)
    ] = None,
    server_rate: Annotated[float, typer.Option(metavar="X", help="Factor of the mean.", min=0.001, max=100.0)] = 1.0,
    force: Annotated[bool, typer.Option("--force", help="Publish it although it is not better.")] = False,
    keys: Keys = None,
    database_url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Add the mean of a round to the adapter, try the result on held-out data, and publish it if it is better.

    Better is: NDCG@10 over all users of the data rises beyond chance (paired bootstrap, 95 %), and no segment is worse.
    Devices get it as a release of the component adapter. Exit code 1 if it is not published.

    Example: pocketrec rounds publish releases ROUND --data my-shop
    """
    from edge_runtime.terminal.console import Console
    from server.rounds.publishing import publish_round
    from server.rounds.show import show_outcome

    with Console(stderr=True).status("Computing the adapter, and trying it on held-out data …"):
        outcome = publish_round(
            repository_of(repo),
            keys_of(repo, keys),
            existing(database_of(repo, database_url)),
            round_id,
            data=data,
            server_rate=server_rate,
            force=force,
            n_users=users,
        )
    show_outcome(outcome, repo, as_json=as_json)


def report(
    repo: Repo,
    round_id: RoundId,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="HTML file to write: one file that loads nothing.", dir_okay=False),
    ] = None,
    database_url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Report on a round: participation, weights, what of it is private, the trial by segment, what was published.

    Example: pocketrec rounds report releases ROUND --out round.html
    """
    from edge_runtime.files import write_atomically
    from server.rounds.report import make_page, read_report
    from server.rounds.show import show_report

    found = with_ledger(repo, database_url, lambda ledger: read_report(ledger, round_id))
    if out is not None:
        write_atomically(out, make_page(found))
    show_report(found, out, as_json=as_json)
