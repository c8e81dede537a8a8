"""Learning on the server: data, models, distillation, the reason writer."""

import edge_runtime  # noqa: F401 - first of all: it switches off the telemetry of the libraries
