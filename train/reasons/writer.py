"""The reason writer: a small language model that expresses true facts in a sentence.

It is first trained on the corpus as text, then on the reasons with a LoRA, which is merged and also saved separately.
A second LoRA, for texts about a list, is trained on the merged model and stays an adapter. A third one, if wanted,
decides what a sentence of a conversation asks for; the text of the first stage then has such sentences as well.
On devices a grammar only allows true sentences, so that a small model is enough.
"""

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from edge_runtime.bundle.items import Items
from edge_runtime.files import replacing
from train.data.dataset import Dataset
from train.data.published import published_items, published_popularity
from train.errors import RunError
from train.loop.runs import RunFolder
from train.quiet_transformers import quiet_transformers
from train.reasons import pretrained
from train.reasons.batches import PromptedText, TokenizedExample, encode, encode_said
from train.reasons.corpus import make_corpus
from train.reasons.greedy import allowed_share
from train.reasons.list_corpus import make_list_corpus
from train.reasons.lora import add_lora, merge
from train.reasons.said_corpus import make_said_corpus
from train.reasons.tokenizer import END, train_tokenizer
from train.reasons.tuning import Stage, tune

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MODEL_FOLDER: Final = "model"
ADAPTER_FOLDER: Final = "adapter"
LIST_ADAPTER_FOLDER: Final = "list_adapter"
SAID_ADAPTER_FOLDER: Final = "said_adapter"
SAID_STEPS: Final = 600
"""Steps on sentences of a conversation, where the model is to parse them."""

_BASE: Final = "base.safetensors"
_N_CHECKED: Final = 32
_TOKENIZER_TEXTS: Final = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterConfig:
    """Hyperparameters of the reason writer.

    Attributes:
        n_examples: number of examples of the corpus.
        vocabulary_size: number of tokens of the tokenizer.
        dim: width of the model; a multiple of 256, the block size of K-quants.
        n_layers: number of layers.
        context: maximum length of prompt and reason, in tokens.
        n_steps: number of steps on the corpus as text; 0 for a pretrained model.
        n_lora_steps: number of steps on the reasons.
        n_list_steps: number of steps on list texts, of an adapter of the merged model; 0 for no such adapter.
        n_said_steps: number of steps on sentences of a conversation, of another adapter; 0 for no such adapter.
        said_rank: rank of that adapter, which is on all matrices.
        batch_size: number of examples per step.
        learning_rate: peak learning rate of both stages.
        rank: rank of the LoRA.
        save_every: number of steps between two checkpoints.
        seed: random seed.
    """

    n_examples: int = 3200
    vocabulary_size: int = 1024
    dim: int = 256
    n_layers: int = 2
    context: int = 1024
    n_steps: int = 400
    n_lora_steps: int = 40
    n_list_steps: int = 30
    n_said_steps: int = 0
    said_rank: int = 32
    batch_size: int = 8
    learning_rate: float = 3e-3
    rank: int = 8
    save_every: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        if self.dim % 256:
            raise ValueError(f"dim must be a multiple of 256, got {self.dim}")
        if (
            min(self.n_examples, self.batch_size, self.n_lora_steps, self.rank, self.said_rank) < 1
            or min(self.n_steps, self.n_list_steps, self.n_said_steps) < 0
        ):
            raise ValueError("n_examples, batch_size, n_lora_steps and the ranks must be at least 1")


