"""From trained models to a verified bundle for one target."""

import edge_runtime  # noqa: F401 - first of all: it switches off the telemetry of the libraries
