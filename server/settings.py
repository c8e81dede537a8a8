"""Settings of the server. Its environment variables are read only here; the passphrase of keys, where keys are."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from server.objects import Place

# Output folder of `npm run build` in this checkout.
CHECKOUT_PAGE: Final = Path(__file__).resolve().parent.parent / "web_demo" / "dist"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Settings of one server.

    Attributes:
        root: repository of signed releases, or folder of bundle folders, as ``pocketrec export --out`` writes them;
            a URL is a repository in object storage.
        web: folder of the built web demo; it need not exist yet.
        host: address to listen on.
        port: port to listen on; 0 selects a free one.
        watch_s: seconds between refreshes of the folders.
        grace_s: seconds that downloads in progress have to finish when the server stops.
        database_url: the database; None for an SQLite file beside a repository, and for none with a folder of bundles.
        keys: folder with the keys that halt rollouts; None to halt none.
        workers: number of processes.
        allow_origins: origins of pages elsewhere that may read releases.
        log_json: whether each line of the log is a JSON object.
        traces_exporter: name of an OpenTelemetry exporter for traces; None for no traces.
    """

    root: Place
    web: Path | None = CHECKOUT_PAGE
    host: str = "127.0.0.1"
    port: int = 8000
    watch_s: float = 1.0
    grace_s: int = 5
    database_url: str | None = None
    keys: Path | None = None
    workers: int = 1
    allow_origins: tuple[str, ...] = ()
    log_json: bool = False
    traces_exporter: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port must be in 0 to 65535, got {self.port}")
        if self.workers < 1:
            raise ValueError(f"workers must be at least 1, got {self.workers}")
        if self.watch_s <= 0 or self.grace_s < 0:
            raise ValueError(f"watch_s must be above 0 and grace_s at least 0, got {self.watch_s} and {self.grace_s}")


def traces_exporter_of_environment() -> str | None:
    """Return the exporter that OpenTelemetry's variables name; without them there are no traces."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    has_endpoint = any(os.environ.get(f"OTEL_EXPORTER_OTLP_{name}") for name in ("ENDPOINT", "TRACES_ENDPOINT"))
    name = os.environ.get("OTEL_TRACES_EXPORTER", "otlp" if has_endpoint else "none")
    return None if name == "none" else name
