"""A low-rank adapter on q and v, and its merging.

Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022, https://arxiv.org/abs/2106.09685.
The library, peft, takes and returns models of transformers; neither has types.
"""

from typing import Any

import torch

from edge_runtime.errors import RunError


def add_lora(model: Any, rank: int) -> Any:  # noqa: ANN401
    """Return the model with its weights frozen and a fresh adapter beside each q and v."""
    from peft import LoraConfig, get_peft_model

    lora = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    return get_peft_model(model, lora)


def merge(tuned: Any) -> Any:  # noqa: ANN401
    """Return the model with its adapter merged, each matrix rounded to float16 as the GGUF file will hold it.

    Raises:
        RunError: a weight leaves the range of float16.
    """
    merged = tuned.merge_and_unload()
    with torch.no_grad():
        for name, value in merged.named_parameters():
            if not bool(torch.isfinite(value.half()).all()):
                raise RunError(f"the weight {name} left float16's range; train with a lower learning rate")
            if value.dim() > 1:
                value.copy_(value.half().to(value.dtype))
    return merged.eval()
