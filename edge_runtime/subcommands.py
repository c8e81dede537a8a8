"""The sub-commands of ``pocketrec``, found by entry points; a command's module is imported when it is asked for.

Only the list of all commands (``pocketrec --help``) imports them all.
"""

import shlex
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from edge_runtime.errors import PocketRecError
from edge_runtime.installed import what_is_missing

GROUP: Final = "pocketrec.commands"

# Commands in the order of a typical workflow; those of other packages follow alphabetically.
ORDER: Final = (
    "demo", "world", "import", "check", "build", "baselines", "train", "evaluate", "sanity-check", "diversity",
    "compare", "distill", "prune", "fit", "targets", "export", "verify", "report", "diff", "add-items", "release",
    "serve", "operator-keys", "rounds", "probe", "sync", "receipts", "inspect", "doctor", "profile", "bench",
    "recommend", "run", "learn", "history",
)  # fmt: skip

_ANYTHING: Final[dict[str, Any]] = {
    "allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": [],
}  # fmt: skip
_OTHER_VERSION: Final = (
    "`pocketrec {}` is a command of another version of pocketrec than the code that is here. Install this version: "
    "`make setup` in a checkout, or `pip install` again."
)

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

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - as below
        """Return name, command and remaining arguments; a mistyped name is answered with the nearest one."""
        near = [] if args[0] in _entries() else get_close_matches(args[0], _entries(), n=1)
        if near and not ctx.resilient_parsing:
            ctx.fail(f"there is no command {args[0]!r}. Did you mean `{shlex.join(['pocketrec', near[0]])}`?")
        return super().resolve_command(ctx, args)


def _entries() -> Mapping[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _command(entry: EntryPoint, decorator: Decorator) -> Any:  # noqa: ANN401 - Click's, or its copy's in newer Typers
    """Return the command of an entry point, or one that raises, when it is run, why it cannot be imported."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    try:
        function = entry.load()
        if isinstance(function, typer.Typer):
            return _group(function, entry.name, decorator)
        moved, renamed = (getattr(function, table, {}) for table in ("moved_options", "renamed_options"))
        app.command(entry.name, cls=_refusing(moved, renamed))(decorator(function))
    except ModuleNotFoundError as error:
        advice = what_is_missing(error, entry.name)
        app.command(entry.name, context_settings=_ANYTHING)(
            _failing(PocketRecError(advice), "(not installed here)") if advice else _failing(error)
        )
    except AttributeError as error:
        # Only a name that the module lacks: the entry points are those of another version of the code.
        other = PocketRecError(_OTHER_VERSION.format(entry.name))
        app.command(entry.name, context_settings=_ANYTHING)(
            _failing(other, "(of another version)") if error.name == entry.attr else _failing(error)
        )
    return typer.main.get_command(app)


def _group(commands: typer.Typer, name: str, decorator: Decorator) -> Any:  # noqa: ANN401 - Click's, or its copy's
    """Return a command that has commands of its own, such as `pocketrec release publish`."""
    app = typer.Typer(name=name, add_completion=False, rich_markup_mode=None, no_args_is_help=True)
    app.info.help = commands.info.help
    for command in commands.registered_commands:
        if command.callback is not None:
            app.command(command.name)(decorator(command.callback))
    app.callback(help=str(commands.info.help))(lambda: None)
    return typer.main.get_command(app)


def _refusing(moved: Mapping[str, str], renamed: Mapping[str, str]) -> type[TyperCommand]:
    """Return a class of commands that names what replaces an option of earlier versions.

    Args:
        moved: options that became commands; a value of the option is now the command's argument.
        renamed: options that have another name now.
    """

    class Refusing(TyperCommand):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - as above
            for position, word in enumerate(args):
                option, _, value = word.partition("=")
                if option in renamed:
                    ctx.fail(f"{option} is now called {renamed[option]}.")
                if option in moved:
                    words = [*([value] if value else []), *args[position + 1 :], *args[:position]]
                    new = ctx.parent.command.get_command(ctx.parent, moved[option])
                    ctx.fail(f"{option} is now a command: `{_moved_line(new, words)}`")
            return super().parse_args(ctx, args)

    return Refusing if moved or renamed else TyperCommand


def _moved_line(command: Any, words: Sequence[str]) -> str:  # noqa: ANN401 - Click's, or its copy's
    """Return the line that runs ``command`` with those of the arguments that it takes.

    If it requires others, as nobody knows their values, the line is its name alone.
    """
    options = {name: parameter for parameter in command.params for name in parameter.opts}
    positional = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    arguments: list[str] = []
    kept: list[str] = []
    given = set()
    position = 0
    while position < len(words):
        name, assigned, _ = words[position].partition("=")
        has_value = not assigned and position + 1 < len(words) and not words[position + 1].startswith("-")
        end = position + 1
        if not name.startswith("-"):
            arguments.append(words[position])
        elif (parameter := options.get(name)) is not None:
            end += has_value and not parameter.is_flag
            kept += words[position:end]
            given.add(parameter.name)
        else:
            end += has_value
        position = end
    given |= {parameter.name for parameter, _ in zip(positional, arguments, strict=False)}
    complete = all(parameter.name in given for parameter in command.params if parameter.required)
    return shlex.join(["pocketrec", command.name, *([*arguments[: len(positional)], *kept] if complete else [])])


def _failing(error: Exception, summary: str | None = None) -> Command:
    def fail(_: typer.Context) -> None:
        raise error

    fail.__doc__ = summary or f"(broken: {error})"
    return fail
