"""A language model's output for every item's text, one vector for each item, with optional fine-tuning.

There are two sources with one interface: cached features, or cached hidden states of a Hugging Face transformer with a
LoRA on its q and v projections (Hu et al., ICLR 2022, https://arxiv.org/abs/2106.09685). The cache holds the model's
output without dropout. During fine-tuning a cached state lags behind the LoRA: by a few steps for some texts, and by at
most ``REFRESH_EPOCHS`` epochs; afterwards :meth:`ItemKnowledge.refresh_all` recomputes all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.items.blocks import Inputs
from train.items.features import Features
from train.items.pretrained import load, load_model, model_folder
from train.items.pretrained_text import minilm_folder
from train.quiet_transformers import quiet_transformers
from train.reasons.lora import add_lora

RANK: Final = 8
DROPOUT: Final = 0.05
MAX_TOKENS: Final = 48
"""Maximum length of a text in tokens: what distinguishes items is at the beginning."""
REFRESH_EPOCHS: Final = 8
"""Before each epoch, one of this many texts is encoded again. Encoding all of them would take longer than the epoch
itself on a CPU."""
_BATCH_TEXTS = 64


@dataclass(frozen=True, slots=True, eq=False)
class TunableTexts:
    """Items' texts, and a language model with a LoRA that encodes them.

    Attributes:
        model: a model of transformers and peft; all parameters but those of the LoRA are frozen.
        tokens: token ids of each item's text, at least one each.
        padding: id of the padding token.
    """

    model: Any
    tokens: Sequence[Sequence[int]]
    padding: int

    def parameters(self) -> list[nn.Parameter]:
        """Return the parameters of the LoRA."""
        return [parameter for parameter in self.model.parameters() if parameter.requires_grad]

    def hidden_states(self, items: Sequence[int], device: torch.device, *, tuning: bool) -> Tensor:
        """Return the mean of each text's last hidden states, ``[n, width]``.

        Args:
            items: catalogue rows.
            device: where to run the model.
            tuning: whether to apply the LoRA's dropout; the frozen model itself always runs without dropout.
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
    def encode_all(self, items: Sequence[int], device: torch.device) -> Tensor:
        """Return :meth:`hidden_states` in batches, without dropout, ``[n, width]``; at least one item."""
        by_length = sorted(range(len(items)), key=lambda index: len(self.tokens[items[index]]))
        batches = (by_length[start : start + _BATCH_TEXTS] for start in range(0, len(items), _BATCH_TEXTS))
        states = torch.cat(
            [self.hidden_states([items[index] for index in batch], device, tuning=False) for batch in batches]
        )
        return torch.empty_like(states).index_copy(0, torch.tensor(by_length, device=device), states)


class ItemKnowledge(nn.Module):
    """Cached states of all items, ``[n_items, width]``, and which items have one, ``[n_items]``.

    When a language model is fine-tuned, the states and the LoRA are saved with the model; the frozen weights are not.
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
        """Return the cached states ``[..., width]``, and 1 where an item has one, else 0, ``[...]``."""
        return F.embedding(rows, self.states), self.present[rows]

    def encode_for_tuning(self, rows: Tensor) -> Tensor:
        """Encode items ``[n]`` with gradients to the LoRA, ``[n, width]``, and update their cached states.

        The result is computed with dropout; the cached states are not, so that they depend on text and LoRA only.

        Raises:
            ValueError: there is no language model.
        """
        self.refresh(sorted(set(rows.tolist())))
        return self._tunable().hidden_states(rows.tolist(), self.states.device, tuning=True)

    def refresh(self, items: Sequence[int]) -> None:
        """Recompute the cached states of items with the current language model.

        Raises:
            ValueError: there is no language model.
        """
        texts = self._tunable()
        if items:
            self.states[list(items)] = texts.encode_all(items, self.states.device)

    def refresh_share(self, epoch: int) -> None:
        """Recompute the share of the items that is due before an epoch, counted from 0."""
        self.refresh(range(epoch % REFRESH_EPOCHS, len(self.states), REFRESH_EPOCHS))

    def refresh_all(self) -> None:
        """Recompute the cached states of all items with the current language model."""
        self.refresh(range(len(self.states)))

    def _tunable(self) -> TunableTexts:
        if self._texts is None:
            raise ValueError("cached features cannot be recomputed: no language model was given")
        return self._texts


def cached_knowledge(features: Features) -> ItemKnowledge:
    """Return frozen features as knowledge; for an item with several tokens, the mean over the tokens present."""
    vectors, present = torch.from_numpy(features.vectors).float(), torch.from_numpy(features.present)
    n_tokens = present.sum(1, keepdim=True).clamp(min=1)
    return ItemKnowledge((vectors * present[:, :, None]).sum(1) / n_tokens, present.any(1))


def tunable_knowledge(source: str, texts: Inputs[str]) -> ItemKnowledge:
    """Encode every text with a Hugging Face model (id or folder), and attach a new LoRA to that model.

    The LoRA is initialized from torch's global generator and at first changes nothing.

    Raises:
        DataError: the model cannot be loaded.
        RunError: it has no q and v projections to tune.
    """
    from transformers import AutoTokenizer

    with quiet_transformers():
        folder = _folder(source)
        model: Any = load_model(folder)
        tokenizer = load(AutoTokenizer, folder)
        reader = model.get_encoder() if getattr(model.config, "is_encoder_decoder", False) else model
        tuned = add_lora(reader, RANK, dropout=DROPOUT, task=None)
    tokens = [tokenizer(texts[row], truncation=True, max_length=MAX_TOKENS)["input_ids"] for row in range(len(texts))]
    padding = int(tokenizer.pad_token_id or 0)
    tunable = TunableTexts(tuned, [ids or [padding] for ids in tokens], padding)
    states = tunable.encode_all(range(len(texts)), torch.device("cpu"))
    return ItemKnowledge(states, torch.ones(len(texts)), tunable)


def _folder(source: str) -> Path:
    if source != "minilm":
        return model_folder(source, "`minilm`")
    return minilm_folder()
