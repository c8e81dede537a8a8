"""Builds HTML and SVG in which text from data cannot become markup: strings are escaped unless they are Html."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final, NamedTuple

_VOID: Final = frozenset({"meta", "br", "line", "rect", "circle", "path"})


class Html(str):
    """Finished markup."""

    __slots__ = ()


class Section(NamedTuple):
    """A section of a page, with its anchor."""

    anchor: str
    title: str
    body: Html


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
    """Return a table whose first column names the rows; words are aligned to the left, numbers to the right."""
    cells = list(rows)
    kinds = [None if any(_is_number(row[index]) for row in cells) else "words" for index in range(len(header))]
    head = element("tr", *(element("th", cell, scope="col", class_=kind) for cell, kind in _both(header, kinds)))
    body = [
        element(
            "tr",
            element("th", row[0], scope="row"),
            *(element("td", cell, class_=kind) for cell, kind in _both(row[1:], kinds[1:])),
        )
        for row in cells
    ]
    title = [element("caption", caption)] if caption else []
    inner = element("table", *title, element("thead", head), element("tbody", *body))
    return element("div", inner, class_="scroll", tabindex="0", role="region", aria_label=caption or header[0])


def facts(pairs: Iterable[tuple[str, str]]) -> Html:
    """Return a list of names and values."""
    return element("dl", *(join((element("dt", name), element("dd", value))) for name, value in pairs))


def share(value: float) -> str:
    """Return a share in per cent; a little is not shown as nothing."""
    return "<1%" if 0 < value < 0.01 else f"{value:.0%}"


def _both(cells: Sequence[str], kinds: Sequence[str | None]) -> Iterable[tuple[str, str | None]]:
    return zip(cells, kinds, strict=True)


def _is_number(cell: str) -> bool:
    return cell.lstrip("+-<")[:1].isdigit()


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
