"""Reads many texts with a language model once: batched, cached piece by piece, with an estimate of the time before.

A pretrained extractor encodes each text by itself, so the texts are split into pieces, each an entry of the cache of
features (:mod:`train.items.cache`). After an interruption only the piece in work is read again.
"""

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn

from edge_runtime.terminal.console import Console
from edge_runtime.terminal.progress import progress_bar
from train.items.blocks import Extractor, TokenLayout, batches, one_each
from train.items.cache import features_key, read_features, write_features
from train.items.digests import text_digests

PIECE = 256
# Texts that are read for the estimate, and from how many on there is one, and a line at the end.
_TIMED, _ESTIMATED_FROM = 32, 512


def read_texts(extractor: Extractor[str], texts: Sequence[str], cache_dir: Path | None) -> NDArray[np.float32]:
    """Return the vectors of texts, float32 ``[n, width]``, each encoded by itself.

    Args:
        extractor: a pretrained extractor, not one that is fitted to the texts it encodes.
        texts: the texts.
        cache_dir: folder of the cache; None reads all of them now.
    """
    pieces = [[texts[row] for row in piece] for piece in batches(len(texts), PIECE)]
    vectors = [None if cache_dir is None else _from_cache(extractor.name, piece, cache_dir) for piece in pieces]
    missing = [number for number, found in enumerate(vectors) if found is None]
    n_missing = sum(len(pieces[number]) for number in missing)
    console = Console(stderr=True, soft_wrap=True)
    if n_missing >= _ESTIMATED_FROM:
        one = pieces[missing[len(missing) // 2]]
        console.print(_estimate(extractor, one[:: max(1, len(one) // _TIMED)][:_TIMED], n_missing, len(texts)))
    started = perf_counter()
    with progress_bar(console, BarColumn(24), MofNCompleteColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task("histories as text", total=len(texts), completed=len(texts) - n_missing)
        for number in missing:
            vectors[number] = _read(extractor, pieces[number], cache_dir)
            bar.advance(task, len(pieces[number]))
    if n_missing >= _ESTIMATED_FROM:
        console.print(f"histories as text: {n_missing:,} read, {perf_counter() - started:.0f} s")
    return np.concatenate([found for found in vectors if found is not None] or [np.zeros((0, 0), np.float32)])


def _estimate(extractor: Extractor[str], sample: list[str], n_missing: int, n_texts: int) -> str:
    """Return a sentence about the time that reading takes, from a sample that is read now."""
    _read(extractor, sample[:1], None)  # what is slow once only is not counted
    started = perf_counter()
    _read(extractor, sample, None)
    minutes = (perf_counter() - started) / len(sample) * n_missing / 60
    kept = f", {n_texts - n_missing:,} more are in the cache" if n_missing < n_texts else ""
    return (
        f"{extractor.name.split()[0]} reads {n_missing:,} histories as text, once: about {minutes:.0f} min here{kept}. "
        'Ctrl-C keeps what is read; fewer: --plugin-settings \'{"llmrec": {"prefixes": 1}}\'.'
    )


def _layout(piece: Sequence[str]) -> TokenLayout:
    return one_each(range(len(piece)), len(piece))


def _entry(name: str, piece: Sequence[str], cache_dir: Path) -> Path:
    return cache_dir / features_key(name, _layout(piece), text_digests(piece))


def _from_cache(name: str, piece: Sequence[str], cache_dir: Path) -> NDArray[np.float32] | None:
    found = read_features(_entry(name, piece, cache_dir), name, _layout(piece).shape)
    return None if found is None else found.vectors[:, 0]


def _read(extractor: Extractor[str], piece: Sequence[str], cache_dir: Path | None) -> NDArray[np.float32]:
    encoded = extractor.encode(piece)
    if cache_dir is None:
        vectors = np.zeros((len(piece), encoded.width), dtype=np.float32)
        for which, block in encoded.blocks:
            vectors[which] = block
        return vectors

    def fill(into: NDArray[np.float32], present: NDArray[np.bool_]) -> None:
        for which, block in encoded.blocks:
            into[which, 0], present[which] = block, True

    cache_dir.mkdir(parents=True, exist_ok=True)
    entry = _entry(extractor.name, piece, cache_dir)
    return write_features(entry, extractor.name, (len(piece), 1, encoded.width), fill).vectors[:, 0]
