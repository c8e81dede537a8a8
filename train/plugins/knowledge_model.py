"""What a frozen model said of every item's text, one token an item; where that model is at hand, it may learn.

Two sources, one interface: cached features alone, or cached hidden states of a Hugging Face transformer with a LoRA
beside its q and v (Hu et al., ICLR 2022, https://arxiv.org/abs/2106.09685), of which a few a step are computed anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.items.blocks import Things
from train.items.features import Features
from train.items.pretrained import load, load_model, model_folder
from train.items.pretrained_text import minilm_folder
from train.reasons.lora import add_lora
from train.reasons.pretrained import hushed

RANK: Final = 8
DROPOUT: Final = 0.05
LONGEST: Final = 48
"""Tokens of a text that are read: what tells items apart stands at the beginning."""
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

        Raises:
            ValueError: there is no language model.
        """
        if self._texts is None:
            raise ValueError("cached features cannot be read again: no language model was given")
        fresh = self._texts.hidden_states(rows.tolist(), self.states.device, tuning=True)
        self.states[rows] = fresh.detach()
        return fresh


def cached_knowledge(features: Features) -> ItemKnowledge:
    """Return frozen features as knowledge; of several tokens an item the mean of those that are there."""
    vectors, present = torch.from_numpy(features.vectors).float(), torch.from_numpy(features.present)
    n_tokens = present.sum(1, keepdim=True).clamp(min=1)
    return ItemKnowledge((vectors * present[:, :, None]).sum(1) / n_tokens, present.any(1))


def tunable_knowledge(source: str, texts: Things[str]) -> ItemKnowledge:
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
    return ItemKnowledge(_all_states(tunable), torch.ones(len(texts)), tunable)


@torch.no_grad()
def _all_states(texts: TunableTexts) -> Tensor:
    by_length = sorted(range(len(texts.tokens)), key=lambda row: len(texts.tokens[row]))
    parts = [texts.hidden_states(rows, torch.device("cpu"), tuning=False) for rows in _batches(by_length)]
    in_order = torch.cat(parts)
    return torch.empty_like(in_order).index_copy(0, torch.tensor(by_length), in_order)


def _batches(rows: Sequence[int]) -> Iterator[Sequence[int]]:
    return (rows[start : start + _BATCH_TEXTS] for start in range(0, len(rows), _BATCH_TEXTS))


def _folder(source: str) -> Path:
    if source != "minilm":
        return model_folder(source, "`minilm`")
    return minilm_folder()
