"""The item table as product codes, trained with the student.

Sources: product quantization, Jégou, Douze and Schmid, "Product Quantization for Nearest Neighbor Search", 2011; its
joint training for recommenders, Petrov and Macdonald, "RecJPQ", WSDM 2024, https://arxiv.org/abs/2312.06165.
Deviations: popular items have longer codes, the parts of a vector share one codebook unless the catalogue is large, and
codes are updated during training. Each item has a latent vector, which is reassigned to its nearest codewords every
few steps, with a straight-through gradient (van den Oord et al., "Neural Discrete Representation
Learning", 2017, https://arxiv.org/abs/1711.00937).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from edge_runtime.bundle.arrays import Array
from edge_runtime.bundle.codes import pack_tiers, read_codes, unpack_tiers
from edge_runtime.bundle.manifest import Catalogue, Tier

# Budget for codes and codebooks: with encoder and knowledge, the files for ranking stay under 256 KiB.
TABLE_BYTES = 178_000

# Largest header of ``codes.safetensors``, with four tiers.
_HEADER_BYTES = 1400
# Codes per item if bytes do not matter; with 64 dimensions, one for each.
_MAX_CODES = 64
_LLOYD_STEPS = 12
# Sub-vectors for k-means: 256 per codeword.
_SAMPLE = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePlan:
    """The number of codes of each item.

    Attributes:
        n_codes: number of codes per item in each tier, most popular tier first.
        shares: share of the items in each tier, summing to 1.
        n_codewords: number of rows of a codebook, at most 256, because a code is one byte.
        own_books: whether each part of a vector has its own codebook, instead of one for all parts of a tier.
    """

    n_codes: tuple[int, ...] = (32, 16, 8)
    shares: tuple[float, ...] = (0.05, 0.18, 0.77)
    n_codewords: int = 256
    own_books: bool = False

    def __post_init__(self) -> None:
        if len(self.n_codes) != len(self.shares) or not 1 <= len(self.n_codes) <= 4:
            raise ValueError(f"expected 1 to 4 tiers with a share each, got {self.n_codes} and {self.shares}")
        if abs(sum(self.shares) - 1.0) > 1e-6 or min(self.shares) <= 0.0:
            raise ValueError(f"shares must be above 0 and sum to 1, got {self.shares}")
        if not 2 <= self.n_codewords <= 256:
            raise ValueError(f"n_codewords must be in 2..256, got {self.n_codewords}")

    @classmethod
    def for_items(cls, n_items: int, dim: int) -> "CodePlan":
        """Return the default plan: codes as long as :data:`TABLE_BYTES` allows, at least those of ``CodePlan()``.

        Args:
            n_items: number of items. With 64 dimensions, up to 2,700 items have 64 codes each, 5,400 have 32, and from
                16,000 on lengths no longer fall.
            dim: width of item vectors; the number of codes divides it, because all parts have equal width.
        """
        n_codes = tuple(_divisor(dim, most) for most in cls().n_codes)
        books = sum(cls().n_codewords * dim // each for each in (_divisor(dim, _MAX_CODES), *n_codes))
        plan = cls.of_mean((TABLE_BYTES - books) / n_items, n_items, dim)
        # With so many codes, the bytes of codebooks hardly matter.
        return plan or cls(n_codes=n_codes, own_books=True)

    @classmethod
    def of_mean(cls, mean: float, n_items: int, dim: int) -> "CodePlan | None":
        """Return a plan with a mean of at most ``mean`` codes per item; None if it is below that of ``CodePlan()``."""
        default = cls()
        longest, *lengths = (_divisor(dim, most) for most in (_MAX_CODES, *default.n_codes))
        long, middle, short = n_codes = tuple(lengths)
        if mean >= longest or longest == short:
            return cls(n_codes=(longest,), shares=(1.0,))
        if mean >= long:
            return cls._two_tiers(longest, long, mean, n_items)
        least = sum(share * each for share, each in zip(default.shares, n_codes, strict=True))
        if mean <= least:
            return None
        if long == middle:
            return cls._two_tiers(long, short, mean, n_items)
        # Grows from the default's share to 1, slowly at first, where bytes improve the middle tier more.
        of_long = default.shares[0] + (1.0 - default.shares[0]) * ((mean - least) / (long - least)) ** 2
        if middle == short:
            return cls(n_codes=(long, short), shares=(of_long, 1.0 - of_long))
        of_middle = (mean - short - (long - short) * of_long) / (middle - short)
        # With less than one item, the last tier would be empty.
        if of_long + of_middle <= 1.0 - 1.0 / n_items:
            return cls(n_codes=n_codes, shares=(of_long, of_middle, 1.0 - of_long - of_middle))
        return cls._two_tiers(long, middle, mean, n_items)

    @classmethod
    def _two_tiers(cls, long: int, short: int, mean: float, n_items: int) -> "CodePlan":
        """Return a plan of two lengths with the given ``mean`` in ``[short, long)``, without an empty tier."""
        of_long = min((mean - short) / (long - short), 1.0 - 1.0 / n_items)
        if of_long < 1.0 / n_items:
            return cls(n_codes=(short,), shares=(1.0,))
        return cls(n_codes=(long, short), shares=(of_long, 1.0 - of_long))

    @property
    def mean_codes(self) -> float:
        """The mean number of codes per item."""
        return sum(share * each for share, each in zip(self.shares, self.n_codes, strict=True))

    def file_bytes(self, n_items: int, dim: int) -> int:
        """Return the size of ``codes.safetensors``, at most a few bytes too large."""
        sizes = np.bincount(self.tiers_of(np.zeros(n_items, dtype=np.int64)), minlength=len(self.n_codes))
        codes = sum(int(n) * each for n, each in zip(sizes, self.n_codes, strict=True))
        books = sum(self.n_codewords * dim // (1 if self.own_books else each) for each in self.n_codes)
        scales = sum(4 * (each if self.own_books else 1) for each in self.n_codes)
        return _HEADER_BYTES + -(-n_items // 4) + codes + books + scales + 4 * dim * len(self.n_codes)

    def tiers_of(self, counts: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the tier of each item, uint8 ``[n_items]``, from its number of training events."""
        order = np.argsort(-counts, kind="stable")
        bounds = np.round(np.cumsum(self.shares[:-1]) * len(counts)).astype(np.int64)
        tiers = np.empty(len(counts), dtype=np.uint8)
        for tier, rows in enumerate(np.split(order, bounds)):
            tiers[rows] = tier
        return tiers


