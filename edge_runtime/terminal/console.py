"""Console of all commands: it prints plain text, never markup, and removes control characters.

Style comes from arguments (``style=``, :class:`rich.text.Text`), so that a title, a column or a path with brackets,
colons or escape sequences is printed literally. Ruff forbids Rich's own console everywhere else.
"""

import json
import sys
from collections.abc import Iterable
from typing import IO, Any

import rich.console
from rich.segment import Segment
from rich.text import Text

from edge_runtime.terminal.plain import is_unsafe, plain_lines


class Console(rich.console.Console):  # noqa: TID251 - the only use
    """Rich's console without markup, emoji names and highlighting, and with control characters replaced.

    Args:
        stderr: write to stderr, for errors and progress.
        file: stream to write to in place of stdout or stderr.
        width: width in characters [default: the terminal's].
        quiet: print nothing.
        soft_wrap: do not break long lines, so that they can be copied.
        color: whether colours may be used.
        force_terminal: whether to treat the stream as a terminal [default: detected].
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
        """Return the text of a line or a cell, with control characters replaced before its width is measured."""
        return super().render_str(plain_lines(text), **options)

    def render(
        self, renderable: rich.console.RenderableType, options: rich.console.ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield the segments to write, with control characters replaced except for Rich's own control codes."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(plain_lines(segment.text), segment.style)


def print_error(message: str) -> None:
    """Print the error message of a command on stderr."""
    Console(stderr=True, soft_wrap=True).print(Text.assemble(("error: ", "bold red"), message))


def print_json(value: object, *, indent: int = 0) -> None:
    """Print a JSON value on stdout in UTF-8, independently of the terminal's encoding.

    Characters that control a terminal, and invisible ones, are written as escapes: the value stays the same.

    Args:
        value: value to encode; types that msgspec does not support, such as paths, become strings, and NaN becomes
            null.
        indent: spaces per level; 0 prints one line.
    """
    import msgspec

    data = msgspec.json.encode(_encodable(msgspec.to_builtins(value, enc_hook=str)))
    if indent:
        data = msgspec.json.format(data, indent=indent)
    sys.stdout.flush()
    sys.stdout.buffer.write(_escaped(data.decode()).encode() + b"\n")
    sys.stdout.flush()


def _encodable(value: object) -> object:
    """Return the value with strings that can be encoded: a path or an argument may contain invalid UTF-8."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {_encodable(key): _encodable(item) for key, item in value.items()}
        case list() | tuple():
            return [_encodable(item) for item in value]
        case _:
            return value


def _escaped(json_text: str) -> str:
    """Return the JSON text with escapes in place of unsafe characters, which occur only in its strings."""
    unsafe = {char for char in set(json_text) if char != "\n" and is_unsafe(char)}
    return json_text.translate({ord(char): json.dumps(char)[1:-1] for char in unsafe}) if unsafe else json_text
