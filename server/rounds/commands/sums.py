"""``pocketrec rounds``: the sums of two operators (``tokens``, ``add-up``, ``combine``) and of regions (``*-sum``)."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.rounds.commands.shared import AsJson, Repo, RoundId, Url, with_ledger

if TYPE_CHECKING:
    from server.rounds.ledger import Ledger


def tokens(
    repo: Repo,
    round_id: RoundId,
    out: Annotated[Path, typer.Option(metavar="FILE", help="File for the other operator.", dir_okay=False)],
    database_url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Write the digests of the tokens of a closed round with two operators, for the other one.

    Both do, and send each other the file: an update counts if both of its shares have arrived.

    Example: pocketrec rounds tokens releases ROUND --out tokens.json
    """
    import msgspec

    from edge_runtime.files import write_atomically
    from server.rounds.combining import read_tokens
    from server.rounds.show import show_file

    found = with_ledger(repo, database_url, lambda ledger: read_tokens(ledger, round_id))
    write_atomically(out, msgspec.json.encode(found))
    show_file(out, f"{len(found.tokens):,} digests", as_json=as_json)


def add_up(
    repo: Repo,
    round_id: RoundId,
    their_tokens: Annotated[
        Path, typer.Option("--tokens", metavar="FILE", help="The first operator's tokens.", exists=True, dir_okay=False)
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="File for the first operator.", dir_okay=False)],
    database_url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Add up the second operator's shares over the updates that both have, and delete them.

    This can be done once: sums over two sets of updates could differ by a single device. Repeated, the command writes
    the same file.

    Example: pocketrec rounds add-up releases ROUND --tokens tokens-1.json --out sum.json
    """
    import msgspec

    from edge_runtime.files import write_atomically
    from server.rounds.combining import ShareSum, Tokens, add_shares, read_file
    from server.rounds.show import show_file

    async def work(ledger: "Ledger") -> ShareSum:
        found = await ledger.one(round_id)
        return await add_shares(ledger, round_id, read_file(their_tokens, Tokens, found.plan))

    total = with_ledger(repo, database_url, work)
    write_atomically(out, msgspec.json.encode(total))
    show_file(out, f"the sum of {total.updates:,} shares", as_json=as_json)


def combine(
    repo: Repo,
    round_id: RoundId,
    their_tokens: Annotated[
        Path,
        typer.Option("--tokens", metavar="FILE", help="The second operator's tokens.", exists=True, dir_okay=False),
    ],
    their_sum: Annotated[
        Path, typer.Option("--sum", metavar="FILE", help="The second operator's sum.", exists=True, dir_okay=False)
    ],
    database_url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Combine the first operator's shares with the second one's sum, so that the round can be published.

    Example: pocketrec rounds combine releases ROUND --tokens tokens-2.json --sum sum.json
    """
    from server.rounds import combining
    from server.rounds.show import show_closed
    from server.rounds.state import RoundState, read_state

    async def work(ledger: "Ledger") -> RoundState:
        plan = (await ledger.one(round_id)).plan
        theirs = combining.read_file(their_tokens, combining.Tokens, plan)
        total = combining.read_file(their_sum, combining.ShareSum, plan)
        return await read_state(ledger, await combining.combine(ledger, round_id, theirs, total))

    show_closed(with_ledger(repo, database_url, work), repo, as_json=as_json)


def export_sum_(
    repo: Repo,
    round_id: RoundId,
    out: Annotated[Path, typer.Option(metavar="FILE", help="File to write.", dir_okay=False)],
    database_url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Write the exact sum of a region's closed round, to be added to that of another region.

    Example: pocketrec rounds export-sum releases ROUND --out region.json
    """
    import msgspec

    from edge_runtime.files import write_atomically
    from server.rounds.regions import export_sum
    from server.rounds.show import show_file

    found = with_ledger(repo, database_url, lambda ledger: export_sum(ledger, round_id))
    write_atomically(out, msgspec.json.encode(found))
    show_file(out, f"the sum of {sum(found.regions.values()):,} updates", as_json=as_json)


def add_sum_(
    repo: Repo,
    round_id: RoundId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The sum of regions.", exists=True, dir_okay=False)],
    database_url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Add the sum of other regions to a closed round with the same adapter and terms; repeated, it adds nothing.

    Example: pocketrec rounds add-sum releases ROUND region.json
    """
    from server.rounds.regions import add_sum, read_region_sum
    from server.rounds.show import show_closed
    from server.rounds.state import RoundState, read_state

    async def work(ledger: "Ledger") -> RoundState:
        return await read_state(ledger, await add_sum(ledger, round_id, read_region_sum(file)))

    show_closed(with_ledger(repo, database_url, work), repo, as_json=as_json)
