"""Keeps off the terminal what transformers logs while it loads models."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_LOGGERS: Final = (
    "torchao", "torch.utils._pytree", "transformers.modeling_utils", "transformers.integrations.tensor_parallel"
)  # fmt: skip


@contextmanager
def hushed() -> Iterator[None]:
    """Silence complaints of what other machines have, and of missing weights, which whoever loads a model checks."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
