"""The event names with a meaning of their own, shared by the runtimes and training; other names are allowed."""

from typing import Final

CLICK: Final = "click"
"""The event that is recorded where no other is named."""
LIKE: Final = "like"
PURCHASE: Final = "purchase"
WATCH: Final = "watch"
"""A video was watched: what a purchase is in a shop."""
READ: Final = "read"
"""An article was read: the same in a list of articles."""
DISLIKE: Final = "dislike"
"""Negative feedback: the runtime hides the item and lowers similar ones; training keeps it out of the sequences."""
