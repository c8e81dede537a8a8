from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.train.items.tiny_catalogue import draw, encode
from tests.train.items.tiny_models import make_bert, make_clip, make_vit
from train.errors import DataError
from train.items.extractors import image_extractor


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    return [draw(tmp_path / "red.png", "red"), draw(tmp_path / "blue.png", "blue", (20, 50))]


def test_a_picture_is_the_mean_of_its_patches(tmp_path: Path, pictures: list[Path]) -> None:
    from transformers import ViTImageProcessor, ViTModel

    folder = make_vit(tmp_path / "vit")

    result = encode(image_extractor(str(folder)), pictures)

    processor, model = ViTImageProcessor.from_pretrained(folder), ViTModel.from_pretrained(folder)
    for which, path in enumerate(pictures):
        with torch.inference_mode():
            pixels = processor(images=Image.open(path), return_tensors="pt")["pixel_values"]
            mean = model.eval()(pixels).last_hidden_state[0].mean(0).numpy()
        np.testing.assert_allclose(result[which], mean / np.linalg.norm(mean), atol=1e-5)


def test_a_model_of_pictures_and_texts_uses_the_common_space(tmp_path: Path, pictures: list[Path]) -> None:
    result = encode(image_extractor(str(make_clip(tmp_path / "clip"))), pictures)

    assert len(result[0]) == 6
    assert np.linalg.norm(result[0]) == pytest.approx(1, abs=1e-5)
    assert not np.allclose(result[0], result[1])


def test_a_text_model_is_refused(tmp_path: Path, pictures: list[Path]) -> None:
    folder = make_bert(tmp_path / "bert")

    with pytest.raises(DataError, match="transformers cannot load it"):
        encode(image_extractor(str(folder)), pictures)
