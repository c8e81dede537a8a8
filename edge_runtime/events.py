"""The event names with a meaning of their own, shared by the runtime and training."""

from typing import Final

DISLIKE: Final = "dislike"
"""Negative feedback: the runtime hides the item and lowers similar ones; training keeps it out of the sequences."""
