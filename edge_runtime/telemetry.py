"""Disables the telemetry of third-party libraries; docs/privacy.md lists what each of them would send.

Libraries read these environment variables on import, so they are set when ``edge_runtime`` is imported, before any of
its modules can import a library. Child processes inherit them.
"""

import os
import sys

OFF = {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime; disable_telemetry_events() comes too late for most of it
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface_hub, and with it transformers, accelerate, optimum, peft
    "DO_NOT_TRACK": "1",  # https://consoledonottrack.com
}


def switch_off() -> None:
    """Set the variables of :data:`OFF`, overriding existing values.

    Warns:
        RuntimeWarning: ONNX Runtime is already imported with its telemetry enabled.
    """
    if "onnxruntime" in sys.modules and not os.environ.get("ORT_DISABLE_TELEMETRY"):
        import warnings

        warnings.warn(
            "onnxruntime was imported before edge_runtime, so its telemetry is enabled in this process. "
            "Import edge_runtime first, or set ORT_DISABLE_TELEMETRY=1 before the process starts.",
            RuntimeWarning,
            stacklevel=2,
        )
    os.environ.update(OFF)
