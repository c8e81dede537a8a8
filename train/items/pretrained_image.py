"""Image features of a pretrained vision model."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from train.items.blocks import EncodedInputs, Extractor, Inputs, unit_length
from train.items.picture import Prepared, encode_pictures
from train.items.pretrained import identity, load, load_model, model_folder
from train.quiet_transformers import quiet_transformers

_BATCH = 16


def pretrained_image(name: str) -> Extractor[Path]:
    """Return the extractor of a vision model of transformers, by Hugging Face id or folder.

    Models of pictures and texts (CLIP, SigLIP) give the picture's vector in the common space, others the mean of the
    last hidden states, over patches or spatial positions, because poolers are often untrained.

    Raises:
        DataError: there is no such model.
    """
    folder = model_folder(name, "`colour`, a .tflite file")
    return Extractor(f"vision-1 {identity(folder)}", partial(_encode, folder))


def _encode(folder: Path, paths: Inputs[Path]) -> EncodedInputs:
    with quiet_transformers():
        from transformers import AutoImageProcessor

        # The processors based on Pillow: the others need torchvision.
        processor = load(AutoImageProcessor, folder, use_fast=False)
    model = load_model(folder)

    def prepare(picture: Image.Image) -> Prepared:
        values: Prepared = processor(images=picture, return_tensors="np")["pixel_values"][0]
        return values

    def encode(pixels: Prepared) -> NDArray[np.float32]:
        return unit_length(_embed(model, torch.from_numpy(pixels)))

    return encode_pictures(paths, prepare, encode, batch=_BATCH)


def _embed(model: nn.Module, pixels: Tensor) -> NDArray[np.float32]:
    pixels = pixels.to(next(model.parameters()).device)
    common_space: Callable[..., Tensor] | None = getattr(model, "get_image_features", None)
    with torch.inference_mode():
        if common_space is not None:
            vectors = common_space(pixel_values=pixels)
        else:
            hidden: Tensor = model(pixel_values=pixels).last_hidden_state
            vectors = hidden.mean((2, 3)) if hidden.ndim == 4 else hidden.mean(1)
    values: NDArray[np.float32] = vectors.float().cpu().numpy()
    return values
