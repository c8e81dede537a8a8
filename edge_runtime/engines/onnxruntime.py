"""The encoder through ONNX Runtime: one thread, the exact length of the sequence, no padding.

The graph comes as bytes whose digest was checked; a path could be changed between the check and the opening.
"""

import os
from types import ModuleType
from typing import TYPE_CHECKING, Self

import numpy as np

from edge_runtime.bundle.manifest import Encoder
from edge_runtime.engines.onnx_graph import check_graph
from edge_runtime.engines.protocol import INPUTS, OUTPUT, Floats, SmallMatrices
from edge_runtime.errors import EngineError
from edge_runtime.quiet import quiet
from edge_runtime.telemetry import switch_off

if TYPE_CHECKING:
    import onnxruntime

_ONLY_FATAL = 4
_EXTERNAL_WEIGHTS = "session.model_external_initializers_file_folder_path"


def library() -> ModuleType:
    """Return ONNX Runtime with its telemetry off; nothing else of ours imports it.

    Raises:
        ImportError: it is not installed.
    """
    switch_off()  # again: the program around us may have changed the environment
    with quiet():  # of a processor or an accelerator that it does not know it warns while it is loaded
        import onnxruntime

    onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(_ONLY_FATAL)
    module: ModuleType = onnxruntime
    return module


class OnnxRuntimeEngine:
    """A session over one graph; threads may share it."""

    name = "onnxruntime"

    def __init__(self, session: "onnxruntime.InferenceSession", sizes: Encoder, precision: str) -> None:
        self._session = session
        self._max_length = sizes.max_length
        self._masks = np.ones((1, sizes.max_length), dtype=np.float32)
        self.precision = precision

    @classmethod
    def open(cls, data: bytes, sizes: Encoder, *, precision: str = "int8") -> Self:
        """Return the engine over the bytes of ``encoder.onnx``.

        Raises:
            ImportError: ONNX Runtime is not installed.
            EngineError: the graph has other inputs or operators than SPEC section 3.
        """
        check_graph(data)
        onnxruntime = library()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # a second thread costs more to wake than such a small graph takes
        options.inter_op_num_threads = 1
        options.log_severity_level = _ONLY_FATAL  # whatever it complains of, it raises as well
        # A graph may name other files as its weights, and ONNX Runtime would read them, unchecked, from the folder that
        # the process happens to run in. Nothing can lie below the null device, and leaving it is refused.
        options.add_session_config_entry(_EXTERNAL_WEIGHTS, os.devnull)
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        found = sorted(entry.name for entry in session.get_inputs())
        if found != sorted(INPUTS) or OUTPUT not in [entry.name for entry in session.get_outputs()]:
            raise EngineError(f"the graph's inputs are {found}, expected {sorted(INPUTS)} and the output {OUTPUT!r}")
        return cls(session, sizes, precision)

    def encode(self, embeddings: Floats, small: SmallMatrices) -> Floats:
        """Return the state ``[d]`` after the events ``[l, d]``, oldest first; only the newest ``L`` count."""
        newest = np.ascontiguousarray(embeddings[-self._max_length :])
        inputs = {
            "embeddings": newest[None],
            "mask": self._masks[:, : len(newest)],
            "prompts": small.prompts,
            "knowledge": small.knowledge,
            "adapter_a": small.adapter_a,
            "adapter_b": small.adapter_b,
        }
        state: Floats = self._session.run([OUTPUT], inputs)[0][0]
        return state
