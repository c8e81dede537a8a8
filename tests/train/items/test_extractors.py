from pathlib import Path

import numpy as np
import pytest

from tests.train.items.tiny_catalogue import draw, make_catalogue, no_events
from train.data.dataset import Catalogue
from train.errors import DataError
from train.items.extractors import ExtractorConfig, image_extractor, plugin_inputs, text_extractor
from train.items.features import PluginInputs


def inputs(catalogue: Catalogue, *, text: str = "hashed", image: str = "colour") -> PluginInputs:
    config = ExtractorConfig(text=text, image=image)
    return plugin_inputs(catalogue, no_events(), config, dim=4, seed=0, cache_dir=None)


def test_all_items_have_a_text_and_only_some_a_picture(tmp_path: Path) -> None:
    catalogue = make_catalogue(["Red", "Blue", "None"], images=[draw(tmp_path / "r.png", "red"), None, None])

    text, image = inputs(catalogue).text(), inputs(catalogue).image()

    assert text.present.tolist() == [[True]] * 3
    assert image.present.tolist() == [[True], [False], [False]]
    assert not image.vectors[1:].any()


def test_a_catalogue_without_pictures_has_absent_features_of_the_right_width() -> None:
    features = inputs(make_catalogue(["One", "Two"])).image()

    assert features.vectors.shape == (2, 1, 105)
    assert not features.present.any()


def test_features_are_computed_once_on_first_use(tmp_path: Path) -> None:
    path = draw(tmp_path / "item.png", "red")
    asked = inputs(make_catalogue(["Item"], images=[path]))
    never = inputs(make_catalogue(["Item"]), image="no/such/extractor/at all")

    first = asked.image()
    path.unlink()

    assert asked.image() is first
    assert never.text().present.all()


@pytest.mark.parametrize("name", ["./no-such-folder", "hashed text", "a/b/c"])
def test_an_unknown_text_extractor_is_refused_with_the_choices(name: str) -> None:
    with pytest.raises(DataError, match=r"hashed.*minilm.*folder.*Hugging Face id") as raised:
        text_extractor(name)

    assert repr(name) in str(raised.value)


@pytest.mark.parametrize("name", ["./no-such-folder", "mosaic style", "a/b/c"])
def test_an_unknown_image_extractor_is_refused_with_the_choices(name: str) -> None:
    with pytest.raises(DataError, match=r"colour.*\.tflite.*folder.*Hugging Face id"):
        image_extractor(name)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"config\.json"):
        text_extractor(str(tmp_path))


def test_features_do_not_depend_on_seed_or_events() -> None:
    catalogue = make_catalogue(["Rose soap", "Mint soap"])

    first = plugin_inputs(catalogue, no_events(), ExtractorConfig(), dim=4, seed=0, cache_dir=None).text()
    second = plugin_inputs(catalogue, no_events(), ExtractorConfig(), dim=8, seed=1, cache_dir=None).text()

    np.testing.assert_array_equal(first.vectors, second.vectors)
