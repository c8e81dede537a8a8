"""A low-rank adapter on q and v, and its merging.

Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022, https://arxiv.org/abs/2106.09685.
The library, peft, takes and returns models of transformers; neither has types.
"""

from typing import Any, Final

import torch

from train.errors import RunError

QUERY_AND_VALUE: Final = (("q_proj", "v_proj"), ("query", "value"), ("q_lin", "v_lin"), ("q", "v"))
"""What q and v are called in Llama and Qwen, in BERT and RoBERTa, in DistilBERT, in T5 and MPNet."""


def add_lora(model: Any, rank: int, *, dropout: float = 0.0, task: str | None = "CAUSAL_LM") -> Any:  # noqa: ANN401
    """Return the model with its weights frozen and a fresh adapter beside each q and v.

    Args:
        model: of transformers.
        rank: of the adapter.
        dropout: of what goes into the adapter, in training.
        task: as peft calls it; None for a model whose hidden states are all that is wanted.

    Raises:
        RunError: the model calls its q and v by names that are not known here.
    """
    from peft import LoraConfig, get_peft_model

    names = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    targets = next((list(pair) for pair in QUERY_AND_VALUE if names.issuperset(pair)), None)
    if targets is None:
        raise RunError(
            f"found no q and v in a {type(model).__name__}; expected modules called one of {QUERY_AND_VALUE}. "
            "Choose another language model."
        )
    lora = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=dropout, target_modules=targets, task_type=task)
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
