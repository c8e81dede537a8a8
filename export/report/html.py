"""Builds HTML and SVG in which text from data cannot become markup: strings are escaped unless they are Html."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

_VOID: Final = frozenset({"meta", "br", "line", "rect", "circle", "path"})


class Html(str):
    """Finished markup."""

    __slots__ = ()


def element(tag: str, /, *children: str, **attributes: str | float | None) -> Html:
    """Return an element.

    Args:
        tag: its name.
        children: :class:`Html` as it is, other strings escaped.
        attributes: a trailing underscore is dropped and others become hyphens (``class_``, ``aria_label``); None
            leaves an attribute out.
    """
    names = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items() if value is not None}
    shown = "".join(f' {name}="{escape(_text(value))}"' for name, value in names.items())
    if tag in _VOID and not children:
        return Html(f"<{tag}{shown}/>")
    return Html(f"<{tag}{shown}>{join(children)}</{tag}>")


def join(parts: Iterable[str]) -> Html:
    """Return parts one after the other, escaped unless they are :class:`Html`."""
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in parts))


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str = "") -> Html:
    """Return a table; the first column is text and names its row, and the others are numbers."""
    head = element("tr", *(element("th", cell, scope="col") for cell in header))
    body = [
        element("tr", element("th", row[0], scope="row"), *(element("td", cell) for cell in row[1:])) for row in rows
    ]
    title = [element("caption", caption)] if caption else []
    inner = element("table", *title, element("thead", head), element("tbody", *body))
    return element("div", inner, class_="scroll", tabindex="0", role="region", aria_label=caption or header[0])


def facts(pairs: Iterable[tuple[str, str]]) -> Html:
    """Return a list of names and values."""
    return element("dl", *(join((element("dt", name), element("dd", value))) for name, value in pairs))


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
