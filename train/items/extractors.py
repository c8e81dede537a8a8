"""Selection of the text and image extractors, and the inputs of plug-ins."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from train.data.dataset import Catalogue
from train.data.sequences import Sequences
from train.errors import RunError
from train.items.blocks import Extractor, one_each
from train.items.colour import colour
from train.items.computing import features_of
from train.items.digests import file_digests, text_digests
from train.items.features import Features, PluginInputs
from train.items.hashed_text import hashed_text
from train.items.language import encodes_independently
from train.items.pretrained_image import pretrained_image
from train.items.pretrained_text import minilm, pretrained_text
from train.items.reading import read_texts
from train.items.text import ItemTexts
from train.items.tflite import tflite_image
from train.items.video import frames


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractorConfig:
    """Names of the extractors; part of a run's configuration.

    Attributes:
        text: ``hashed``, ``minilm``, or a Hugging Face id or folder.
        image: ``colour``, a TFLite file, or a Hugging Face id or folder; also used for the frames of videos.
        fitted_items: number of items, from the front, that text features with statistics of the catalogue are fitted
            to; all if None.
    """

    text: str = "hashed"
    image: str = "colour"
    fitted_items: int | None = None


def plugin_inputs(
    catalogue: Catalogue, train: Sequences, config: ExtractorConfig, *, dim: int, seed: int, cache_dir: Path | None
) -> PluginInputs:
    """Return the inputs of plug-ins and backbones; features are computed on first use.

    Args:
        catalogue: the items.
        train: the training events.
        config: names of the extractors.
        dim: width of item vectors and states.
        seed: random seed of initial values.
        cache_dir: folder of the feature cache; None disables it.
    """

    @cache
    def text() -> Features:
        texts = ItemTexts(catalogue)
        layout = one_each(range(len(texts)), len(catalogue))
        return features_of(
            text_extractor(config.text, config.fitted_items), texts, layout, lambda: text_digests(texts), cache_dir
        )

    @cache
    def image() -> Features:
        rows_and_paths = [(row, path) for row, path in enumerate(catalogue.images) if path is not None]
        paths = [path for _, path in rows_and_paths]
        layout = one_each([row for row, _ in rows_and_paths], len(catalogue))
        return features_of(image_extractor(config.image), paths, layout, lambda: file_digests(paths), cache_dir)

    @cache
    def video() -> Features:
        paths, layout = frames(catalogue)
        return features_of(image_extractor(config.image), paths, layout, lambda: file_digests(paths), cache_dir)

    def read(texts: Sequence[str]) -> NDArray[np.float32]:
        extractor = text_extractor(config.text, config.fitted_items)
        if not encodes_independently(extractor, ItemTexts(catalogue), text()):
            raise RunError(
                f"the text extractor {config.text!r} is fitted to the texts of the items; to read histories as text, "
                "expected a language model: --text minilm, or a Hugging Face id or folder."
            )
        return read_texts(extractor, texts, cache_dir)

    return PluginInputs(catalogue, train, dim, seed, text, image, video, read)


def text_extractor(name: str, fitted_items: int | None = None) -> Extractor[str]:
    """Return the text extractor for values of ``ExtractorConfig.text`` and ``fitted_items``.

    Raises:
        DataError: there is no such extractor.
    """
    match name:
        case "hashed":
            return hashed_text(fitted_items=fitted_items)
        case "minilm":
            return minilm()
        case _:
            return pretrained_text(name)


def image_extractor(name: str) -> Extractor[Path]:
    """Return the image extractor for a value of ``ExtractorConfig.image``.

    Raises:
        DataError: there is no such extractor.
    """
    match name:
        case "colour":
            return colour()
        case _ if name.endswith(".tflite"):
            return tflite_image(Path(name))
        case _:
            return pretrained_image(name)
