"""What an operator can set. The only module that may ever look at the environment; today it has no need to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Where `npm run build` puts the page of this checkout.
CHECKOUT_PAGE: Final = Path(__file__).resolve().parent.parent / "web_demo" / "dist"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """One server.

    Attributes:
        root: the folder of bundle folders, as ``pocketrec export --out`` writes it.
        web: the folder of the built web demo; it may not be there yet.
        host: the address to listen on.
        port: the port; 0 takes a free one.
        watch_s: seconds between two looks at the folders.
        grace_s: seconds that downloads under way get to finish when the server is asked to stop.
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
