"""How the server's interface is described to tools (OpenAPI), and to pages of other origins (CORS)."""

from typing import Final

from litestar.config.cors import CORSConfig
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from edge_runtime.version import __version__

OPERATOR_KEY: Final = "operatorKey"
_READ_HEADERS: Final = ["If-None-Match", "If-Range", "Range"]
_SHOWN_HEADERS: Final = ["Accept-Ranges", "Content-Length", "Content-Range", "ETag"]


def openapi() -> OpenAPIConfig:
    """Return the settings of ``/schema/openapi.json``. No page is rendered: that would load scripts from a CDN."""
    scheme = SecurityScheme(type="http", scheme="bearer", description="A key of `pocketrec operator-keys add`.")
    return OpenAPIConfig(
        title="PocketRec",
        version=__version__,
        description="Signed releases for devices, receipts without identity, and figures for operators.",
        path="/schema",
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        components=Components(security_schemes={OPERATOR_KEY: scheme}),
        use_handler_docstrings=True,
    )


def cors_for(origins: tuple[str, ...]) -> CORSConfig | None:
    """Return what pages of other origins may do: read, without credentials."""
    if not origins:
        return None
    return CORSConfig(
        allow_origins=list(origins),
        allow_methods=["GET"],
        allow_headers=_READ_HEADERS,
        expose_headers=_SHOWN_HEADERS,
        max_age=86_400,
    )
