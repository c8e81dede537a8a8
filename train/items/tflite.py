"""Image features of a TFLite model, as a device would compute them."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_runtime.quiet import quiet
from train.errors import DataError
from train.items.blocks import EncodedInputs, Extractor, Inputs, unit_length
from train.items.digests import file_digest
from train.items.picture import Prepared, encode_pictures

_BATCH = 32


def tflite_image(path: Path) -> Extractor[Path]:
    """Return the extractor of a TFLite model for one picture, ``[1, height, width, 3]``; its first output is used.

    Raises:
        DataError: there is no such file, or LiteRT is not installed.
    """
    try:
        digest = file_digest(path.expanduser()).hex()
    except OSError as error:
        raise DataError(f"extractor {str(path)!r}: cannot be read ({error}); provide a TFLite file.") from error
    return Extractor(f"tflite-1 {path.stem}@{digest[:16]}", partial(_encode, path.expanduser()))


def _encode(path: Path, pictures: Inputs[Path]) -> EncodedInputs:
    interpreter = _open(path)
    target, source = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    shape = [int(size) for size in target["shape"]]
    if len(shape) != 4 or shape[0] != 1 or shape[3] != 3 or len(interpreter.get_input_details()) != 1:
        raise DataError(f"{path}: its input is {shape}, expected one picture, [1, height, width, 3].")

    def prepare(picture: Image.Image) -> Prepared:
        pixels = np.asarray(picture.resize((shape[2], shape[1]), Image.Resampling.BILINEAR, reducing_gap=3.0))
        return as_input(pixels, np.dtype(target["dtype"]), path)

    def encode(inputs: Prepared) -> NDArray[np.float32]:
        vectors = []
        for each in inputs:
            interpreter.set_tensor(target["index"], each[None])
            interpreter.invoke()
            vectors.append(dequantized(interpreter.get_tensor(source["index"]), *source["quantization"]).ravel())
        return unit_length(np.stack(vectors))

    return encode_pictures(pictures, prepare, encode, batch=_BATCH)


def _open(path: Path) -> Any:  # noqa: ANN401 - LiteRT has no types
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise DataError(f"{path}: LiteRT is not installed ({error}); `pip install ai-edge-litert`.") from error
    try:
        with quiet():
            interpreter = Interpreter(model_path=str(path))
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise DataError(
            f"{path}: LiteRT cannot open it ({str(error).splitlines()[0]}); provide a TFLite file."
        ) from error
    return interpreter


def as_input(pixels: NDArray[np.uint8], kind: np.dtype[Any], path: Path) -> Prepared:
    """Return pixels in the input type ``kind`` of a model.

    Integers are the pixels themselves, shifted for a signed type, because the quantization of such an input covers the
    range of pixels. Floats are from -1 to 1, as in MobileNet and EfficientNet-Lite.

    Raises:
        DataError: the type is not supported.
    """
    match kind.name:
        case "uint8":
            return pixels
        case "int8":
            return (pixels.astype(np.int16) - 128).astype(np.int8)
        case "float32":
            return (pixels / np.float32(127.5) - 1).astype(np.float32)
        case other:
            raise DataError(f"{path}: its input is {other}, expected pixels as uint8, int8 or float32.")


def dequantized(values: NDArray[np.generic], scale: float, zero: int) -> NDArray[np.float32]:
    """Return ``scale * (values - zero)``, or the values themselves if the scale is 0, which marks floats."""
    numbers = values.astype(np.float32)
    return numbers if scale == 0 else np.float32(scale) * (numbers - zero)
