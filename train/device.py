"""Where models work: the accelerator that training uses, or the processor where there is none."""

import torch
from accelerate import PartialState


def best_device() -> torch.device:
    """Return the device that Hugging Face Accelerate gives this process."""
    device: torch.device = PartialState().device
    return device


def device_name() -> str:
    """Return what a person calls that device, such as ``NVIDIA H200`` or ``CPU, 2 threads``."""
    device = best_device()
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    n_threads = torch.get_num_threads()
    return f"CPU, {n_threads} thread{'s' * (n_threads > 1)}" if device.type == "cpu" else device.type.upper()
