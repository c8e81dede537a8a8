"""Text of a bundle made fit for a terminal."""

from collections.abc import Mapping, Sequence


def plain(text: str) -> str:
    """Return a text on one line, without control characters: a title must not be able to steer the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def about(facts: Mapping[str, Sequence[str]], n_most: int = 3) -> str:
    """Return a few facts of an item on one line: the brand or director first, then the narrowest categories."""
    chosen: list[str] = []
    for name, values in sorted(facts.items(), key=lambda entry: entry[0] == "categories"):
        chosen += values[-1:] if name == "categories" else values[:1]
    return plain(", ".join(dict.fromkeys(chosen[:n_most])))
