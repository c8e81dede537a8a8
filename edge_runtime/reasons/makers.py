"""Names of makers as people say them: without legal forms, and not as the name of what they make."""

import re
from collections.abc import Iterable
from typing import Final

from edge_runtime.reasons.words import rules

_LAST_WORD: Final = re.compile(r",? +([^ ,]+?)\.?,?$")
_MARK: Final = re.compile(r"[,:;]| [-\u2013\u2014] ")
_WORDS: Final = re.compile(r"[^\W_]+")
_TRIM: Final = " ,:;-\u2013\u2014"
_SHORTEST: Final = 10


def without_legal_form(maker: str) -> str:
    """Return a cleaned name of a maker without legal forms, such as the last word of ``Giovanni Cosmetics, Inc.``."""
    while (last := _LAST_WORD.search(maker)) is not None and last[1].lower() in rules().legal_forms:
        maker = maker[: last.start()]
    return maker


def without_maker(title: str, makers: Iterable[str]) -> str:
    """Return a cleaned title without a first part that only says who made it.

    ``Too Faced Cosmetics, Smoky Eye Kit`` by ``Too Faced`` becomes ``Smoky Eye Kit``. A title of which little would be
    left stays as it is.
    """
    mark = _MARK.search(title)
    if mark is None:
        return title
    rest = title[mark.end() :].strip(_TRIM)
    says_maker = any(_is_maker(title[: mark.start()], maker) for maker in makers)
    return rest if says_maker and len(rest) >= _SHORTEST else title


def _is_maker(text: str, maker: str) -> bool:
    """Return whether a text has the words of a maker, and none but these and words for a company."""
    its, words = _words(maker), _words(text)
    core = its - rules().company_words - rules().legal_forms or its
    return bool(core) and core <= words and words <= its | rules().company_words | rules().legal_forms


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORDS.findall(text.lower()))
