"""The cases of `tests/golden/near_ties.json`: cosines that tie but for rounding, equal in Python and the page.

After a deliberate change, regenerate them with ``python -m tests.golden_near_ties`` and review the diff.
"""

from itertools import permutations
from pathlib import Path

import numpy as np

from edge_runtime.bundle.arrays import Array
from edge_runtime.bundle.codes import ProductCodes, pack_tiers
from edge_runtime.bundle.manifest import Catalogue, Tier
from edge_runtime.ranking import Rows, best_rows
from edge_runtime.similar import Cosines
from tests.golden_dislikes import Json, codes_of, dump

PATH = Path(__file__).parent / "golden" / "near_ties.json"

ABOUT = (
    "Cosines of items whose codes are permutations of one another, in one codebook for all parts. Items 0 and 1 have "
    "the same code in every part: the cosines with them are equal but for the order of sums. Python and the page have "
    "to compute the same float32 numbers, so that the lists are the same."
)
DIM, N_CODEWORDS = 15, 6
N_PERMUTED = 120
N_ITEMS = 2 + 2 * N_PERMUTED
QUERIES = (0, 1, 2, 57, 200)
TOP = 100


def make_codes() -> tuple[Catalogue, dict[str, Array]]:
    """Return the sizes and the arrays: 122 items of five codes, and 120 of three."""
    random = np.random.default_rng(7)
    long = np.array([[0] * 5, [5] * 5, *permutations(range(5))], dtype=np.uint8)
    short = random.permuted(np.tile([1, 2, 4], (N_PERMUTED, 1)), axis=1).astype(np.uint8)
    sizes = Catalogue(N_ITEMS, DIM, N_CODEWORDS, (Tier(len(long), 5, 1), Tier(N_PERMUTED, 3, 1)))
    arrays: dict[str, Array] = {"tier": pack_tiers((np.arange(N_ITEMS) >= len(long)).astype(np.uint8))}
    for tier, (codes, scale) in enumerate(((long, 0.0137), (short, 0.0211))):
        width = DIM // codes.shape[1]
        arrays |= {
            f"codes.{tier}": codes,
            f"codebook.{tier}": random.integers(-127, 128, (1, N_CODEWORDS, width)).astype(np.int8),
            f"scale.{tier}": np.array([scale], dtype=np.float32),
            f"centre.{tier}": np.zeros(DIM, dtype=np.float32),
        }
    return sizes, arrays


def make_all() -> Json:
    """Return the content of the file."""
    sizes, arrays = make_codes()
    written = {
        name: {"dtype": array.dtype.name, "shape": list(array.shape), "data": array.reshape(-1).tolist()}
        for name, array in arrays.items()
    }
    codes = codes_of(sizes, written)
    cosines = Cosines(codes)
    cases = []
    for row in QUERIES:
        values = cosines.of(codes.decode(np.array([row]))[0])
        cases.append({"row": row, "cosines": values.tolist(), "best": best_rows(values, TOP).tolist()})
    tiers = [{"n_items": tier.n_items, "n_codes": tier.n_codes, "n_books": tier.n_books} for tier in sizes.tiers]
    catalogue = {"n_items": N_ITEMS, "dim": DIM, "n_codewords": N_CODEWORDS, "tiers": tiers}
    return {"about": ABOUT, "sizes": catalogue, "codes": written, "cases": cases}


def best_by_float32(codes: ProductCodes, row: int) -> Rows:
    """Return what sums of float32 in the order of the parts would give."""
    vectors = codes.decode(np.arange(N_ITEMS))
    products = np.add.accumulate(vectors * vectors[row], axis=1, dtype=np.float32)[:, -1]
    lengths = np.sqrt(np.add.accumulate(vectors * vectors, axis=1, dtype=np.float32)[:, -1])
    return best_rows((products / lengths).astype(np.float32), TOP)


if __name__ == "__main__":
    PATH.write_text(dump(make_all()), encoding="utf-8")