class CodedTable(nn.Module):
    """A trainable item table that is decoded from codes and codebooks."""

    rows: Tensor

    def __init__(self, table: Tensor, plan: CodePlan, tier_of: NDArray[np.uint8], seed: int) -> None:
        """Encode ``table``, ``[n_items, dim]``, with codebooks from k-means of its sub-vectors."""
        super().__init__()
        self.plan = plan
        self.latent = nn.Parameter(table.detach().clone())
        by_tier = [torch.from_numpy(np.flatnonzero(tier_of == tier)) for tier in range(len(plan.n_codes))]
        self.sizes = [len(rows) for rows in by_tier]
        self.register_buffer("rows", torch.cat(by_tier))
        self.centres = nn.ParameterList()
        self.codebooks = nn.ParameterList()
        generator = torch.Generator().manual_seed(seed)
        for tier, (n_codes, rows) in enumerate(zip(plan.n_codes, by_tier, strict=True)):
            vectors = self.latent.detach()[rows]
            self.centres.append(nn.Parameter(vectors.mean(0)))
            parts = _split(vectors - vectors.mean(0), n_codes, self.n_books(tier))
            self.codebooks.append(nn.Parameter(_k_means(parts, plan.n_codewords, generator)))
            self.register_buffer(f"codes_{tier}", torch.zeros(len(rows), n_codes, dtype=torch.int64))
        self._kept: KeptCodes | None = None
        self.reassign()

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Array], sizes: Catalogue) -> "CodedTable":
        """Return the table of :meth:`arrays`, with its decoded vectors as latent ones."""
        plan = CodePlan(
            n_codes=tuple(tier.n_codes for tier in sizes.tiers),
            shares=tuple(tier.n_items / sizes.n_items for tier in sizes.tiers),
            n_codewords=sizes.n_codewords,
            own_books=any(tier.n_books > 1 for tier in sizes.tiers),
        )
        vectors = read_codes(arrays, sizes).decode(np.arange(sizes.n_items))
        table = cls(torch.from_numpy(vectors), plan, unpack_tiers(arrays["tier"], sizes.n_items), seed=0)
        with torch.no_grad():
            for tier in range(len(sizes.tiers)):
                scale = arrays[f"scale.{tier}"][:, None, None]
                table.codes(tier).copy_(torch.from_numpy(arrays[f"codes.{tier}"].astype(np.int64)))
                table.codebooks[tier].copy_(torch.from_numpy(arrays[f"codebook.{tier}"].astype(np.float32) * scale))
                table.centres[tier].copy_(torch.from_numpy(arrays[f"centre.{tier}"].copy()))
        return table

    def forward(self) -> Tensor:
        """Return the decoded table, ``[n_items, dim]``, with gradients for codebooks and, straight through, latents."""
        decoded = self.decoded()
        return decoded + (self.latent - self.latent.detach())

    def decoded(self) -> Tensor:
        """Return the table as a device decodes it, ``[n_items, dim]``."""
        in_tiers = torch.cat([self._decode(tier) for tier in range(len(self.sizes))])
        return torch.empty_like(in_tiers).index_copy(0, self.rows, in_tiers)

    def commitment(self, table: Tensor) -> Tensor:
        """Return the commitment loss: the mean squared distance of latents from the detached ``table``."""
        return F.mse_loss(self.latent, table.detach())

    @torch.no_grad()
    def reassign(self) -> float:
        """Assign every item to its nearest codewords; return the share of codes that changed."""
        changed, total = 0, 0
        for tier, rows in enumerate(torch.split(self.rows, self.sizes)):
            codes = self.codes(tier)
            vectors = self.latent[rows] - self.centres[tier]
            nearest = nearest_codes(vectors, self.codebooks[tier], codes.shape[1])
            if self._kept is not None:
                nearest = self._kept.held(tier, vectors, nearest, self.codebooks[tier])
            changed, total = changed + int((nearest != codes).sum()), total + codes.numel()
            codes.copy_(nearest)
        return changed / max(total, 1)

    def keep(self, n_known: int, gain: float, arrays: Mapping[str, Array]) -> None:
        """Freeze codebooks and centres, and let the codes of known items change only where that gains much.

        Args:
            n_known: number of known items, which are the first rows; other items get their nearest codes.
            gain: how much a change must reduce the squared error of an item's vector, as a share of the variance of all
                vectors: a changed code costs as many bytes, wherever it is.
            arrays: the result of :meth:`arrays` that this table was read from, so that equal books give equal bytes.
        """
        for book in self.books():
            book.requires_grad_(False)
        n_kept = [int((rows < n_known).sum()) for rows in torch.split(self.rows, self.sizes)]
        codes = [self.codes(tier)[:n].clone() for tier, n in enumerate(n_kept)]
        vectors = self.decoded().detach()
        margin = gain * float((vectors - vectors.mean(0)).square().sum(1).mean())
        stored = {name: values for name, values in arrays.items() if name.startswith(("codebook", "scale", "centre"))}
        self._kept = KeptCodes(codes, margin, stored)

    def codes(self, tier: int) -> Tensor:
        """Return the codes of one tier, int64 ``[n, n_codes]``."""
        return self.get_buffer(f"codes_{tier}")

    def n_books(self, tier: int) -> int:
        """Return the number of codebooks of one tier."""
        return self.plan.n_codes[tier] if self.plan.own_books else 1

    def books(self) -> list[nn.Parameter]:
        """Return the shared parameters: codebooks ``[n_books, n_codewords, dim / n_codes]`` and centres ``[dim]``."""
        return [*self.codebooks, *self.centres]

    def catalogue(self) -> Catalogue:
        """Return the sizes for the manifest."""
        lengths = zip(self.sizes, self.plan.n_codes, strict=True)
        tiers = tuple(Tier(n, m, self.n_books(tier)) for tier, (n, m) in enumerate(lengths))
        return Catalogue(len(self.latent), self.latent.shape[1], self.plan.n_codewords, tiers)

    def arrays(self) -> dict[str, Array]:
        """Return the arrays of ``codes.safetensors``; codebooks are quantized to int8 with one scale each."""
        tier_of = np.empty(len(self.latent), dtype=np.uint8)
        arrays: dict[str, Array] = {}
        for tier, rows in enumerate(torch.split(self.rows, self.sizes)):
            tier_of[rows.cpu().numpy()] = tier
            book = self.codebooks[tier].detach().cpu().numpy()
            scale = np.maximum(np.abs(book).max(axis=(1, 2)), np.finfo(np.float32).tiny) / 127.0
            arrays[f"codes.{tier}"] = self.codes(tier).cpu().numpy().astype(np.uint8)
            arrays[f"codebook.{tier}"] = np.round(book / scale[:, None, None]).astype(np.int8)
            arrays[f"scale.{tier}"] = scale.astype(np.float32)
            arrays[f"centre.{tier}"] = self.centres[tier].detach().cpu().numpy()
        return {"tier": pack_tiers(tier_of), **arrays, **({} if self._kept is None else self._kept.books)}

    @torch.no_grad()
    def snap(self) -> None:
        """Round the codebooks to their int8 grid, so that metrics are those of the exported table."""
        arrays = self.arrays()
        for tier, book in enumerate(self.codebooks):
            grid = arrays[f"codebook.{tier}"].astype(np.float32) * arrays[f"scale.{tier}"][:, None, None]
            book.copy_(torch.from_numpy(grid))

    def _decode(self, tier: int) -> Tensor:
        books, codes = self.codebooks[tier], self.codes(tier)
        n_books, n_codewords, width = books.shape
        n_parts = codes.shape[1]
        used = _book_of_part(n_parts, n_books, codes.device)
        flat = books.reshape(n_books * n_codewords, width)
        vectors: Tensor = self.centres[tier] + F.embedding(codes + used * n_codewords, flat).flatten(1)
        return vectors


