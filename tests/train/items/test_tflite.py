from pathlib import Path

import numpy as np
import pytest

from tests.train.items.tiny_catalogue import draw, encode
from tests.train.items.tiny_models import make_tflite
from train.errors import DataError
from train.items.extractors import image_extractor

# The picture's colour, (255, 128, 64), in each input type, and the dequantized output.
QuantizED = [
    pytest.param("float32", 0.0, 0, np.asarray([255, 128, 64]) / 127.5 - 1, id="float32"),
    pytest.param("uint8", 0.5, 100, 0.5 * (np.asarray([255, 128, 64]) - 100), id="uint8"),
    pytest.param("int8", 0.5, -28, 0.5 * (np.asarray([255, 128, 64]) - 128 + 28), id="int8"),
]


@pytest.mark.parametrize(("kind", "scale", "zero", "expected"), QuantizED)
def test_pixels_are_converted_to_the_input_type_and_outputs_are_dequantized_at_unit_length(
    tmp_path: Path, kind: str, scale: float, zero: int, expected: np.ndarray
) -> None:
    model = make_tflite(tmp_path / "mean.tflite", kind, scale=scale, zero=zero)
    picture = draw(tmp_path / "picture.png", "#ff8040", (9, 5))

    result = encode(image_extractor(str(model)), [picture])

    np.testing.assert_allclose(result[0], expected / np.linalg.norm(expected), atol=1e-2)


def test_another_file_with_the_same_name_has_another_extractor_name(tmp_path: Path) -> None:
    first = image_extractor(str(make_tflite(tmp_path / "mean.tflite", "float32"))).name
    second = image_extractor(str(make_tflite(tmp_path / "mean.tflite", "uint8", scale=0.5))).name

    assert first != second
    assert str(tmp_path) not in first


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.tflite").write_bytes(b"TFL3" * 50)

    with pytest.raises(DataError, match="LiteRT cannot open it"):
        encode(image_extractor(str(tmp_path / "broken.tflite")), [])


def test_a_model_with_another_input_is_refused(tmp_path: Path) -> None:
    model = make_tflite(tmp_path / "grey.tflite", "float32", shape=(1, 4, 4, 1))

    with pytest.raises(DataError, match=r"\[1, 4, 4, 1\]"):
        encode(image_extractor(str(model)), [])


def test_a_missing_file_is_refused() -> None:
    with pytest.raises(DataError, match="TFLite file"):
        image_extractor("no-such-model.tflite")
