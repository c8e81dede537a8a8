"""Low-rank adapters of the query and value projections, and their merging.

Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022, https://arxiv.org/abs/2106.09685.
Models are typed ``Any``, because peft and transformers have no types.
"""

from typing import Any, Final

import torch

from train.errors import RunError

QUERY_AND_VALUE: Final = (("q_proj", "v_proj"), ("query", "value"), ("q_lin", "v_lin"), ("q", "v"))
"""Names of the query and value projections in Llama and Qwen, BERT and RoBERTa, DistilBERT, T5 and MPNet."""


def add_lora(
    model: Any,  # noqa: ANN401
    rank: int,
    *,
    dropout: float = 0.0,
    task: str | None = "CAUSAL_LM",
    everywhere: bool = False,
) -> Any:  # noqa: ANN401
    """Freeze the weights of a model, and add a new adapter to each query and value projection.

    Args:
        model: model of transformers.
        rank: rank of the adapter.
        dropout: dropout of the adapter's input in training.
        task: task type of peft; None for a model of which only hidden states are used.
        everywhere: add it to all matrices of the blocks, to learn another task than the model's.

    Raises:
        RunError: the names of the projections are not among :data:`QUERY_AND_VALUE`.
    """
    from peft import LoraConfig, get_peft_model

    names = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    targets = next((list(pair) for pair in QUERY_AND_VALUE if names.issuperset(pair)), None)
    if targets is None:
        raise RunError(
            f"found no query and value projections in {type(model).__name__}; expected one of {QUERY_AND_VALUE}. "
            "Choose another language model."
        )
    chosen = "all-linear" if everywhere else targets
    lora = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=dropout, target_modules=chosen, task_type=task)
    return get_peft_model(model, lora)


def merge(tuned: Any) -> Any:  # noqa: ANN401
    """Merge the adapter into the model, and round matrices to float16, the precision of the GGUF file.

    Raises:
        RunError: a weight is out of the range of float16.
    """
    merged = tuned.merge_and_unload()
    with torch.no_grad():
        for name, value in merged.named_parameters():
            if not bool(torch.isfinite(value.half()).all()):
                raise RunError(f"the weight {name} is out of the range of float16; train with a lower learning rate")
            if value.dim() > 1:
                value.copy_(value.half().to(value.dtype))
    return merged.eval()
