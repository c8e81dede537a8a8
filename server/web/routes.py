"""The page itself: everything that is not under ``/v1``."""

from typing import Final

from litestar import Controller
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from server.answers import AnyRequest, FileAnswer, reading
from server.web.service import WebFiles

IMMUTABLE: Final = "public, max-age=31536000, immutable"

# WebAssembly may run, workers may start from blobs, and nothing may be loaded from, or sent to, anywhere else.
CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "worker-src 'self' blob:",
        "connect-src 'self' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
PAGE_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class WebController(Controller):
    """The built web demo."""

    path = "/"

    @reading(["/", "/{path:path}"])
    async def page(self, request: AnyRequest, web: NamedDependency[WebFiles], path: FromPath[str] = "/") -> FileAnswer:
        """Return one file of the page."""
        file = web.find(path.removeprefix("/"))
        if file is None:
            raise NotFoundException("There is no such page here. Devices ask under /v1, people start at /.")
        encoding, blob = file.choose(request.headers.get("accept-encoding"))
        headers = {"Cache-Control": IMMUTABLE if file.immutable else "no-cache", **PAGE_HEADERS}
        if len(file.variants) > 1:
            headers["Vary"] = "Accept-Encoding"
        if encoding != "identity":
            headers["Content-Encoding"] = encoding
        return FileAnswer(blob, file.media_type, headers)
