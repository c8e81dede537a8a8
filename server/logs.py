"""The log: lines for people, or one JSON object a line. It has no addresses, because nothing logs one."""

import logging
from typing import Final

import structlog
from structlog.typing import Processor

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
