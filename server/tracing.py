"""OpenTelemetry traces, only where an exporter is configured.

A span has method, kind of route, status and duration. The usual instrumentation of ASGI is not used, because it records
addresses and user agents of devices.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

from edge_runtime.errors import PocketRecError
from edge_runtime.version import __version__
from server.metrics.observer import route_of

_EXPORTERS: Final = "opentelemetry_traces_exporter"


class Traced:
    """An application whose requests are spans.

    Args:
        app: the application.
        exporter: name of an exporter, as in ``OTEL_TRACES_EXPORTER``; further variables configure it.

    Raises:
        PocketRecError: the exporter is not installed.
    """

    def __init__(self, app: ASGIApp, exporter: str) -> None:
        self._app = app
        resource = Resource.create({SERVICE_NAME: "pocketrec", SERVICE_VERSION: __version__})
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(check_exporter(exporter).load()()))
        self._tracer = self._provider.get_tracer("pocketrec")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request in a span."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        route = route_of(scope["path"])
        attributes = {"http.request.method": str(scope["method"]), "http.route": route}
        with self._tracer.start_as_current_span(route, kind=SpanKind.SERVER, attributes=attributes) as span:

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            await self._app(scope, receive, sending)

    def close(self) -> None:
        """Send what has not been sent yet."""
        self._provider.shutdown()


@contextmanager
def traced(app: ASGIApp, exporter: str | None) -> Iterator[ASGIApp]:
    """Trace an application during the block, if there is an exporter."""
    if exporter is None:
        yield app
        return
    traced_app = Traced(app, exporter)
    try:
        yield traced_app
    finally:
        traced_app.close()


def check_exporter(name: str) -> EntryPoint:
    """Find an exporter that is installed.

    Raises:
        PocketRecError: it is not installed.
    """
    found = next(iter(entry_points(group=_EXPORTERS, name=name)), None)
    if found is None:
        package = "opentelemetry-exporter-otlp" if name.startswith("otlp") else f"the package that has {name!r}"
        raise PocketRecError(
            f"found no OpenTelemetry exporter {name!r}, which the environment asks for. Install {package}, "
            "or set OTEL_TRACES_EXPORTER=none."
        )
    return found
