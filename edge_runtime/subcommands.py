"""The sub-commands of ``pocketrec``, found by entry points; a command's module is imported when it is asked for.

Only the list of all commands (``pocketrec --help``) imports them all.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from edge_runtime.errors import PocketRecError
from edge_runtime.installed import what_is_missing

GROUP: Final = "pocketrec.commands"

# The order of the work, so that `pocketrec --help` reads as a story; commands of others follow, by name.
ORDER: Final = (
    "demo", "world", "import", "check", "baselines", "train", "evaluate", "sanity-check", "diversity", "compare",
    "distill", "export", "verify", "serve", "sync", "inspect", "recommend", "run",
)  # fmt: skip

Command = Callable[..., object]
Decorator = Callable[[Command], Command]


class Subcommands(TyperGroup):
    """A group that knows the names of its commands, and imports one at a time.

    The object of its context is a :data:`Decorator`, put around each command.
    """

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - as below
        """Return the names of all installed commands."""
        return sorted(_entries(), key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - as below
        """Return one command, or None if there is no such command."""
        entry = _entries().get(cmd_name)
        return None if entry is None else _command(entry, ctx.obj)


def _entries() -> Mapping[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _command(entry: EntryPoint, decorator: Decorator) -> Any:  # noqa: ANN401 - Click's, or its copy's in newer Typers
    """Return the command of an entry point, or one that raises, when it is run, why it cannot be imported."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    try:
        function = entry.load()
        app.command(entry.name, cls=_refusing(getattr(function, "moved_options", {})))(decorator(function))
    except ModuleNotFoundError as error:
        advice = what_is_missing(error, entry.name)
        anything: dict[str, Any] = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
        app.command(entry.name, context_settings=anything)(_failing(PocketRecError(advice) if advice else error))
    return typer.main.get_command(app)


def _refusing(moved_options: Mapping[str, str]) -> type[TyperCommand]:
    """Return a class of commands that names the new command where an option that became one is given."""

    class Refusing(TyperCommand):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - as above
            for option, command in moved_options.items():
                if any(word == option or word.startswith(f"{option}=") for word in args):
                    raise typer.BadParameter(f"{option} is now a command: `pocketrec {command}`", ctx)
            return super().parse_args(ctx, args)

    return Refusing if moved_options else TyperCommand


def _failing(error: Exception) -> Command:
    def fail(_: typer.Context) -> None:
        raise error

    fail.__doc__ = "(not installed here)" if isinstance(error, PocketRecError) else f"(broken: {error})"
    return fail
