"""Encodes cases with a TFLite model in the Python of an old board (tflite-runtime 2.14, numpy 1).

Imports nothing of this project. Usage: python old_board.py MODEL CASES OUT
"""

import sys

import numpy as np
from tflite_runtime.interpreter import Interpreter


def main(model: str, cases: str, out: str) -> None:
    """Write the states ``[n, d]`` of all cases."""
    run = Interpreter(model_path=model, num_threads=1).get_signature_runner("encode")
    with np.load(cases) as inputs:
        shared = {name: inputs[name] for name in ("prompts", "knowledge", "adapter_a", "adapter_b")}
        pairs = zip(inputs["embeddings"], inputs["mask"], strict=True)
        states = [run(embeddings=e[None], mask=m[None], **shared)["state"][0].copy() for e, m in pairs]
    np.save(out, np.stack(states))


if __name__ == "__main__":
    main(*sys.argv[1:])
