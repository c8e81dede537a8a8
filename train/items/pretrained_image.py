"""Pictures through a pretrained vision model."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from train.hushed import hushed
from train.items.blocks import EncodedInputs, Extractor, Inputs, unit_length
from train.items.picture import Prepared, describe_pictures
from train.items.pretrained import identity, load, load_model, model_folder

_BATCH = 16


def pretrained_image(name: str) -> Extractor[Path]:
    """Return any vision model that transformers knows, by Hugging Face id or folder.

    A model of pictures and texts (CLIP, SigLIP) gives its picture vector in their common space, any other the mean of
    its last hidden states, over patches or places: poolers are often left untrained.

    Raises:
        DataError: there is none of that name.
    """
    folder = model_folder(name, "`colour`, a .tflite file")
    return Extractor(f"vision-1 {identity(folder)}", partial(_describe, folder))


def _describe(folder: Path, paths: Inputs[Path]) -> EncodedInputs:
    with hushed():
        from transformers import AutoImageProcessor

        # The processors in plain Pillow: the others need torchvision.
        processor = load(AutoImageProcessor, folder, use_fast=False)
    model = load_model(folder)

    def prepare(picture: Image.Image) -> Prepared:
        found: Prepared = processor(images=picture, return_tensors="np")["pixel_values"][0]
        return found

    def describe(pixels: Prepared) -> NDArray[np.float32]:
        return unit_length(_embed(model, torch.from_numpy(pixels)))

    return describe_pictures(paths, prepare, describe, batch=_BATCH)


def _embed(model: nn.Module, pixels: Tensor) -> NDArray[np.float32]:
    pixels = pixels.to(next(model.parameters()).device)
    common_space: Callable[..., Tensor] | None = getattr(model, "get_image_features", None)
    with torch.inference_mode():
        if common_space is not None:
            vectors = common_space(pixel_values=pixels)
        else:
            hidden: Tensor = model(pixel_values=pixels).last_hidden_state
            vectors = hidden.mean((2, 3)) if hidden.ndim == 4 else hidden.mean(1)
    found: NDArray[np.float32] = vectors.float().cpu().numpy()
    return found
