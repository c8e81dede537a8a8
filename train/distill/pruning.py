"""Structured pruning of a student's encoder: which blocks, heads and channels to keep within a number of bytes.

Heads and channels go in the order of their importance (:mod:`train.distill.importance`), least first, and whole blocks
by what the student loses without each. How many of each go is not estimated: every number of blocks and heads is tried,
as many channels go as are needed to fit, and the candidate that diverges least from the whole student stays.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from train.backbones.encoder import EncoderConfig
from train.backbones.sasrec import SASRec
from train.data.sequences import Sequences as Log
from train.distill.importance import Importance, Sequences
from train.distill.sizes import encoder_bytes
from train.distill.structure import Kept, cut, everything, sizes_of
from train.errors import RunError
from train.loop.batches import Rows

_USERS = 2048
# Scores of all histories that are kept in memory, 128 MB; a large catalogue gets fewer histories.
_SCORES = 1 << 25
_LEAST_USERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """What to keep of an encoder.

    Attributes:
        share: largest share of the encoder's bytes; None if the numbers below are given.
        n_blocks: number of blocks; any for a share, all without one, if None.
        n_heads: number of attention heads of all blocks together; the same if None.
        n_channels: number of feed-forward channels of all blocks together; the same if None.
    """

    share: float | None = None
    n_blocks: int | None = None
    n_heads: int | None = None
    n_channels: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A way to prune an encoder.

    Attributes:
        kept: its parts.
        n_bytes: size of the int8 encoder.
        divergence: mean Kullback-Leibler divergence of the scores from those of the whole student, in nats, before
            any recovery.
    """

    kept: Kept
    n_bytes: int
    divergence: float