def train_writer(
    dataset: Dataset, out: Path, config: WriterConfig, *, language_model: str | None = None, shown: bool = True
) -> Path:
    """Train a writer for a catalogue, and return the Hugging Face folder of the merged model.

    Resumes an interrupted run with the same settings; returns immediately if it is finished.

    Args:
        dataset: data set, of which only the catalogue and the popularity of items are used.
        out: folder for ``model/`` (merged), ``adapter/`` (the LoRA), ``list_adapter/`` and
            ``said_adapter/`` (for the merged model), ``run.json`` and ``metrics.json``.
        config: hyperparameters.
        language_model: Hugging Face id or folder of a model to fine-tune instead of a new model.
        shown: print progress to stderr.

    Raises:
        RunError: ``out`` has a run with other settings, or ``language_model`` cannot be used.
    """
    run = RunFolder(out)
    about = {"what": "writer", "config": dataclasses.asdict(config), "data": dataset.digest, "base": language_model}
    if run.claim(about, resume=True):
        return out / MODEL_FOLDER
    started = time.monotonic()
    with quiet_transformers(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        figures = _train(dataset, run, config, language_model, shown=shown)
    run.finish(figures | {"seconds": round(time.monotonic() - started, 2)})
    (out / _BASE).unlink(missing_ok=True)
    return out / MODEL_FOLDER


def _train(
    dataset: Dataset, run: RunFolder, config: WriterConfig, language_model: str | None, *, shown: bool
) -> dict[str, Any]:
    items, popularity = published_items(dataset.catalogue), published_popularity(dataset)
    corpus = list(make_corpus(items, popularity, config.n_examples, config.seed))
    said = list(make_said_corpus(items, popularity, config.n_said_steps * config.batch_size, config.seed + 3))
    if language_model is None:
        model, tokenizer, end = _new_model(items, [*corpus[:_TOKENIZER_TEXTS], *said[:_TOKENIZER_TEXTS]], config)
    else:
        model, tokenizer, end = pretrained.load(language_model)
    encoded = encode(corpus, tokenizer, end, config.context)
    encoded_said = encode_said(said, tokenizer, end, config.context)
    if not encoded:
        raise RunError(f"every example is longer than the context of {config.context} tokens; choose a longer context")
    text_losses: list[float] = []
    if language_model is None:
        text_losses = _text_stage(model, [*encoded, *encoded_said], config, run, shown=shown)
    tuned = add_lora(model, config.rank)
    stage = Stage(
        name="reasons", n_steps=config.n_lora_steps, batch_size=config.batch_size,
        learning_rate=config.learning_rate, reasons_only=True, seed=config.seed + 1,
    )  # fmt: skip
    losses = tune(tuned, encoded, stage, run, save_every=config.save_every, shown=shown)
    tuned.save_pretrained(run.path / ADAPTER_FOLDER)
    merged = merge(tuned)
    pretrained.save(merged, tokenizer, run.path / MODEL_FOLDER, language_model)
    greedy = _greedy(merged, tokenizer, end, items, popularity, config)
    n_parameters = sum(value.numel() for value in merged.parameters())
    list_losses = _list_stage(merged, tokenizer, end, items, popularity, config, run, shown=shown)
    said_losses = _said_stage(merged, encoded_said, config, run, shown=shown)
    return {
        "n_examples": len(encoded),
        "n_tokens": sum(len(example.tokens) for example in encoded),
        "n_parameters": n_parameters,
        "text_loss": _last(text_losses),
        "reason_loss": _last(losses),
        "list_loss": _last(list_losses),
        "said_loss": _last(said_losses),
        "greedy_allowed": greedy,
    }


def _new_model(items: Items, corpus: Sequence[PromptedText], config: WriterConfig) -> tuple[Any, "Tokenizer", int]:
    """Return an untrained model, its tokenizer and the id of the end-of-text token."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    texts = [example.prompt + example.reason for example in corpus]
    tokenizer = train_tokenizer([*texts, *items.title], config.vocabulary_size)
    end = tokenizer.token_to_id(END)
    shape = Qwen3Config(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=config.dim,
        intermediate_size=2 * config.dim,
        num_hidden_layers=config.n_layers,
        num_attention_heads=config.dim // 64,
        num_key_value_heads=max(1, config.dim // 128),
        head_dim=64,
        max_position_embeddings=config.context,
        tie_word_embeddings=True,
        eos_token_id=end,
        pad_token_id=end,
    )
    return Qwen3ForCausalLM(shape), tokenizer, end


def _text_stage(
    model: Any,  # noqa: ANN401 - transformers has no types
    encoded: list[TokenizedExample],
    config: WriterConfig,
    run: RunFolder,
    *,
    shown: bool,
) -> list[float]:
    """Train the whole model on the corpus, or load its weights if this stage is finished."""
    from safetensors.torch import load_file, save_file

    base = run.path / _BASE
    if base.is_file():
        model.load_state_dict(load_file(base), strict=False)  # the tied head is stored once
        return []
    stage = Stage(
        name="text", n_steps=config.n_steps + config.n_said_steps, batch_size=config.batch_size,
        learning_rate=config.learning_rate, reasons_only=False, seed=config.seed,
    )  # fmt: skip
    losses = tune(model, encoded, stage, run, save_every=config.save_every, shown=shown)
    with replacing(base) as fresh:
        save_file({name: value.detach().contiguous() for name, value in model.named_parameters()}, fresh)
    return losses


def _list_stage(
    merged: Any,  # noqa: ANN401 - transformers has no types
    tokenizer: "Tokenizer",
    end: int,
    items: Items,
    popularity: NDArray[np.uint8],
    config: WriterConfig,
    run: RunFolder,
    *,
    shown: bool,
) -> list[float]:
    """Train and save the adapter of list texts; without any that fits into the context, there is none."""
    n_examples = config.n_list_steps * config.batch_size
    corpus = list(make_list_corpus(items, popularity, n_examples, config.seed + 2))
    encoded = encode(corpus, tokenizer, end, config.context)
    if not encoded:
        return []
    tuned = add_lora(merged, config.rank)
    stage = Stage(
        name="lists", n_steps=config.n_list_steps, batch_size=config.batch_size,
        learning_rate=config.learning_rate, reasons_only=True, seed=config.seed + 2,
    )  # fmt: skip
    losses = tune(tuned, encoded, stage, run, save_every=config.save_every, shown=shown)
    tuned.save_pretrained(run.path / LIST_ADAPTER_FOLDER)
    tuned.unload()
    return losses


def _said_stage(
    merged: Any,  # noqa: ANN401 - transformers has no types
    encoded: list[TokenizedExample],
    config: WriterConfig,
    run: RunFolder,
    *,
    shown: bool,
) -> list[float]:
    """Train and save the adapter that decides what a sentence asks for; without examples, there is none."""
    if not encoded:
        return []
    tuned = add_lora(merged, config.said_rank, everywhere=True)
    stage = Stage(
        name="said", n_steps=config.n_said_steps, batch_size=config.batch_size,
        learning_rate=config.learning_rate, reasons_only=True, seed=config.seed + 3,
    )  # fmt: skip
    losses = tune(tuned, encoded, stage, run, save_every=config.save_every, shown=shown)
    tuned.save_pretrained(run.path / SAID_ADAPTER_FOLDER)
    return losses


def _greedy(
    model: Any,  # noqa: ANN401 - transformers has no types
    tokenizer: "Tokenizer",
    end: int,
    items: Items,
    popularity: NDArray[np.uint8],
    config: WriterConfig,
) -> float | None:
    """Return the share of allowed sentences with greedy decoding, without a grammar."""
    unseen = list(make_corpus(items, popularity, _N_CHECKED, config.seed + 1_000_003))
    return allowed_share(model, tokenizer, end, unseen, config.context)


def _last(losses: list[float]) -> float | None:
    recent = losses[-20:]
    return round(sum(recent) / len(recent), 4) if recent else None
