"""Silences log messages of transformers while it loads models."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_LOGGERS: Final = (
    "torchao", "torch.utils._pytree", "transformers.modeling_utils", "transformers.integrations.tensor_parallel"
)  # fmt: skip


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence warnings about missing hardware, and about missing weights, which the callers check themselves."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