def sample_histories(log: Log, n_items: int, seed: int) -> list[Rows]:
    """Return the training histories of a random sample of users that importance is measured on."""
    n_users = min(_USERS, max(_LEAST_USERS, _SCORES // n_items))
    order = np.random.default_rng(seed).permutation(len(log))
    return [rows for user in order if len(rows := log.of(int(user)))][:n_users]


def check_cuts(config: EncoderConfig, cuts: Cuts) -> None:
    """Check that an encoder has what shall be kept, and can be that small.

    Raises:
        RunError: it does not, or cannot.
    """
    has = f"the student has {_describe(config)}"
    blocks = config.n_blocks if cuts.n_blocks is None and cuts.share is None else cuts.n_blocks or 1
    if blocks > config.n_blocks:
        raise RunError(f"--blocks {blocks}: {has}. Keep at most {config.n_blocks}.")
    for option, asked, there in (
        ("--heads", cuts.n_heads, config.block_heads),
        ("--channels", cuts.n_channels, config.block_feed),
    ):
        most = sum(sorted(there, reverse=True)[: cuts.n_blocks or config.n_blocks])
        if asked is not None and not blocks <= asked <= most:
            raise RunError(f"{option} {asked}: {has}. Keep {blocks} to {most} of them, at least one in each block.")
    least = smallest_bytes(config, blocks) / encoder_bytes(config)
    if cuts.share is not None and cuts.share < least:
        raise RunError(
            f"--keep {cuts.share:g}: {has}, and the least that can be kept, a head and a channel in each of {blocks}, "
            f"has {least:.1%} of the bytes. Keep more, or distil a student of a full model with a smaller --dim."
        )


def choose(encoder: SASRec, sequences: Sequences, cuts: Cuts, seed: int) -> Candidate:
    """Return the candidate that diverges least from the whole student.

    Raises:
        RunError: an encoder has fewer parts than shall be kept, or no candidate is small enough.
    """
    candidates = list(_candidates(encoder, sequences, cuts, seed))
    if not candidates:
        least = smallest_bytes(encoder.config, 1)
        raise RunError(
            f"nothing of {_describe(encoder.config)} fits what is to be kept. Every block keeps at least a head and a "
            f"channel; the smallest, a single block, has {least / encoder_bytes(encoder.config):.0%} of the bytes. "
            "Keep more, or distil a student of a full model with a smaller --dim."
        )
    return min(candidates, key=lambda each: (each.divergence, each.n_bytes))


def smallest_bytes(config: EncoderConfig, n_blocks: int) -> int:
    """Return the bytes of ``n_blocks`` with a head and a channel each, to which an encoder can be pruned."""
    return encoder_bytes(config.with_blocks([1] * n_blocks, [1] * n_blocks))


def drawn(encoder: SASRec, kept: Kept, seed: int) -> Kept:
    """Return as many heads and channels of the same blocks drawn at random: the baseline of a choice by importance."""
    random = np.random.default_rng(seed)

    def some(n_all: int, n: int) -> tuple[int, ...]:
        return tuple(np.sort(random.permutation(n_all)[:n]).tolist())

    config = encoder.config
    return tuple(
        replace(
            block,
            heads=some(config.block_heads[block.index], len(block.heads)),
            channels=some(config.block_feed[block.index], len(block.channels)),
        )
        for block in kept
    )


def _candidates(encoder: SASRec, sequences: Sequences, cuts: Cuts, seed: int) -> Iterator[Candidate]:
    config = encoder.config
    limit = int(encoder_bytes(config) * (1.0 if cuts.share is None else cuts.share))
    for blocks in _by_blocks(encoder, sequences, cuts):
        whole = everything(config, blocks)
        importance = sequences.importance(cut(encoder, whole), seed)
        n_heads = sum(len(block.heads) for block in whole)
        if cuts.n_heads is not None:
            numbers: Sequence[int] = [cuts.n_heads] if len(whole) <= cuts.n_heads <= n_heads else []
        else:
            numbers = [n_heads] if cuts.share is None else range(n_heads, len(whole) - 1, -1)
        for number in numbers:
            fewer = _without_heads(whole, importance, number)
            kept = _fitting(config, fewer, importance, limit, cuts.n_channels)
            if kept is not None:
                found = sequences.divergence(cut(encoder, kept))
                yield Candidate(kept=kept, n_bytes=encoder_bytes(sizes_of(config, kept)), divergence=found)


def _by_blocks(encoder: SASRec, sequences: Sequences, cuts: Cuts) -> Iterator[list[int]]:
    """Yield the blocks to keep, ascending: all, and then always without the one that is missed least."""
    kept = list(range(encoder.config.n_blocks))
    while kept:
        if cuts.n_blocks in (None, len(kept)):
            yield list(kept)
        if cuts.n_blocks is None and cuts.share is None:
            return
        if len(kept) <= (cuts.n_blocks or 1):
            return
        without = {each: [other for other in kept if other != each] for each in kept}
        lost = {
            each: sequences.divergence(cut(encoder, everything(encoder.config, others)))
            for each, others in without.items()
        }
        # Of equally useless blocks, the last one goes.
        kept.remove(min(reversed(kept), key=lost.__getitem__))


def _without_heads(kept: Kept, importance: Importance, number: int) -> Kept:
    """Return the parts with the ``number`` most important heads; each block keeps one."""
    left = _most_important([each.numpy() for each in importance.heads], number)
    return tuple(replace(block, heads=heads) for block, heads in zip(kept, left, strict=True))


def _fitting(
    config: EncoderConfig, kept: Kept, importance: Importance, limit: int, n_channels: int | None
) -> Kept | None:
    """Return the parts with as many channels as fit, or with ``n_channels``; None if that is not possible."""
    values = [each.numpy() for each in importance.channels]
    most = sum(map(len, values))

    def with_channels(number: int) -> Kept:
        left = _most_important(values, number)
        return tuple(replace(block, channels=channels) for block, channels in zip(kept, left, strict=True))

    def fits(number: int) -> bool:
        return encoder_bytes(sizes_of(config, with_channels(number))) <= limit

    if n_channels is not None:
        return with_channels(n_channels) if len(kept) <= n_channels <= most and fits(n_channels) else None
    if not fits(len(kept)):
        return None
    # All channels have the same bytes, so the number decides.
    low, high = len(kept), most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return with_channels(low)


def _most_important(values: Sequence[NDArray[np.float32]], number: int) -> list[tuple[int, ...]]:
    """Return the places of the ``number`` largest values of all blocks, ascending; at least one of each block."""
    best = [int(np.argmax(block)) for block in values]
    order = sorted(
        (
            (place != best[index], -value, index, place)
            for index, block in enumerate(values)
            for place, value in enumerate(block)
        )
    )
    left: list[list[int]] = [[] for _ in values]
    for _, _, index, place in order[:number]:
        left[index].append(place)
    return [tuple(sorted(places)) for places in left]


def _describe(config: EncoderConfig) -> str:
    heads, channels = sum(config.block_heads), sum(config.block_feed)
    return f"an encoder of {config.n_blocks} blocks with {heads} heads and {channels} channels together"
