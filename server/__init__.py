"""The Litestar server: releases and the static files of the web demo."""

import edge_runtime  # noqa: F401 - first of all: it switches off the telemetry of the libraries
