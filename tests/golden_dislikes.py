"""The cases of `tests/golden/dislikes.json`: effects of dislikes on scores, equal in the Python and browser runtimes.

After a deliberate change, regenerate them with ``python -m tests.golden_dislikes`` and review the diff.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.bundle.codes import ProductCodes, read_codes
from edge_runtime.bundle.manifest import Catalogue, Tier
from edge_runtime.dislikes import DislikePenalty, newest_dislikes
from edge_runtime.ranking import best_rows
from edge_runtime.similar import Cosines
from edge_runtime.state.history import Event
from tests.tiny_bundle import tiny_codes

PATH = Path(__file__).parent / "golden" / "dislikes.json"

Json = dict[str, Any]

ABOUT = (
    "What dislikes do in the Python and the browser runtime. codes: the arrays of SPEC section 4; cases: the scores, "
    "the disliked rows, the newest first, the scores after them, and the best rows then; histories: item, event and "
    "how often, oldest first, and the disliked items that count, the newest first."
)
DIM, N_CODEWORDS = 8, 4
TIERS = (Tier(40, 4, 1), Tier(90, 2, 2))
N_ITEMS = 130
HISTORIES: tuple[list[list[Any]], ...] = (
    [],
    [["a", "dislike", 1]],
    [["a", "click", 1], ["a", "dislike", 1], ["b", "dislike", 1], ["c", "like", 1]],
    [["a", "dislike", 1], ["a", "like", 1], ["b", "dislike", 1]],
    [["a", "dislike", 1], ["b", "dislike", 2], ["a", "dislike", 1]],
    [["a", "dislike", 1], ["b", "click", 255]],
    [["a", "dislike", 1], ["b", "click", 256]],
)


def make_codes() -> tuple[Catalogue, Json]:
    """Return the sizes, and the arrays by name with type, shape and values."""
    sizes = Catalogue(N_ITEMS, DIM, N_CODEWORDS, TIERS)
    random = np.random.default_rng(0)
    arrays = tiny_codes(sizes, random.random(N_ITEMS), random)
    return sizes, {
        name: {"dtype": array.dtype.name, "shape": list(array.shape), "data": array.reshape(-1).tolist()}
        for name, array in arrays.items()
    }


def codes_of(sizes: Catalogue, arrays: Json) -> ProductCodes:
    """Return the codes in memory."""
    return read_codes(
        {name: np.array(one["data"], dtype=one["dtype"]).reshape(one["shape"]) for name, one in arrays.items()}, sizes
    )


def lowered(codes: ProductCodes, case: Json) -> list[float]:
    """Return the scores after the dislikes of a case."""
    scores = np.array(case["scores"], dtype=np.float32)
    return [
        float(one) for one in DislikePenalty(Cosines(codes)).apply(scores, np.array(case["disliked"], dtype=np.int64))
    ]


def counted(history: list[list[Any]]) -> list[str]:
    """Return the disliked items of a history that count."""
    events = [Event(0, item_id, event, 0) for item_id, event, times in history for _ in range(times)]
    return newest_dislikes(events[::-1])


def make_all() -> Json:
    """Return the contents of the file."""
    sizes, arrays = make_codes()
    codes = codes_of(sizes, arrays)
    random = np.random.default_rng(1)
    gumbel = np.round(random.gumbel(size=N_ITEMS) * 256) / 256
    popular = np.floor(255 * random.random(N_ITEMS)) / 255
    cases = []
    for scores in (gumbel, popular, np.full(N_ITEMS, 0.5)):
        for disliked in ([], [3], [7, 3, 100], list(range(20, 30))):
            case = {"scores": [float(one) for one in scores.astype(np.float32)], "disliked": disliked}
            after = lowered(codes, case)
            best = best_rows(np.array(after, dtype=np.float32), 10).tolist()
            cases.append(case | {"expected": [round(one, 5) for one in after], "best": best})
    return {
        "about": ABOUT,
        "sizes": {"n_items": N_ITEMS, "dim": DIM, "n_codewords": N_CODEWORDS},
        "tiers": [{"n_items": tier.n_items, "n_codes": tier.n_codes, "n_books": tier.n_books} for tier in sizes.tiers],
        "codes": arrays,
        "cases": cases,
        "histories": [[history, counted(history)] for history in HISTORIES],
    }


def dump(content: Json) -> str:
    """Return the text of the file, with one line per entry of a list or object."""
    parts = []
    for name, value in content.items():
        if isinstance(value, dict):
            body = ",\n".join(f"{json.dumps(key)}: {json.dumps(one)}" for key, one in value.items())
            parts.append(f'"{name}": {{\n{body}\n}}')
        elif isinstance(value, list):
            body = ",\n".join(json.dumps(one) for one in value)
            parts.append(f'"{name}": [\n{body}\n]')
        else:
            parts.append(f'"{name}": {json.dumps(value)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main() -> None:
    """Write all cases."""
    PATH.write_text(dump(make_all()), encoding="utf-8")


if __name__ == "__main__":
    main()
