"""Selects the device for models: an accelerator, or else the CPU, in a single process."""

import torch
from accelerate import PartialState
from accelerate.utils import get_int_from_env

from train.errors import RunError

# Environment variables in which launchers state the number of processes.
_N_PROCESSES = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")


def require_one_process() -> None:
    """Check that a launcher has not started several processes (ADR 0025).

    Raises:
        RunError: this process is one of several.
    """
    n_processes = max(int(get_int_from_env([name], 1)) for name in _N_PROCESSES)
    if n_processes > 1:
        raise RunError(
            f"{n_processes} processes were started (by `accelerate launch`, `torchrun` or `mpirun`); expected one, "
            "because losses compare the users of a whole batch. Run the command without a launcher: it uses one "
            "accelerator, which CUDA_VISIBLE_DEVICES can select."
        )


def best_device() -> torch.device:
    """Return the device that Hugging Face Accelerate gives this process.

    Raises:
        RunError: this process is one of several.
    """
    require_one_process()
    device: torch.device = PartialState().device
    return device


def device_name() -> str:
    """Return a readable name of that device, such as ``NVIDIA H200`` or ``CPU, 2 threads``."""
    device = best_device()
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    n_threads = torch.get_num_threads()
    return f"CPU, {n_threads} thread{'s' * (n_threads > 1)}" if device.type == "cpu" else device.type.upper()
