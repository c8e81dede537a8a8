"""The cases of `tests/golden/diversity.json`: diversified lists that the Python and browser runtimes must both return.

After a deliberate change, regenerate them with ``python -m tests.golden_diversity`` and review the diff.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.diversity import diversified_positions

PATH = Path(__file__).parent / "golden" / "diversity.json"

Json = dict[str, Any]

ABOUT = (
    "Lists that the Python and the browser runtime make alike. scores: of the candidates, the best first; vectors: of "
    "the candidates, dim numbers each; all of them float32. expected: for each diversity, the places of k candidates."
)
STEPS = (0.0, 0.05, 0.3, 0.55, 0.8, 1.0)


def answer(case: Json, k: int, diversity: float) -> list[int]:
    """Return the places of a list."""
    scores = np.array(case["scores"], dtype=np.float32)
    vectors = np.array(case["vectors"], dtype=np.float32).reshape(len(scores), case["dim"])
    places: list[int] = diversified_positions(scores, vectors, k, diversity).tolist()
    return places


def make_cases() -> list[Json]:
    """Return the candidates of every case, without the expected lists."""
    random = np.random.default_rng(0)
    near = random.normal(size=(6, 8))[np.arange(24) % 6] + 0.2 * random.normal(size=(24, 8))
    pool = random.normal(size=(16, 16))[random.integers(0, 16, 100)] + 0.5 * random.normal(size=(100, 16))
    copies = random.normal(size=(4, 4))[np.arange(12) // 3]
    return [
        _case("groups that resemble each other", 8, _falling(random, 24), near),
        _case("a whole pool", 12, _falling(random, 100), pool),
        _case("a longer list than there are dimensions", 40, _falling(random, 100), pool[:, :4]),
        _case("items with the same codes", 6, np.repeat([3.0, 2.0, 1.0, 0.5], 3), copies),
        _case("equal scores", 5, np.full(12, 0.25), copies),
        _case("one score far above the others", 6, np.concatenate([[900.0], _falling(random, 23)]), near),
        _case("scores of a popularity", 6, np.floor(_falling(random, 24) * 40) / 255, near),
        _case("opposite vectors and a vector of zeros", 4, [3, 2, 1, 0], [[1, 0], [-1, 0], [0, 0], [0, -2]]),
        _case("fewer candidates than wanted", 10, [2, 1, 0], [[1, 1], [1, 0.5], [-1, 1]]),
        _case("one candidate", 3, [1], [[1, 2, 3]]),
        _case("no candidate", 3, [], []),
    ]


def _falling(random: np.random.Generator, n: int) -> NDArray[np.float64]:
    return -np.sort(-random.gumbel(size=n))


def _case(name: str, k: int, scores: Any, vectors: Any) -> Json:  # noqa: ANN401 - whatever numpy takes
    # Rounded to 1/256, so that the numbers are short and exact in float32.
    rounded = [np.round(np.asarray(one, dtype=np.float64) * 256) / 256 for one in (scores, vectors)]
    dim = rounded[1].shape[-1]
    return {"name": name, "k": k, "dim": dim, "scores": rounded[0].tolist(), "vectors": rounded[1].tolist()}


def dump(cases: list[Json]) -> str:
    """Return the text of the file, with one line per case."""
    for case in cases:
        case["expected"] = [[diversity, answer(case, case["k"], diversity)] for diversity in STEPS]
    lines = ",\n".join(json.dumps(case) for case in cases)
    return f'{{\n"about": {json.dumps(ABOUT)},\n"cases": [\n{lines}\n]\n}}\n'


def main() -> None:
    """Write all cases."""
    PATH.write_text(dump(make_cases()), encoding="utf-8")


if __name__ == "__main__":
    main()
