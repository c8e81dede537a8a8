"""Checks item ids that a caller gives, and translates them to rows of the catalogue."""

import reprlib
from collections.abc import Iterable, Mapping

from edge_runtime.arguments import check_string


def checked_ids(what: str, item_ids: Iterable[str]) -> list[str]:
    """Return the ids as a list.

    Args:
        what: the argument's name, for the message.
        item_ids: what the caller gave.

    Raises:
        TypeError: it is one string, whose characters would be taken for ids, or holds something other than strings.
    """
    if isinstance(item_ids, str):
        shown = reprlib.repr(item_ids)
        raise TypeError(f"{what} must be a list of item ids, got the string {shown}. Pass [{shown}].")
    try:
        ids = list(item_ids)
    except TypeError as error:
        found = f"{reprlib.repr(item_ids)} ({type(item_ids).__name__})"
        raise TypeError(f"{what} must be a list of item ids, got {found}. Pass for example ['item-7'].") from error
    for item_id in ids:
        check_string("each of the ids", item_id, f"the ids that the catalogue has, such as {what}=['item-7']")
    return ids


def rows_of(item_ids: Iterable[str], row_of: Mapping[str, int]) -> list[int]:
    """Return the rows of the ids that the catalogue has, in order, each once."""
    return list(dict.fromkeys(row_of[item_id] for item_id in item_ids if item_id in row_of))
