"""Settings of the server. Environment variables, if there are ever any, are read only here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Output folder of `npm run build` in this checkout.
CHECKOUT_PAGE: Final = Path(__file__).resolve().parent.parent / "web_demo" / "dist"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Settings of one server.

    Attributes:
        root: repository of signed releases, or folder of bundle folders, as ``pocketrec export --out`` writes them.
        web: folder of the built web demo; it need not exist yet.
        host: address to listen on.
        port: port to listen on; 0 selects a free one.
        watch_s: seconds between refreshes of the folders.
        grace_s: seconds that downloads in progress have to finish when the server stops.
    """

    root: Path
    web: Path | None = CHECKOUT_PAGE
    host: str = "127.0.0.1"
    port: int = 8000
    watch_s: float = 1.0
    grace_s: int = 5

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port must be in 0 to 65535, got {self.port}")
        if self.watch_s <= 0 or self.grace_s < 0:
            raise ValueError(f"watch_s must be above 0 and grace_s at least 0, got {self.watch_s} and {self.grace_s}")
