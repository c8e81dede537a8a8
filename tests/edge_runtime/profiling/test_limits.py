"""The physical limit counts what no implementation can avoid."""

from pathlib import Path

import pytest

from edge_runtime.bundle import open_folder
from edge_runtime.profiling.child_process import run
from edge_runtime.profiling.limits import Peaks, Work, encoder_work, opening_work, scoring_work
from tests.tiny_bundle import Shape, make_tiny_bundle

PEAKS = Peaks({1_000: 1e9, 1_000_000: 1e8}, operations_per_s=1e9, digest_bytes_per_s=1e6, disk_flush_ms=2.0)


def test_small_files_are_read_from_a_cache_and_large_ones_from_the_memory() -> None:
    assert PEAKS.speed(10) == 1e9
    assert PEAKS.speed(1_001) == 1e8
    assert PEAKS.speed(10_000_000) == 1e8


@pytest.mark.parametrize(
    ("work", "bound_by", "ms"),
    [
        (Work(1_000_000, 1_000), "reading", 10.0),
        (Work(1_000, 5_000_000), "arithmetic", 5.0),
        (Work(1_000, 0, digested=1_000), "digests", 1.0),
        (Work(1_000, 1_000, flushes=1), "the disk", 2.0),
        (Work(1_000, None), "reading", 0.001),
    ],
)
def test_the_slowest_part_is_the_limit(work: Work, bound_by: str, ms: float) -> None:
    found = PEAKS.limit(work, median_ms=20.0)

    assert found.bound_by == bound_by
    assert found.ms == pytest.approx(ms)
    assert found.share == pytest.approx(ms / 20)


def test_operations_are_unknown_if_those_of_a_part_are() -> None:
    assert (Work(1, 2) + Work(3, 4)).operations == 6
    assert (Work(1, 2) + Work(3, None)).operations is None


def test_the_operations_of_the_encoder_are_those_of_the_formulas(tmp_path: Path) -> None:
    sizes = Shape(dim=4, n_heads=2, n_blocks=1, feed=6, n_prompts=3, rank=2, max_length=8, tiers=((1.0, 2),))
    make_tiny_bundle(tmp_path, shape=sizes)
    folder = open_folder(tmp_path)

    work = encoder_work(folder, folder.manifest.engines[0], length=5)

    # Keys and values of 5 positions; query, output, 5 attended pairs and the feed-forward part of the last one.
    products = 2 * 16 * 5 + 2 * 16 + 2 * 5 * 4 + 2 * 4 * 6
    small = 2 * 4 * 3 + 2 * 4 * 2  # prompts and knowledge, both parts of the adapter
    assert work.operations == 2 * products + 2 * small
    assert work.bytes == (tmp_path / "encoder.safetensors").stat().st_size


def test_scoring_reads_the_codes_and_opening_every_file(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path, n_items=40)
    manifest = open_folder(tmp_path).manifest

    assert scoring_work(manifest).bytes == (tmp_path / "codes.safetensors").stat().st_size + 4 * 40
    assert opening_work(manifest).digested == manifest.bundle_bytes


def test_the_calibration_measures_this_machine(tmp_path: Path) -> None:
    peaks = Peaks.of(run("profiling.calibration", {"folder": str(tmp_path)}, one_thread=True))

    assert min(peaks.read_bytes_per_s.values()) > 0
    assert peaks.operations_per_s > 0
    assert peaks.digest_bytes_per_s > 0
    assert peaks.disk_flush_ms > 0
    assert list(tmp_path.iterdir()) == []
