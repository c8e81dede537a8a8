"""Computes features block by block, or loads them from the cache."""

import os
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, TimeElapsedColumn

from edge_runtime.terminal.console import Console
from edge_runtime.terminal.progress import progress_bar
from train.errors import RunError
from train.items.blocks import Block, Extractor, Inputs, T, TokenLayout
from train.items.cache import features_key, read_features, write_features
from train.items.features import Features
from train.loop.finite import first_not_finite

# Shorter computations are not logged.
_LOGGED_FROM_S = 10.0


def features_of(
    extractor: Extractor[T],
    inputs: Inputs[T],
    layout: TokenLayout,
    digests: Callable[[], Iterable[bytes]],
    cache_dir: Path | None,
) -> Features:
    """Return the features of items, from the cache if possible.

    Args:
        extractor: encodes the inputs.
        inputs: texts, or files.
        layout: item and token position of each input.
        digests: digest of each input, in order.
        cache_dir: folder of the cache; None disables it.
    """
    if cache_dir is None or not len(inputs):
        return _in_memory(extractor, inputs, layout)
    entry = cache_dir / features_key(extractor.name, layout, digests())
    result = read_features(entry, extractor.name, layout.shape)
    if result is not None:
        return result
    if not _can_write(cache_dir):
        return _in_memory(extractor, inputs, layout)
    encoded = extractor.encode(inputs)

    def fill(vectors: NDArray[np.float32], present: NDArray[np.bool_]) -> None:
        _fill(encoded.blocks, layout, vectors, present, extractor.name)

    return write_features(entry, extractor.name, (*layout.shape, encoded.width), fill)


def _in_memory(extractor: Extractor[T], inputs: Inputs[T], layout: TokenLayout) -> Features:
    encoded = extractor.encode(inputs)
    vectors = np.zeros((*layout.shape, encoded.width), dtype=np.float32)
    present = np.zeros(layout.shape, dtype=np.bool_)
    _fill(encoded.blocks, layout, vectors, present, extractor.name)
    return Features(extractor.name, vectors, present)


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return True
        reason = "not writable"
    except OSError as error:
        reason = str(error)
    warnings.warn(f"{folder}: features of items are not cached for the next run ({reason}).", stacklevel=2)
    return False


def _check_finite(block: Block, rows: NDArray[np.int64], name: str) -> None:
    bad = first_not_finite(block.vectors)
    if bad is not None:
        raise RunError(
            f"features ({name}): those of item {int(rows[bad]) + 1} of the catalogue hold NaN or infinity; expected "
            "finite numbers. Look at that item's text or picture, fetch the extractor anew, or choose another with "
            "--text or --image."
        )


def _fill(
    blocks: Iterable[Block],
    layout: TokenLayout,
    vectors: NDArray[np.float32],
    present: NDArray[np.bool_],
    name: str,
) -> None:
    """Write blocks to their positions, with a progress bar on stderr.

    Raises:
        RunError: a vector is not finite.
    """
    console = Console(stderr=True)
    start = perf_counter()
    with progress_bar(console, BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn()) as bar:
        task = bar.add_task(f"features ({name})", total=len(layout.rows))
        for block in blocks:
            rows, tokens = layout.rows[block.which], layout.tokens[block.which]
            _check_finite(block, rows, name)
            vectors[rows, tokens] = block.vectors
            present[rows, tokens] = True
            bar.advance(task, len(block.which))
    seconds = perf_counter() - start
    if seconds > _LOGGED_FROM_S:
        console.print(f"features ({name}): {len(layout.rows):,} computed, {seconds:.1f} s", soft_wrap=True)
