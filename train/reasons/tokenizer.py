"""The writer's tokenizer: a small byte-level BPE, cut as GPT-2 cuts, without a normalizer.

That is a rule which llama.cpp has built in under the name ``gpt-2``, so the device cuts texts as training did.
Source of the rule: Radford et al., "Language Models are Unsupervised Multitask Learners", 2019.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tokenizers import Tokenizer

END: Final = "<|endoftext|>"


def train_tokenizer(texts: Iterable[str], vocabulary_size: int) -> "Tokenizer":
    """Return a tokenizer trained on ``texts``.

    Args:
        texts: what it should cut into few tokens.
        vocabulary_size: at least 257: all bytes and the end of text.

    Raises:
        ValueError: the vocabulary is too small to hold every byte.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    alphabet = pre_tokenizers.ByteLevel.alphabet()
    if vocabulary_size <= len(alphabet):
        raise ValueError(f"a vocabulary must hold {len(alphabet)} bytes and the end of text, got {vocabulary_size}")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    # A title that contains the words of a control token is still a title.
    tokenizer.encode_special_tokens = True
    return tokenizer
