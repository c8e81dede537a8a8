"""The names that the bundle format fixes: plain names, and the inputs and the output of the encoder graph."""

import re
from typing import Final

PLAIN_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
"""File names, roles, targets (SPEC section 1): safe in a path, a URL and a terminal."""
ENCODER_INPUTS: Final = ("embeddings", "mask", "prompts", "knowledge", "adapter_a", "adapter_b")
"""Inputs of the encoder graph, in order (SPEC section 3)."""
ENCODER_OUTPUT: Final = "state"

_PLAIN_NAME: Final = re.compile(PLAIN_NAME)


def is_plain_name(text: str) -> bool:
    """Return whether all of ``text`` matches :data:`PLAIN_NAME`."""
    return _PLAIN_NAME.fullmatch(text) is not None
