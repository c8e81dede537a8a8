"""Switches off what the libraries would report about the device; docs/privacy.md says what each of them would send.

A library reads these variables when it is loaded, so they are set when ``edge_runtime`` is imported: before any module
of ours can import a library, and for every process that is started from here.
"""

import os
import sys

OFF = {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime; its function disable_telemetry_events comes too late for most of it
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface_hub, and with it transformers, accelerate, optimum, peft
    "DO_NOT_TRACK": "1",  # https://consoledonottrack.com
}


def switch_off() -> None:
    """Set the variables of :data:`OFF`, whatever they were.

    Warns:
        RuntimeWarning: ONNX Runtime was loaded before, with its telemetry on.
    """
    if "onnxruntime" in sys.modules and not os.environ.get("ORT_DISABLE_TELEMETRY"):
        import warnings

        warnings.warn(
            "onnxruntime was imported before edge_runtime, so its telemetry is on in this process. Import edge_runtime "
            "first, or set ORT_DISABLE_TELEMETRY=1 before the process starts.",
            RuntimeWarning,
            stacklevel=2,
        )
    os.environ.update(OFF)