@dataclass(frozen=True, slots=True)
class KeptCodes:
    """Codes that change only where that gains more than a margin.

    Attributes:
        codes: the codes to keep by tier, ``[n, n_codes]``: those of the first items of the tier.
        margin: what a change must reduce the squared error by.
        books: the arrays of the frozen codebooks and centres.
    """

    codes: Sequence[Tensor]
    margin: float
    books: Mapping[str, Array]

    def held(self, tier: int, vectors: Tensor, nearest: Tensor, books: Tensor) -> Tensor:
        """Return the nearest codes ``[n, n_codes]`` of vectors ``[n, dim]``, or those to keep."""
        kept = self.codes[tier].to(nearest.device)
        known = vectors[: len(kept)]
        gains = _distances(known, kept, books) - _distances(known, nearest[: len(kept)], books)
        held = torch.where(gains > self.margin, nearest[: len(kept)], kept)
        return torch.cat([held, nearest[len(kept) :]])


def _distances(vectors: Tensor, codes: Tensor, books: Tensor) -> Tensor:
    """Return the squared distance of each part of ``vectors`` ``[n, dim]`` from its codeword, ``[n, n_codes]``."""
    n_parts = codes.shape[1]
    decoded = books[_book_of_part(n_parts, len(books), codes.device), codes]
    return (vectors.reshape(decoded.shape) - decoded).square().sum(-1)


