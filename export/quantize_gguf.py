"""Quantizes a GGUF file, with llama.cpp."""

import ctypes
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

from train.errors import RunError

# Name -> (llama_ftype, values in one block: rows that are no multiple fall back to another type).
QUANTIZATIONS: Final = {"Q8_0": (7, 32), "Q4_K_M": (15, 256)}


def unfit_for(quantization: str, row_lengths: Sequence[int]) -> list[int]:
    """Return the row lengths of a model's matrices that this quantization cannot hold and stores larger."""
    _, block = QUANTIZATIONS.get(quantization, (0, 1))
    return [length for length in row_lengths if length % block]


def quantize_gguf(source: Path, out: Path, quantization: str) -> None:
    """Write ``source`` again with smaller weights.

    Args:
        source: a float16 or float32 GGUF file.
        out: where.
        quantization: ``Q8_0`` or ``Q4_K_M``.

    Raises:
        RunError: the quantization is unknown, llama.cpp is not installed, or it failed.
    """
    if quantization not in QUANTIZATIONS:
        raise RunError(f"quantization {quantization!r} is not known, expected one of {', '.join(QUANTIZATIONS)}")
    try:
        from llama_cpp import llama_cpp
    except ImportError as error:
        raise RunError("quantizing needs llama-cpp-python; install it with `pip install 'pocketrec[llm]'`") from error
    quiet()
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = QUANTIZATIONS[quantization][0]
    if llama_cpp.llama_model_quantize(str(source).encode(), str(out).encode(), ctypes.byref(parameters)):
        raise RunError(f"{source}: llama.cpp could not quantize it to {quantization}; is it a float16 GGUF file?")


def quiet() -> None:
    """Send llama.cpp's log to nowhere, for the rest of the process."""
    from llama_cpp import llama_cpp

    llama_cpp.llama_log_set(_silence(), ctypes.c_void_p(0))


@cache
def _silence() -> object:
    """Return a log that forgets; kept for ever, because llama.cpp keeps a pointer to it."""
    from llama_cpp import llama_cpp

    return llama_cpp.llama_log_callback(lambda level, text, data: None)
