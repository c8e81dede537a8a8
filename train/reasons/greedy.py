"""How well the writer does without a grammar: a measure of the model, not what the device runs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import torch

from train.reasons.corpus import Example

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_LONGEST: Final = 96


@torch.inference_mode()
def share_of_allowed(
    model: Any,  # noqa: ANN401 - transformers has no types
    tokenizer: "Tokenizer",
    end: int,
    examples: Sequence[Example],
    context: int,
) -> float | None:
    """Return the share of the examples for which the likeliest text, token by token, is an allowed sentence.

    None where every prompt leaves less room than the longest reason needs.
    """
    prompts = [tokenizer.encode(example.prompt).ids for example in examples]
    fitting = [index for index, prompt in enumerate(prompts) if len(prompt) + _LONGEST <= context]
    if not fitting:
        return None
    length = max(len(prompts[index]) for index in fitting)
    tokens = torch.full((len(fitting), length), end)
    mask = torch.zeros_like(tokens)
    for place, index in enumerate(fitting):
        tokens[place, length - len(prompts[index]) :] = torch.tensor(prompts[index])
        mask[place, length - len(prompts[index]) :] = 1
    written = model.generate(
        input_ids=tokens,
        attention_mask=mask,
        max_new_tokens=_LONGEST,
        do_sample=False,
        eos_token_id=end,
        pad_token_id=end,
    )
    texts = tokenizer.decode_batch(written[:, length:].tolist())  # leaves out the end of text
    return sum(text in examples[index].allowed for text, index in zip(texts, fitting, strict=True)) / len(fitting)
