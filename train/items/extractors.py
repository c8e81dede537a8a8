"""Which extractor describes texts, pictures and videos, and the material that plug-ins are made from."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from train.data.dataset import Catalogue
from train.data.sequences import Sequences
from train.items.blocks import Extractor, one_each
from train.items.colour import colour
from train.items.computing import features_of
from train.items.digests import file_digests, text_digests
from train.items.features import Features, PluginInputs
from train.items.hashed_text import hashed_text
from train.items.pretrained_image import pretrained_image
from train.items.pretrained_text import minilm, pretrained_text
from train.items.text import ItemTexts
from train.items.tflite import tflite_image
from train.items.video import frames


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractorConfig:
    """What describes items; part of a run's configuration.

    Attributes:
        text: ``hashed``, ``minilm``, or a Hugging Face id or folder.
        image: ``colour``, a TFLite file, or a Hugging Face id or folder; videos use it frame by frame.
    """

    text: str = "hashed"
    image: str = "colour"


def plugin_inputs(
    catalogue: Catalogue, train: Sequences, config: ExtractorConfig, *, dim: int, seed: int, cache_dir: Path | None
) -> PluginInputs:
    """Return what plug-ins and backbones are made from; features are computed when first asked for.

    Args:
        catalogue: the items.
        train: the events that may be learnt from.
        config: which extractors.
        dim: width of item vectors and states.
        seed: for what is drawn at construction.
        cache_dir: where computed features are kept; not kept where None.
    """

    @cache
    def text() -> Features:
        texts = ItemTexts(catalogue)
        places = one_each(range(len(texts)), len(catalogue))
        return features_of(text_extractor(config.text), texts, places, lambda: text_digests(texts), cache_dir)

    @cache
    def image() -> Features:
        with_image = [(row, path) for row, path in enumerate(catalogue.images) if path is not None]
        paths = [path for _, path in with_image]
        places = one_each([row for row, _ in with_image], len(catalogue))
        return features_of(image_extractor(config.image), paths, places, lambda: file_digests(paths), cache_dir)

    @cache
    def video() -> Features:
        paths, places = frames(catalogue)
        return features_of(image_extractor(config.image), paths, places, lambda: file_digests(paths), cache_dir)

    return PluginInputs(catalogue, train, dim, seed, text, image, video)


def text_extractor(name: str) -> Extractor[str]:
    """Return the extractor of texts that ``ExtractorConfig.text`` names.

    Raises:
        DataError: there is none.
    """
    match name:
        case "hashed":
            return hashed_text()
        case "minilm":
            return minilm()
        case _:
            return pretrained_text(name)


def image_extractor(name: str) -> Extractor[Path]:
    """Return the extractor of pictures that ``ExtractorConfig.image`` names.

    Raises:
        DataError: there is none.
    """
    match name:
        case "colour":
            return colour()
        case _ if name.endswith(".tflite"):
            return tflite_image(Path(name))
        case _:
            return pretrained_image(name)
