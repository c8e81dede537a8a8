"""What a stand-in of a bundle costs on this machine: time of its lists and encoder, and memory."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_runtime.bundle.folder import open_folder
from edge_runtime.bundle.manifest import Manifest
from edge_runtime.probe.stand_in import MAX_ITEMS, write_stand_in
from edge_runtime.profiling import child_process
from edge_runtime.profiling.clocks import HAS_CPU_CLOCK, timed
from edge_runtime.profiling.histories import golden_histories
from edge_runtime.profiling.statistics import median, percentile
from edge_runtime.profiling.variants import Instance, Variant, engine_variants

ROUNDS: Final = 9
"""Each opens the stand-in anew: where arrays lie in memory changes times by some per cent. Enough for a p95."""

_HISTORIES: Final = 16
_SMALLER: Final = 10
"""A catalogue that is too large for one stand-in gets two, of which one has that many times fewer items."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What was measured.

    Attributes:
        n_items: items of the stand-in.
        list_ms: median of a list in each round, wall time.
        list_cpu_ms: the same, time of the thread.
        encode_ms: median of the encoder, time of the thread; 0 without an encoder.
        p95_ms: 95th percentile of all lists, wall time.
        p95_cpu_ms: the same, time of the thread.
        peak: resident bytes of a process of its own.
    """

    n_items: int
    list_ms: tuple[float, ...]
    list_cpu_ms: tuple[float, ...]
    encode_ms: float
    p95_ms: float
    p95_cpu_ms: float
    peak: int


def trials(sizes: Manifest) -> list[Trial]:
    """Measure a stand-in for a bundle, or two of different sizes for a large one.

    Raises:
        ProfileError: the process that measures the memory failed.
    """
    most = [MAX_ITEMS] if sizes.catalogue.n_items <= MAX_ITEMS else [MAX_ITEMS // _SMALLER, MAX_ITEMS]
    return [_measured(sizes, n_items) for n_items in most]


def _measured(sizes: Manifest, most: int) -> Trial:
    with tempfile.TemporaryDirectory(prefix="pocketrec-probe-") as place:
        path = Path(place).absolute() / "stand-in"
        manifest = write_stand_in(path, sizes, most)
        (variant,) = engine_variants(open_folder(path))
        contents = variant.contents()
        histories = golden_histories(contents.golden, contents.items.item_id, _HISTORIES)
        request = {"bundle": str(path), "engine": None, "history": histories[len(histories) // 2]}
        peak = child_process.run("profiling.cold", request)["memory"]["peak"]
        rounds = [_round(variant, histories) for _ in range(ROUNDS)]
    walls, cpus, encodes = ([[one[i] for one in times] for times in rounds] for i in range(3))
    return Trial(
        manifest.catalogue.n_items,
        tuple(median(one) for one in walls),
        tuple(median(one) for one in cpus),
        median([one for times in encodes for one in times]),
        _p95(walls),
        _p95(cpus),
        peak,
    )


def _round(variant: Variant, histories: Sequence[tuple[str, ...]]) -> list[tuple[float, float, float]]:
    """Return wall and thread time of each list, and thread time of its encoder."""
    instance = Instance.open(variant, None)
    try:
        return [_once(instance, history) for history in histories]
    finally:
        instance.close()


def _once(instance: Instance, history: tuple[str, ...]) -> tuple[float, float, float]:
    encoding = 0.0
    if instance.variant.engine is not None:
        rows = instance.rows(history)
        instance.encode(rows)
        _, wall, cpu = timed(lambda: instance.encode(rows))
        encoding = cpu if HAS_CPU_CLOCK else wall
    instance.recommend(history)
    _, wall, cpu = timed(lambda: instance.recommend(history))
    return wall, cpu if HAS_CPU_CLOCK else wall, encoding


def _p95(rounds: Sequence[Sequence[float]]) -> float:
    times = [one for times in rounds for one in times]
    found = percentile(times, 0.95)
    return max(times) if found is None else found  # too few: a catalogue with fewer items than histories
