"""Exports trained models as bundles, and verifies them."""

import edge_runtime  # noqa: F401 - imported first: it switches off the telemetry of libraries
