"""The commands ``pocketrec rounds``: they plan, open, close and publish rounds."""

import typer

from server.rounds.commands import lifecycle, sums

rounds = typer.Typer(
    help="""Improve the adapter with devices that agree to take part.

    Only noisy updates leave them, and only sums stay.

    Start with: pocketrec rounds plan releases --target laptop-x86_64 --operator https://models.example.org
    """
)
rounds.command("plan")(lifecycle.plan)
rounds.command("open")(lifecycle.open_)
rounds.command("status")(lifecycle.status)
rounds.command("close")(lifecycle.close)
rounds.command("tokens")(sums.tokens)
rounds.command("add-up")(sums.add_up)
rounds.command("combine")(sums.combine)
rounds.command("export-sum")(sums.export_sum_)
rounds.command("add-sum")(sums.add_sum_)
rounds.command("publish")(lifecycle.publish)
rounds.command("report")(lifecycle.report)
