"""Removes markup from crawled texts, and detects program code in them."""

import re

# Only HTML elements are tags: "I <3 you", "<Untitled>" and "a < b > c" are ordinary text.
_ELEMENTS = (
    "a|abbr|article|aside|audio|b|base|big|blockquote|body|br|button|canvas|center|cite|code|dd|del|div|dl|dt|em|embed|"
    "fieldset|figure|font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|ins|kbd|label|legend|li|link|main|"
    "map|mark|meta|nav|noscript|object|ol|optgroup|option|p|param|picture|pre|q|s|samp|script|section|select|small|"
    "source|span|strike|strong|style|sub|sup|svg|table|tbody|td|template|textarea|tfoot|th|thead|time|title|tr|tt|u|ul|"
    "var|video|wbr"
)
_MAX_MARKUP = 10_000
_MAX_CODE = 500
_HIDDEN = re.compile(r"<(script|style|noscript|template)\b[^>]*>.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.I | re.S)
_TAG = re.compile(rf"</?(?:{_ELEMENTS})(?:\s+[a-z_:@/-][^<>]*|/[^<>]*)?\s*(?:>|\Z)|<![a-z][^<>]*>", re.I)
_CODE = re.compile(
    r"\b(?:var|let|const) [\w$]+ ?=|\bfunction ?[\w$]*\([\w$, ]*\) ?\{|\bnew Date\(|\.getTime\(|\b(?:alert|eval)\("
    r"|\bdocument\.(?:\w+\(|cookie)|\bwindow\.\w+ ?[=(.]|^javascript:\S|[.#@][\w-]+[^{}]*\{[^{}]*:[^{}]*[;}]"
)


def without_markup(text: str) -> str:
    """Return a text without HTML tags, comments, scripts and style sheets.

    A text with a ``<`` is cut after 10,000 characters, because the search takes quadratic time on malicious input.
    """
    return _TAG.sub(" ", _HIDDEN.sub(" ", " ".join(text[:_MAX_MARKUP].split()))) if "<" in text else text


def has_markup(text: str) -> bool:
    """Return whether the first 10,000 characters of a text contain HTML tags."""
    return _TAG.search(text, 0, _MAX_MARKUP) is not None


def is_code(text: str) -> bool:
    """Return whether the beginning of a text contains JavaScript or CSS, as crawled titles sometimes do."""
    return _CODE.search(text, 0, _MAX_CODE) is not None


def well_formed(text: str) -> str:
    """Return a text that can be encoded as UTF-8: surrogate pairs are joined, lone surrogates become U+FFFD."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
