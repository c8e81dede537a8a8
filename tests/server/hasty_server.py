"""The real server with short timeouts: ``python -m tests.server.hasty_server FOLDER``."""

import os
import sys
from pathlib import Path

from server.app import create_app
from server.connection import RequestLimits
from server.listening import address_of, listen, serve_until_stopped

LIMITS = RequestLimits(request_s=0.5, stalled_s=0.5)


def main(root: Path) -> None:
    """Serve until stopped."""
    listener = listen("127.0.0.1", 0)
    serve_until_stopped(
        create_app(root, None),
        listener,
        grace_s=1,
        on_listening=lambda: os.write(1, f"Listening on {address_of(listener)}\n".encode()),
        limits=LIMITS,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
