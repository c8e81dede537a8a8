"""The encoder on ONNX Runtime: one thread, sequences without padding.

The graph is passed as checked bytes, because a file could be changed between the digest check and its opening.
"""

import os
from collections import Counter
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from edge_runtime.bundle.manifest import Encoder
from edge_runtime.bundle.names import ENCODER_INPUTS, ENCODER_OUTPUT
from edge_runtime.engines.onnx_graph import check_graph
from edge_runtime.engines.protocol import Floats, SmallMatrices
from edge_runtime.errors import EngineError
from edge_runtime.paths import AnyPath
from edge_runtime.quiet import quiet
from edge_runtime.telemetry import switch_off

if TYPE_CHECKING:
    import onnxruntime

ASKED: Final = "CPUExecutionProvider"
"""Where all operators are asked to run. Libraries fall back without a word, so every opening checks it."""

_ONLY_FATAL = 4
_RECORD_PLACEMENT = "session.record_ep_graph_assignment_info"
_EXTERNAL_WEIGHTS = "session.model_external_initializers_file_folder_path"


def library() -> ModuleType:
    """Import ONNX Runtime with its telemetry disabled. All modules of this project import it through here.

    Raises:
        ImportError: ONNX Runtime is not installed.
    """
    switch_off()  # again: the app may have changed the environment
    with quiet():  # it prints warnings about unknown processors and accelerators on import
        import onnxruntime

    onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(_ONLY_FATAL)
    module: ModuleType = onnxruntime
    return module


def placement(session: Any) -> dict[str, int] | None:  # noqa: ANN401 - ONNX Runtime has no types
    """Return the number of operators by execution provider; None in versions that do not tell, before 1.24."""
    report = getattr(session, "get_provider_graph_assignment_info", None)
    if report is None:
        return None
    placed: Counter[str] = Counter()
    for part in report():
        placed[part.ep_name] += len(part.get_nodes())
    return dict(placed)


def misplaced(placed: Mapping[str, int], asked: str = ASKED) -> str:
    """Return which operators run elsewhere than they were asked to; empty if none does.

    Args:
        placed: number of operators by execution provider.
        asked: the execution provider that was asked for.
    """
    elsewhere = [f"{n} on {provider}" for provider, n in sorted(placed.items()) if provider != asked]
    if not elsewhere:
        return ""
    return f"{', '.join(elsewhere)}, {placed.get(asked, 0)} on {asked}; all were asked to run on {asked}"


class OnnxRuntimeEngine:
    """An engine on an ONNX Runtime session. Thread-safe."""

    name = "onnxruntime"

    def __init__(self, session: "onnxruntime.InferenceSession", sizes: Encoder, precision: str) -> None:
        self.session = session
        self._max_length = sizes.max_length
        self._masks = np.ones((1, sizes.max_length), dtype=np.float32)
        self.precision = precision

    @classmethod
    def open(cls, data: bytes, sizes: Encoder, *, precision: str = "int8", profile_to: AnyPath | None = None) -> Self:
        """Create the engine from the bytes of ``encoder.onnx``.

        Args:
            data: the file.
            sizes: of the encoder.
            precision: of its weights.
            profile_to: start of the path of a file; the session then times its operators, and
                ``session.end_profiling()`` writes the file.

        Raises:
            ImportError: ONNX Runtime is not installed.
            EngineError: the inputs, the output or the operators violate SPEC section 3, or operators do not run on
                the processor, as asked.
        """
        check_graph(data, sizes)
        onnxruntime = library()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # waking a second thread takes longer than running such a small graph
        options.inter_op_num_threads = 1
        options.log_severity_level = _ONLY_FATAL  # errors are raised as exceptions too
        # A graph may refer to external weight files, which ONNX Runtime would read unchecked from the working
        # directory. No file can exist below the null device, and paths that leave it are rejected.
        options.add_session_config_entry(_EXTERNAL_WEIGHTS, os.devnull)
        if profile_to is not None:
            options.enable_profiling, options.profile_file_prefix = True, os.fspath(profile_to)
        options.add_session_config_entry(_RECORD_PLACEMENT, "1")
        session = onnxruntime.InferenceSession(data, options, providers=[ASKED])
        wrong = misplaced(placement(session) or {})
        if wrong:
            raise EngineError(f"operators run elsewhere than asked: {wrong}")
        found = sorted(entry.name for entry in session.get_inputs())
        if found != sorted(ENCODER_INPUTS) or ENCODER_OUTPUT not in [entry.name for entry in session.get_outputs()]:
            raise EngineError(
                f"the graph's inputs are {found}, expected {sorted(ENCODER_INPUTS)} and the output {ENCODER_OUTPUT!r}"
            )
        return cls(session, sizes, precision)

    def encode(self, embeddings: Floats, small: SmallMatrices) -> Floats:
        """Return the state ``[d]`` after the events ``[l, d]``, oldest first; only the newest ``L`` are used."""
        newest = np.ascontiguousarray(embeddings[-self._max_length :])
        inputs = {
            "embeddings": newest[None],
            "mask": self._masks[:, : len(newest)],
            "prompts": small.prompts,
            "knowledge": small.knowledge,
            "adapter_a": small.adapter_a,
            "adapter_b": small.adapter_b,
        }
        state: Floats = self.session.run([ENCODER_OUTPUT], inputs)[0][0]
        return state
