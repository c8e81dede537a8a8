"""The physical limit of a step: what it must read and compute at least, by what this machine can do at most.

Counted is what no implementation can avoid: the files' bytes as they are, each once, and the multiplications and
additions of the formulas in SPEC sections 3, 4 and 10. A share far below 1 shows how much is overhead: of Python, of
calls into a library, of float32 copies.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from edge_runtime.bundle.arrays import load_arrays
from edge_runtime.bundle.folder import BundleFolder
from edge_runtime.bundle.manifest import Catalogue, Encoder, EngineVariant, Manifest, ModelSizes
from edge_runtime.engines.weights import read_weights
from edge_runtime.profiling.report import Limit

_FLOAT = 4  # bytes
_INTEGERS = 4
"""Products of 8-bit integers in place of one of floats: llama.cpp multiplies quantized weights so."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a step must do at least; ``operations`` is None if they are unknown."""

    bytes: int
    operations: int | None = None
    digested: int = 0
    flushes: int = 0

    def __add__(self, other: "Work") -> "Work":
        """Return both together."""
        known = self.operations is not None and other.operations is not None
        operations = (self.operations or 0) + (other.operations or 0) if known else None
        return Work(self.bytes + other.bytes, operations, self.digested + other.digested, self.flushes + other.flushes)


@dataclass(frozen=True, slots=True)
class Peaks:
    """The most that this machine was measured to do on one thread.

    Attributes:
        read_bytes_per_s: by the bytes that are read over and over: small ones stay in a cache.
    """

    read_bytes_per_s: dict[int, float]
    operations_per_s: float
    digest_bytes_per_s: float
    disk_flush_ms: float

    @classmethod
    def of(cls, answer: dict[str, Any]) -> Self:
        """Return the peaks in the answer of the calibration."""
        speeds = {int(size): float(speed) for size, speed in answer["read_bytes_per_s"].items()}
        return cls(speeds, answer["operations_per_s"], answer["digest_bytes_per_s"], answer["disk_flush_ms"])

    def limit(self, work: Work, median_ms: float) -> Limit:
        """Return the limit of a step, and the share of it that a median time reaches."""
        times = {
            "reading": 1000 * work.bytes / self.speed(work.bytes),
            "arithmetic": 1000 * (work.operations or 0) / self.operations_per_s,
            "digests": 1000 * work.digested / self.digest_bytes_per_s,
            "the disk": work.flushes * self.disk_flush_ms,
        }
        bound_by = max(times, key=lambda name: times[name])
        ms = times[bound_by]
        return Limit(ms, bound_by, work.bytes, work.operations, ms / median_ms)  # type: ignore[arg-type]

    def speed(self, n_bytes: int) -> float:
        """Return the fastest reading of that many bytes or more, in bytes a second."""
        largest = max(self.read_bytes_per_s)
        return max(speed for size, speed in self.read_bytes_per_s.items() if size >= min(n_bytes, largest))


def encoder_work(folder: BundleFolder, engine: EngineVariant, length: float) -> Work:
    """Return the least work of encoding ``length`` events."""
    return Work(folder.manifest.file(engine.file).bytes, _encoder_operations(folder, round(length)))


def scoring_work(manifest: Manifest) -> Work:
    """Return the least work of scoring all items, transitions left out but for the similarity of the items."""
    work = Work(manifest.required_role("codes").bytes, 0) + _sums(manifest.catalogue)
    settings = manifest.transitions
    if settings is not None and settings.similarity > 0:
        similarity = manifest.role("similarity")
        work += Work(0 if similarity is None else similarity.bytes, 0) + _sums(settings.vectors or manifest.catalogue)
    return work


def token_work(model: ModelSizes, threads: int = 1) -> Work:
    """Return the least work of each of so many threads for a token that a language model generates."""
    operations = 2 * (model.block_parameters + model.head_parameters)
    return Work(model.token_bytes // threads, operations // _INTEGERS // threads)


def prompt_work(model: ModelSizes, n_tokens: int, threads: int = 1) -> Work:
    """Return the least work of each of so many threads for the first token after ``n_tokens`` that are not cached."""
    operations = 2 * (model.block_parameters * n_tokens + model.head_parameters)
    return Work(model.token_bytes // threads, operations // _INTEGERS // threads)


def opening_work(manifest: Manifest) -> Work:
    """Return the least work of opening a bundle: the digest of every file but the language model's."""
    digested = sum(entry.bytes for entry in manifest.files if entry.role != "language_model")
    return Work(digested, 0, digested=digested)


def _sums(sizes: Catalogue) -> Work:
    """Return the work of a table of products for each codebook, of the sums of its entries, and of the scores."""
    products = 2 * len(sizes.tiers) * sizes.n_codewords * sizes.dim
    additions = sum(tier.n_items * tier.n_codes for tier in sizes.tiers)
    return Work(_FLOAT * sizes.n_items, products + additions)


def _encoder_operations(folder: BundleFolder, length: int) -> int | None:
    """Return the operations of the encoder; None if the bundle has no file that tells the widths of blocks."""
    sizes = folder.manifest.encoder
    reference = next((one for one in folder.manifest.engines if one.engine == "reference"), None)
    if reference is None:
        return None
    arrays = load_arrays(folder.read(folder.manifest.file(reference.file)), reference.file)
    blocks = read_weights(arrays, sizes, reference.file).blocks
    return encoder_operations(sizes, [(len(one.query.bias), len(one.feed_in.bias)) for one in blocks], length)


def encoder_operations(sizes: Encoder, widths: Sequence[tuple[int, int]], length: int) -> int:
    """Return the operations of SPEC section 3.

    The last block needs queries, outputs and the feed-forward part of the last position only.

    Args:
        sizes: of the encoder.
        widths: of each block, those of all heads together and of the feed-forward part.
        length: number of events.
    """
    d, l = sizes.dim, min(max(length, 1), sizes.max_length)  # noqa: E741 - as in the formulas
    total = 0
    for index, (joined, feed) in enumerate(widths):
        n_last = 1 if index == len(widths) - 1 else l
        attended = n_last * (2 * l - n_last + 1) // 2  # causal pairs of the last positions
        total += 2 * (2 * d * joined * (l + n_last) + 2 * attended * joined + 2 * d * feed * n_last)
    return total + 4 * d * (sizes.n_prompts + sizes.adapter_rank)
