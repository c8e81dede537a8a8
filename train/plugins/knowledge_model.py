"""What a frozen model said of every item's text, one token an item; where that model is at hand, it may learn.

Two sources, one interface: cached features alone, or cached hidden states of a Hugging Face transformer with a LoRA
beside its q and v (Hu et al., ICLR 2022, https://arxiv.org/abs/2106.09685). What is cached is always what the language
model says without dropout. While the LoRA learns the cache is older than it: of some texts by steps, of none by more
than ``REFRESH_EPOCHS`` epochs; afterwards :meth:`ItemKnowledge.refresh_all` makes all of it anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.hushed import hushed
from train.items.blocks import Inputs
from train.items.features import Features
from train.items.pretrained import load, load_model, model_folder
from train.items.pretrained_text import minilm_folder
from train.reasons.lora import add_lora

RANK: Final = 8
DROPOUT: Final = 0.05
LONGEST: Final = 48
"""Tokens of a text that are read: what tells items apart stands at the beginning."""
REFRESH_EPOCHS: Final = 8
"""Before each epoch one text of so many is read anew. All of them, each time, would cost more than the epoch itself on
a CPU."""
_BATCH_TEXTS = 64


@dataclass(frozen=True, slots=True, eq=False)
class TunableTexts:
    """Items' texts and a language model with a LoRA that reads them.

    Attributes:
        model: of transformers and peft; everything but the LoRA is frozen.
        tokens: token numbers of each item's text, at least one each.
        padding: the number of the padding token.
    """

    model: Any
    tokens: Sequence[Sequence[int]]
    padding: int

    def parameters(self) -> list[nn.Parameter]:
        """Return the LoRA's."""
        return [parameter for parameter in self.model.parameters() if parameter.requires_grad]

    def hidden_states(self, items: Sequence[int], device: torch.device, *, tuning: bool) -> Tensor:
        """Return the mean of each text's last hidden states, ``[n, width]``.

        Args:
            items: catalogue rows.
            device: where the model is to work.
            tuning: drop out of the LoRA; the frozen model itself never drops anything.
        """
        self.model.to(device).eval()
        for name, part in self.model.named_modules():
            if name.rpartition(".")[0].endswith("lora_dropout"):
                part.train(tuning)
        longest = max(len(self.tokens[item]) for item in items)
        padded = torch.full((len(items), longest), self.padding)
        mask = torch.zeros(len(items), longest, dtype=torch.int64)
        for index, item in enumerate(items):
            length = len(self.tokens[item])
            padded[index, :length] = torch.tensor(self.tokens[item])
            mask[index, :length] = 1
        padded, mask = padded.to(device), mask.to(device)
        hidden: Tensor = self.model(input_ids=padded, attention_mask=mask).last_hidden_state
        weights = mask[:, :, None].to(hidden.dtype)
        return (hidden * weights).sum(1) / weights.sum(1)

    @torch.no_grad()
    def all_states(self, items: Sequence[int], device: torch.device) -> Tensor:
        """Return :meth:`hidden_states` of any number of items but none, without dropout, ``[n, width]``."""
        by_length = sorted(range(len(items)), key=lambda place: len(self.tokens[items[place]]))
        batches = (by_length[start : start + _BATCH_TEXTS] for start in range(0, len(items), _BATCH_TEXTS))
        found = torch.cat(
            [self.hidden_states([items[place] for place in batch], device, tuning=False) for batch in batches]
        )
        return torch.empty_like(found).index_copy(0, torch.tensor(by_length, device=device), found)


class ItemKnowledge(nn.Module):
    """The cached states of all items, ``[n_items, width]``, and which items have one, ``[n_items]``.

    Where a language model learns, the states are saved with the model, and so is the LoRA; the frozen model is not.
    """

    states: Tensor
    present: Tensor

    def __init__(self, states: Tensor, present: Tensor, texts: TunableTexts | None = None) -> None:
        super().__init__()
        self.register_buffer("states", states, persistent=texts is not None)
        self.register_buffer("present", present.float(), persistent=False)
        self.lora = nn.ParameterList(texts.parameters() if texts is not None else [])
        self._texts = texts

    @property
    def can_learn(self) -> bool:
        """Whether there is a language model to fine-tune."""
        return self._texts is not None

    def look_up(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cached states ``[..., width]`` and 1 where there is one, else 0, ``[...]``."""
        return F.embedding(rows, self.states), self.present[rows]

    def read_again(self, rows: Tensor) -> Tensor:
        """Return the states of items ``[n]`` with gradients to the LoRA, ``[n, width]``, and cache them.

        What is returned went through dropout; what is cached did not, so that it depends on text and LoRA alone.

        Raises:
            ValueError: there is no language model.
        """
        self.refresh(sorted(set(rows.tolist())))
        return self._tunable().hidden_states(rows.tolist(), self.states.device, tuning=True)

    def refresh(self, items: Sequence[int]) -> None:
        """Cache what the language model, as it is now, says of items.

        Raises:
            ValueError: there is no language model.
        """
        texts = self._tunable()
        if items:
            self.states[list(items)] = texts.all_states(items, self.states.device)

    def refresh_share(self, epoch: int) -> None:
        """Cache anew the share of the items whose turn it is before an epoch, counted from 0."""
        self.refresh(range(epoch % REFRESH_EPOCHS, len(self.states), REFRESH_EPOCHS))

    def refresh_all(self) -> None:
        """Cache everything anew: states that are the language model's own, as it is now."""
        self.refresh(range(len(self.states)))

    def _tunable(self) -> TunableTexts:
        if self._texts is None:
            raise ValueError("cached features cannot be read again: no language model was given")
        return self._texts


def cached_knowledge(features: Features) -> ItemKnowledge:
    """Return frozen features as knowledge; of several tokens an item the mean of those that are there."""
    vectors, present = torch.from_numpy(features.vectors).float(), torch.from_numpy(features.present)
    n_tokens = present.sum(1, keepdim=True).clamp(min=1)
    return ItemKnowledge((vectors * present[:, :, None]).sum(1) / n_tokens, present.any(1))


def tunable_knowledge(source: str, texts: Inputs[str]) -> ItemKnowledge:
    """Return the hidden states of a Hugging Face id or folder for every text, each computed once, and its fresh LoRA.

    The LoRA is drawn from torch's global generator; it starts as no change at all.

    Raises:
        DataError: the model cannot be loaded.
        RunError: it has no q and v to tune.
    """
    from transformers import AutoTokenizer

    with hushed():
        folder = _folder(source)
        model: Any = load_model(folder)
        tokenizer = load(AutoTokenizer, folder)
        reader = model.get_encoder() if getattr(model.config, "is_encoder_decoder", False) else model
        tuned = add_lora(reader, RANK, dropout=DROPOUT, task=None)
    tokens = [tokenizer(texts[row], truncation=True, max_length=LONGEST)["input_ids"] for row in range(len(texts))]
    padding = int(tokenizer.pad_token_id or 0)
    tunable = TunableTexts(tuned, [found or [padding] for found in tokens], padding)
    states = tunable.all_states(range(len(texts)), torch.device("cpu"))
    return ItemKnowledge(states, torch.ones(len(texts)), tunable)


def _folder(source: str) -> Path:
    if source != "minilm":
        return model_folder(source, "`minilm`")
    return minilm_folder()
