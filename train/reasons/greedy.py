"""Evaluates the reason writer with greedy decoding, without the grammar that devices use."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import torch

from train.reasons.corpus import Example

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_MAX_NEW_TOKENS: Final = 96


@torch.inference_mode()
def allowed_share(
    model: Any,  # noqa: ANN401 - transformers has no types
    tokenizer: "Tokenizer",
    end: int,
    examples: Sequence[Example],
    context: int,
) -> float | None:
    """Return the share of examples for which greedy decoding gives an allowed sentence.

    None if no prompt leaves enough room in the context for a reason.
    """
    prompts = [tokenizer.encode(example.prompt).ids for example in examples]
    fitting = [index for index, prompt in enumerate(prompts) if len(prompt) + _MAX_NEW_TOKENS <= context]
    if not fitting:
        return None
    length = max(len(prompts[index]) for index in fitting)
    tokens = torch.full((len(fitting), length), end)
    mask = torch.zeros_like(tokens)
    for row, index in enumerate(fitting):
        tokens[row, length - len(prompts[index]) :] = torch.tensor(prompts[index])
        mask[row, length - len(prompts[index]) :] = 1
    written = model.generate(
        input_ids=tokens,
        attention_mask=mask,
        max_new_tokens=_MAX_NEW_TOKENS,
        do_sample=False,
        eos_token_id=end,
        pad_token_id=end,
    )
    texts = tokenizer.decode_batch(written[:, length:].tolist())  # omits the end of text
    return sum(text in examples[index].allowed for text, index in zip(texts, fitting, strict=True)) / len(fitting)
