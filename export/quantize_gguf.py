"""Quantizes GGUF files with llama.cpp."""

import ctypes
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

from train.errors import RunError

# Name -> (llama_ftype, block size; rows whose length is not a multiple of it fall back to another type).
QUANTIZATIONS: Final = {"Q8_0": (7, 32), "Q4_K_M": (15, 256)}


def unsupported_row_lengths(quantization: str, row_lengths: Sequence[int]) -> list[int]:
    """Return the row lengths that this quantization does not support and stores with a larger type."""
    _, block = QUANTIZATIONS.get(quantization, (0, 1))
    return [length for length in row_lengths if length % block]


def quantize_gguf(source: Path, out: Path, quantization: str) -> None:
    """Write a quantized copy of ``source``.

    Args:
        source: a float16 or float32 GGUF file.
        out: path of the quantized file.
        quantization: ``Q8_0`` or ``Q4_K_M``.

    Raises:
        RunError: the quantization is unknown, llama.cpp is not installed, or it failed.
    """
    if quantization not in QUANTIZATIONS:
        raise RunError(f"found the quantization {quantization!r}, expected one of {', '.join(QUANTIZATIONS)}")
    try:
        from llama_cpp import llama_cpp
    except ImportError as error:
        raise RunError("quantizing needs llama-cpp-python; install it with `pip install llama-cpp-python`") from error
    silence_log()
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = QUANTIZATIONS[quantization][0]
    if llama_cpp.llama_model_quantize(str(source).encode(), str(out).encode(), ctypes.byref(parameters)):
        raise RunError(f"{source}: llama.cpp could not quantize it to {quantization}; is it a float16 GGUF file?")


def silence_log() -> None:
    """Discard llama.cpp's log for the rest of the process."""
    from llama_cpp import llama_cpp

    llama_cpp.llama_log_set(_null_log(), ctypes.c_void_p(0))


@cache
def _null_log() -> object:
    """Return a callback that discards messages; cached, because llama.cpp keeps a pointer to it."""
    from llama_cpp import llama_cpp

    return llama_cpp.llama_log_callback(lambda level, text, data: None)
