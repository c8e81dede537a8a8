"""Loading a third-party model in a real process makes no connection, writes no file and logs nothing."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.train.items.tiny_models import make_bert, make_vit
from tests.watched import Watch

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "extractor", "things"),
    [
        (make_bert, "pretrained_text.pretrained_text", "['a rose', 'a tulip']"),
        (make_vit, "pretrained_image.pretrained_image", "[picture]"),
    ],
    ids=["text", "picture"],
)
def test_describing_items_by_a_model(make: Callable[[Path], Path], extractor: str, things: str, tmp_path: Path) -> None:
    make(tmp_path / "model")
    watch = Watch.over(tmp_path)
    script = f"""
import sys
sys.path.append({str(ROOT)!r})
from pathlib import Path
from PIL import Image
picture = Path({str(tmp_path / "p.png")!r})
Image.new("RGB", (8, 8), "red").save(picture)
from train.items import pretrained_image, pretrained_text
described = {extractor}({str(tmp_path / "model")!r}).encode({things})
print(described.width, [block for block in described.blocks])
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], env=watch.environment, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert watch.files() == set()
    assert watch.network() == set()