def _book_of_part(n_parts: int, n_books: int, device: torch.device) -> Tensor:
    return torch.arange(n_parts, device=device) * n_books // n_parts


def nearest_codes(vectors: Tensor, books: Tensor, n_codes: int) -> Tensor:
    """Return the nearest codewords of vectors ``[n, dim]`` relative to the centre, int64 ``[n, n_codes]``."""
    indices = _nearest(_split(vectors, n_codes, len(books)), books)
    return (
        indices.view(len(indices), len(vectors), n_codes // len(books)).transpose(0, 1).reshape(len(vectors), n_codes)
    )


def _split(vectors: Tensor, n_parts: int, n_books: int) -> Tensor:
    """Split ``[n, dim]`` into sub-vectors by codebook, ``[n_books, n * n_parts / n_books, dim / n_parts]``."""
    by_book = vectors.reshape(len(vectors), n_books, n_parts // n_books, vectors.shape[1] // n_parts).transpose(0, 1)
    return by_book.flatten(1, 2)


def _nearest(parts: Tensor, books: Tensor) -> Tensor:
    """Return the nearest codeword of each sub-vector, ``[n_books, n]``; computed in chunks to limit memory."""
    # |x - c|^2 without |x|^2, which is the same for all codewords.
    offset = books.square().sum(-1)[:, None, :]
    pieces = [(offset - 2.0 * piece @ books.transpose(1, 2)).argmin(-1) for piece in torch.split(parts, 4096, dim=1)]
    return torch.cat(pieces, dim=1)


def _k_means(parts: Tensor, n_codewords: int, generator: torch.Generator) -> Tensor:
    """Return codebooks ``[n_books, n_codewords, width]`` of ``[n_books, n, width]`` by Lloyd's algorithm."""
    if parts.shape[1] > _SAMPLE:
        parts = parts[:, torch.randperm(parts.shape[1], generator=generator)[:_SAMPLE]]
    n_books, n, width = parts.shape
    start = torch.randint(n, (n_books, n_codewords), generator=generator)
    if n >= n_codewords:
        start = torch.stack([torch.randperm(n, generator=generator)[:n_codewords] for _ in range(n_books)])
    books = parts.gather(1, start[:, :, None].expand(-1, -1, width)).clone()
    for _ in range(_LLOYD_STEPS):
        nearest = _nearest(parts, books)
        total = torch.zeros_like(books).scatter_add_(1, nearest[:, :, None].expand(-1, -1, width), parts)
        count = torch.zeros(n_books, n_codewords).scatter_add_(1, nearest, torch.ones(n_books, n))[:, :, None]
        # An unused codeword restarts at a random sub-vector.
        spare = torch.randint(n, (n_books, n_codewords), generator=generator)
        restart = parts.gather(1, spare[:, :, None].expand(-1, -1, width))
        books = torch.where(count > 0, total / count.clamp(min=1), restart)
    return books


def _divisor(number: int, maximum: int) -> int:
    """Return the largest divisor of ``number`` up to ``maximum``."""
    return max(divisor for divisor in range(1, maximum + 1) if number % divisor == 0)


def item_counts(rows: Sequence[NDArray[np.int32]], n_items: int) -> NDArray[np.int64]:
    """Return the number of occurrences of each item, int64 ``[n_items]``."""
    joined = np.concatenate([np.zeros(0, dtype=np.int32), *rows])
    return np.bincount(joined, minlength=n_items).astype(np.int64)
