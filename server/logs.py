"""The log: lines for people, or one JSON object a line. It has no addresses, because nothing logs one."""

import logging
import time
from collections.abc import Callable
from typing import Final

import structlog
from structlog.typing import Processor

REPEAT_S: Final = 60.0
_SHARED: Final[tuple[Processor, ...]] = (
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def log_to_stderr(*, as_json: bool) -> None:
    """Send the log to stderr: the server's from INFO, that of libraries from WARNING."""
    if as_json:
        formatter = structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=(
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.dict_tracebacks,
                structlog.processors.JSONRenderer(),
            ),
        )
        handler = logging.StreamHandler()
        handler.setFormatter(formatter)
        logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    else:
        logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    logging.getLogger("server").setLevel(logging.INFO)
    logging.getLogger("alembic").setLevel(logging.WARNING)


class Repeats:
    """Decides which errors are logged: the same one once a minute, or a flood of requests would fill the disk.

    Two errors are the same if they have one type, and were raised in one line.

    Args:
        clock: returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[tuple[object, ...], tuple[float, int]] = {}

    def take(self, error: BaseException) -> int | None:
        """Return how often an error was left out since it was logged last; None to leave it out now."""
        key, now = _origin(error), self._clock()
        logged, left_out = self._seen.get(key, (-REPEAT_S, 0))
        if now - logged < REPEAT_S:
            self._seen[key] = logged, left_out + 1
            return None
        self._seen[key] = now, 0
        return left_out


def _origin(error: BaseException) -> tuple[object, ...]:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return (type(error), *((trace.tb_frame.f_code.co_filename, trace.tb_lineno) if trace is not None else ()))
