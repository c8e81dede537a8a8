"""The one console of every command. What is printed through it is text, never markup, and cannot steer the terminal.

Style comes from arguments (``style=``, :class:`rich.text.Text`), so that a title, a column or a path with brackets,
colons or escape sequences is shown as it is written. Ruff refuses Rich's own console everywhere else.
"""

import sys
from collections.abc import Iterable
from typing import IO, Any

import rich.console
from rich.segment import Segment
from rich.text import Text

from edge_runtime.terminal.plain import plain_lines


class Console(rich.console.Console):  # noqa: TID251 - the one place
    """Rich's console without markup, emoji names and highlighting, and with every control character replaced.

    Args:
        stderr: write complaints and progress, not results.
        file: in place of the standard streams.
        width: in characters; of the terminal where not given.
        quiet: print nothing.
        soft_wrap: leave long lines to the terminal, so that they can be copied whole.
        color: False never writes a colour.
        force_terminal: treat the stream as a terminal, or not; None asks it.
    """

    def __init__(
        self,
        *,
        stderr: bool = False,
        file: IO[str] | None = None,
        width: int | None = None,
        quiet: bool = False,
        soft_wrap: bool = False,
        color: bool = True,
        force_terminal: bool | None = None,
    ) -> None:
        super().__init__(
            stderr=stderr,
            file=file,
            width=width,
            quiet=quiet,
            soft_wrap=soft_wrap,
            color_system="auto" if color else None,
            force_terminal=force_terminal,
            markup=False,
            emoji=False,
            highlight=False,
        )

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - Rich's own options, passed on
        """Return the text of a line or a cell, made harmless before its width is measured."""
        return super().render_str(plain_lines(text), **options)

    def render(
        self, renderable: rich.console.RenderableType, options: rich.console.ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield what is to be written, the text of it made harmless; Rich's own control codes pass."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(plain_lines(segment.text), segment.style)


def print_error(message: str) -> None:
    """Print why a command failed, on stderr."""
    Console(stderr=True, soft_wrap=True).print(Text.assemble(("error: ", "bold red"), message))


def print_json(value: object, *, indent: int = 0) -> None:
    """Print one JSON object on stdout, in UTF-8 whatever the terminal's encoding is.

    Args:
        value: anything that msgspec can encode; what it cannot, such as a path, becomes text, and NaN becomes null.
        indent: spaces a level; 0 prints one line.
    """
    import msgspec

    data = msgspec.json.encode(_encodable(msgspec.to_builtins(value, enc_hook=str)))
    if indent:
        data = msgspec.json.format(data, indent=indent)
    sys.stdout.flush()
    sys.stdout.buffer.write(data + b"\n")
    sys.stdout.flush()


def _encodable(value: object) -> object:
    """Return a value whose texts can all be encoded: a path or an argument may hold bytes that are not UTF-8."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {_encodable(key): _encodable(item) for key, item in value.items()}
        case list() | tuple():
            return [_encodable(item) for item in value]
        case _:
            return value
