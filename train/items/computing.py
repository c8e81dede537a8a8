"""Computes features block by block, or takes them from the cache."""

import os
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, TimeElapsedColumn

from edge_runtime.errors import RunError
from edge_runtime.terminal.console import Console
from edge_runtime.terminal.progress import progress_bar
from train.items.blocks import Block, Extractor, Inputs, T, TokenLayout
from train.items.cache import features_key, keep_features, read_features
from train.items.features import Features
from train.loop.finite import first_not_finite

# Work shorter than this leaves no line in a log.
_WORTH_A_LINE_S = 10.0


def features_of(
    extractor: Extractor[T],
    things: Inputs[T],
    places: TokenLayout,
    digests: Callable[[], Iterable[bytes]],
    cache_dir: Path | None,
) -> Features:
    """Return the features of items, from the cache where it has them.

    Args:
        extractor: describes ``things``.
        things: texts, or files.
        places: where the vector of each thing belongs.
        digests: of each thing, in order.
        cache_dir: where features are kept; in memory alone where None.
    """
    if cache_dir is None or not len(things):
        return _in_memory(extractor, things, places)
    entry = cache_dir / features_key(extractor.name, places, digests())
    found = read_features(entry, extractor.name, places.shape)
    if found is not None:
        return found
    if not _can_keep(cache_dir):
        return _in_memory(extractor, things, places)
    described = extractor.describe(things)

    def fill(vectors: NDArray[np.float32], present: NDArray[np.bool_]) -> None:
        _fill(described.blocks, places, vectors, present, extractor.name)

    return keep_features(entry, extractor.name, (*places.shape, described.width), fill)


def _in_memory(extractor: Extractor[T], things: Inputs[T], places: TokenLayout) -> Features:
    described = extractor.describe(things)
    vectors = np.zeros((*places.shape, described.width), dtype=np.float32)
    present = np.zeros(places.shape, dtype=np.bool_)
    _fill(described.blocks, places, vectors, present, extractor.name)
    return Features(extractor.name, vectors, present)


def _can_keep(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return True
        reason = "not writable"
    except OSError as error:
        reason = str(error)
    warnings.warn(f"{folder}: features of items are not kept for the next run ({reason}).", stacklevel=2)
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
    places: TokenLayout,
    vectors: NDArray[np.float32],
    present: NDArray[np.bool_],
    name: str,
) -> None:
    """Write blocks to where they belong, and show on stderr how far that is.

    Raises:
        RunError: a vector is not finite.
    """
    console = Console(stderr=True)
    start = perf_counter()
    with progress_bar(console, BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn()) as bar:
        task = bar.add_task(f"features ({name})", total=len(places.rows))
        for block in blocks:
            rows, tokens = places.rows[block.which], places.tokens[block.which]
            _check_finite(block, rows, name)
            vectors[rows, tokens] = block.vectors
            present[rows, tokens] = True
            bar.advance(task, len(block.which))
    seconds = perf_counter() - start
    if seconds > _WORTH_A_LINE_S:
        console.print(f"features ({name}): {len(places.rows):,} described, {seconds:.1f} s", soft_wrap=True)
