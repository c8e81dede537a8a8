"""The TFLite file on tflite-runtime 2.14, the last version for old boards, in a separate environment (numpy 1)."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.bundle import open_folder
from edge_runtime.contents import open_contents
from edge_runtime.ranking import best_rows, score_all

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
PYTHON = CACHE / "pocketrec" / "old-board" / "bin" / "python"


@pytest.mark.slow
@pytest.mark.skipif(
    not PYTHON.exists(), reason="the environment of old boards is missing; build it with `make old-board-env`"
)
def test_an_old_board_ranks_the_golden_sequences_like_the_trained_model(bundles: Path, tmp_path: Path) -> None:
    contents = open_contents(open_folder(bundles / "laptop-x86_64"))
    sizes, golden, small = contents.folder.manifest.encoder, contents.golden, contents.small
    embeddings = np.zeros((len(golden.sequences), sizes.max_length, sizes.dim), dtype=np.float32)
    mask = np.zeros((len(golden.sequences), sizes.max_length), dtype=np.float32)
    for index, rows in enumerate(golden.sequences):
        embeddings[index, -len(rows) :] = contents.codes.decode(rows)
        mask[index, -len(rows) :] = 1.0
    np.savez(
        tmp_path / "cases.npz",
        embeddings=embeddings,
        mask=mask,
        prompts=small.prompts,
        knowledge=small.knowledge,
        adapter_a=small.adapter_a,
        adapter_b=small.adapter_b,
    )
    script, model = Path(__file__).with_name("old_board.py"), bundles / "laptop-x86_64" / "encoder.tflite"

    subprocess.run([PYTHON, script, model, tmp_path / "cases.npz", tmp_path / "states.npy"], check=True, timeout=120)

    states = np.load(tmp_path / "states.npy")
    assert np.abs(states - golden.states).max() < 2e-5
    for state, rows, top in zip(states, golden.sequences, golden.top_rows, strict=True):
        assert best_rows(score_all(contents.codes, state), 10, rows).tolist() == top[top >= 0].tolist()
