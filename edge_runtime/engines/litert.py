"""The encoder on LiteRT, or on tflite-runtime where LiteRT is not available: fixed length, zero padding in front.

Both libraries have the same interpreter interface. tflite-runtime 2.14 requires numpy 1 and fails only when the first
interpreter is created; the engine candidates reports that like any other failure.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Self

import numpy as np

from edge_runtime.bundle.manifest import Encoder
from edge_runtime.bundle.names import ENCODER_INPUTS, ENCODER_OUTPUT
from edge_runtime.engines.protocol import Floats, SmallMatrices
from edge_runtime.engines.tflite_graph import check_graph
from edge_runtime.errors import EngineError
from edge_runtime.quiet import quiet

MODULES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")


class LiteRTEngine:
    """An engine on a LiteRT interpreter. Not thread-safe."""

    name = "litert"

    def __init__(self, run: Callable[..., dict[str, Any]], sizes: Encoder, precision: str) -> None:
        self._run = run
        self._sizes = sizes
        self.precision = precision

    @classmethod
    def open(cls, data: bytes, sizes: Encoder, *, precision: str = "int8") -> Self:
        """Create the engine from the bytes of ``encoder.tflite``.

        Raises:
            ImportError: neither library is installed.
            EngineError: the signatures or the operators violate SPEC section 3.
        """
        with quiet():  # it logs its delegate to stderr
            create = interpreter_class()
            check_graph(data)
            interpreter = create(model_content=data, num_threads=1)
            interpreter.allocate_tensors()
            return cls(_runner(interpreter), sizes, precision)

    def encode(self, embeddings: Floats, small: SmallMatrices) -> Floats:
        """Return the state ``[d]`` after the events ``[l, d]``, oldest first; only the newest ``L`` are used."""
        length = self._sizes.max_length
        newest = embeddings[-length:]
        padded = np.zeros((1, length, self._sizes.dim), dtype=np.float32)
        padded[0, length - len(newest) :] = newest
        mask = np.zeros((1, length), dtype=np.float32)
        mask[0, length - len(newest) :] = 1.0
        outputs = self._run(
            embeddings=padded,
            mask=mask,
            prompts=small.prompts,
            knowledge=small.knowledge,
            adapter_a=small.adapter_a,
            adapter_b=small.adapter_b,
        )
        state: Floats = outputs[ENCODER_OUTPUT][0].copy()  # the interpreter reuses the output buffer
        return state


def interpreter_class() -> Callable[..., Any]:
    """Return the interpreter class of the first library that is installed."""
    for name in MODULES:
        try:
            module = import_module(name)
        except ModuleNotFoundError:
            continue
        interpreter: Callable[..., Any] = module.Interpreter
        return interpreter
    raise ModuleNotFoundError("neither ai-edge-litert nor tflite-runtime is installed", name="ai_edge_litert")


def _runner(interpreter: Any) -> Callable[..., dict[str, Any]]:  # noqa: ANN401 - two libraries, neither typed
    """Return the runner of the signature with the inputs and the output of SPEC section 3."""
    signatures = interpreter.get_signature_list()
    for key, signature in signatures.items():
        if sorted(signature["inputs"]) == sorted(ENCODER_INPUTS) and ENCODER_OUTPUT in signature["outputs"]:
            runner: Callable[..., dict[str, Any]] = interpreter.get_signature_runner(key)
            return runner
    raise EngineError(
        f"no signature takes {sorted(ENCODER_INPUTS)} and gives {ENCODER_OUTPUT!r}; the file has {signatures}"
    )
