"""Where models work: in one process, on the accelerator that it has, or on the processor where there is none."""

import torch
from accelerate import PartialState
from accelerate.utils import get_int_from_env

from train.errors import RunError

# By each of these a launcher tells Accelerate how many processes it has started.
_N_PROCESSES = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")


def require_one_process() -> None:
    """Check that no launcher has started this process as one of several (ADR 0025).

    Raises:
        RunError: it has.
    """
    n_processes = max(int(get_int_from_env([name], 1)) for name in _N_PROCESSES)
    if n_processes > 1:
        raise RunError(
            f"{n_processes} processes were started to work together (by `accelerate launch`, `torchrun` or `mpirun`); "
            "expected one, because losses compare the users of a whole batch. Run the command by itself: it takes the "
            "accelerator that it finds, and CUDA_VISIBLE_DEVICES chooses among several."
        )


def best_device() -> torch.device:
    """Return the device that Hugging Face Accelerate gives this process.

    Raises:
        RunError: it is one of several.
    """
    require_one_process()
    device: torch.device = PartialState().device
    return device


def device_name() -> str:
    """Return what a person calls that device, such as ``NVIDIA H200`` or ``CPU, 2 threads``."""
    device = best_device()
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    n_threads = torch.get_num_threads()
    return f"CPU, {n_threads} thread{'s' * (n_threads > 1)}" if device.type == "cpu" else device.type.upper()
