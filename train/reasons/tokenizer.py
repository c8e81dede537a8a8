"""The tokenizer of the reason writer: byte-level BPE with the pre-tokenizer of GPT-2, without a normalizer.

llama.cpp implements that pre-tokenizer as ``gpt-2``, so that devices tokenize as in training.
Source: Radford et al., "Language Models are Unsupervised Multitask Learners", 2019.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tokenizers import Tokenizer

END: Final = "<|endoftext|>"


def train_tokenizer(texts: Iterable[str], vocabulary_size: int) -> "Tokenizer":
    """Train a tokenizer.

    Args:
        texts: training texts.
        vocabulary_size: number of tokens, at least 257 for all bytes and the end of text.

    Raises:
        ValueError: the vocabulary is too small for all bytes.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    alphabet = pre_tokenizers.ByteLevel.alphabet()
    if vocabulary_size <= len(alphabet):
        raise ValueError(f"vocabulary_size must be at least {len(alphabet) + 1}, got {vocabulary_size}")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    # A special token in a title is ordinary text.
    tokenizer.encode_special_tokens = True
    return tokenizer
