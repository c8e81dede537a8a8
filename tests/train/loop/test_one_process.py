"""If a launcher has started several processes, each of them exits with an error, and nothing is written."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tiny_shop import write_shop
from train.errors import RunError
from train.loop.batches import TrainingSequences
from train.loop.device import best_device, require_one_process
from train.loop.fit import FitConfig, fit
from train.loop.runs import RunFolder

LAUNCHERS = ["WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE"]


@pytest.mark.parametrize("variable", LAUNCHERS)
def test_one_of_several_processes_neither_claims_a_run_nor_gets_a_device(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "2")
    refused: list[Callable[[], object]] = [
        require_one_process, best_device, lambda: RunFolder(tmp_path / "run").claim({}, resume=True),
    ]  # fmt: skip

    for call in refused:
        with pytest.raises(RunError, match=r"2 processes were started .* Run the command without a launcher"):
            call()

    assert not (tmp_path / "run").exists()


def test_one_of_several_processes_does_not_fit_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    model = torch.nn.Linear(1, 1)
    sequences = TrainingSequences([np.arange(4, dtype=np.int32)], 8)

    with pytest.raises(RunError, match="2 processes"):
        fit(
            model, torch.optim.SGD(model.parameters()), sequences, lambda: 0.0, RunFolder(tmp_path), FitConfig(),
            title="x", advice="",
        )  # fmt: skip

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("variable", LAUNCHERS)
def test_a_launcher_with_one_process_is_allowed(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "1")

    require_one_process()


@pytest.mark.slow
def test_two_processes_of_a_launcher_exit_with_an_error_and_without_a_run(tmp_path: Path) -> None:
    write_shop(tmp_path / "shop")
    # What `accelerate launch` calls for several accelerators.
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    command = ["--module", "edge_runtime", "train", "--data", str(tmp_path / "shop"), "--out", str(tmp_path / "run")]
    environment = {name: value for name, value in os.environ.items() if name not in LAUNCHERS}

    done = subprocess.run(
        [*launcher, *command], capture_output=True, text=True, check=False, timeout=240, env=environment
    )

    said = " ".join(done.stderr.split())
    assert done.returncode != 0
    assert "2 processes were started" in said
    assert "Run the command without a launcher" in said
    assert not (tmp_path / "run").exists()
