"""A power cut at any write of an app loses no event that was acknowledged, and tears none."""

import random
import subprocess
import sys
from pathlib import Path

from edge_runtime.state.history import History
from tests.crash.recording import Recorder
from tests.crash.signed_device import cuts
from tests.tiny_bundle import make_tiny_bundle

N_EVENTS = 25
N_IMAGES = 60
OBSERVER = f"""
import sys
from pathlib import Path
from edge_runtime import Recommender
from tests.crash.recording import Recorder
recorder = Recorder(*map(Path, sys.argv[1:4]))
for start in range(0, {N_EVENTS}, 10):
    with Recommender.open(sys.argv[4], recorder.folder / "history.sqlite", language_model=False) as recommender:
        for number in range(start, min(start + 10, {N_EVENTS})):
            recommender.observe(f"item-{{number}}", "click")
            recorder.mark(str(number + 1))
"""


def test_acknowledged_events_survive_a_power_cut_at_any_write(tmp_path: Path) -> None:
    recorder = Recorder.over(tmp_path / "recorded", tmp_path)
    make_tiny_bundle(tmp_path / "bundle")
    words = map(str, ("-c", OBSERVER, recorder.folder, recorder.log, recorder.library, tmp_path / "bundle"))
    subprocess.run([sys.executable, *words], env=recorder.environment(), check=True, timeout=60)

    marked = set()
    for acknowledged, image in cuts(recorder, tmp_path / "images", N_IMAGES, random.Random(0)):
        found = []
        if (image / "history.sqlite").exists():
            with History.open(image / "history.sqlite") as history:
                found = [event.item_id for event in reversed(history.newest())]
        assert found == [f"item-{number}" for number in range(len(found))]
        assert acknowledged <= len(found) <= acknowledged + 1
        marked.add(acknowledged)

    assert {0, N_EVENTS} < marked
