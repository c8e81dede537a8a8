"""Litestar server for releases and the static files of the web demo."""

import edge_runtime  # noqa: F401 - imported first: it disables the telemetry of libraries
