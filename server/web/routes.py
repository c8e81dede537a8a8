"""Routes of the web demo: everything that is not under ``/v1``."""

from typing import Final

from litestar import Controller
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from server.responses import AnyRequest, FileResponse, reading
from server.web.service import WebFiles

IMMUTABLE: Final = "public, max-age=31536000, immutable"

# WebAssembly and workers from blobs are allowed; all loads and connections are restricted to the page's own origin.
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

    @reading(["/", "/{path:path}"], include_in_schema=False)
    async def page(
        self, request: AnyRequest, web: NamedDependency[WebFiles], path: FromPath[str] = "/"
    ) -> FileResponse:
        """Return one file of the web demo."""
        file = web.find(path.removeprefix("/"))
        if file is None:
            raise NotFoundException("Page not found. The web demo is at /, the routes for devices are under /v1.")
        encoding, blob = file.choose(request.headers.get("accept-encoding"))
        headers = {"Cache-Control": IMMUTABLE if file.immutable else "no-cache", **PAGE_HEADERS}
        if len(file.variants) > 1:
            headers["Vary"] = "Accept-Encoding"
        if encoding != "identity":
            headers["Content-Encoding"] = encoding
        return FileResponse(blob, file.media_type, headers)
