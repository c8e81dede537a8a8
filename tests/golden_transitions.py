"""The cases of `tests/golden/transitions.json`: scores of transitions, equal in the Python and browser runtimes.

After a deliberate change, regenerate them with ``python -m tests.golden_transitions`` and review the diff.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import numpy as np

from edge_runtime.bundle.arrays import Array
from edge_runtime.bundle.codes import ProductCodes, read_codes
from edge_runtime.bundle.manifest import Catalogue, Manifest, Tier, TransitionSettings
from edge_runtime.bundle.transitions import dump_transitions, levels_of, read_transitions
from edge_runtime.ranking import best_rows
from edge_runtime.transitions import TransitionScores, combined_scores
from tests.golden_dislikes import Json, dump
from tests.tiny_bundle import tiny_codes

PATH = Path(__file__).parent / "golden" / "transitions.json"

ABOUT = (
    "Scores of transitions in the Python and the browser runtime (SPEC section 10). items and texts: sizes of "
    "section 2 and arrays of section 4, of the item vectors and of similarity.safetensors; transitions: the arrays of "
    "transitions.safetensors; cases: the settings, the history, oldest first, and a state; the scores of transitions "
    "alone, and the best rows by them alone and with the state, without the history's own."
)
N_ITEMS = 300
"""More than 256, so that a follower takes two bytes."""

RATIO = 0.7
ITEMS = Catalogue(N_ITEMS, 8, 4, (Tier(100, 4, 1), Tier(200, 2, 2)))
TEXTS = Catalogue(N_ITEMS, 6, 4, (Tier(N_ITEMS, 3, 3),))
N_FOLLOWERS = (0, 1, 3, 6, 40)
SETTINGS: dict[str, Json] = {
    "both hops and texts": {},
    "item vectors": {"vectors": False},
    "the newest event only": {"newest": 1},
    "one hop": {"second_hop": 0.0},
    "no similarity": {"similarity": 0.0},
    "nearly similarity alone": {"smoothing": 1.0, "similarity": 100.0, "weight": 0.01},
}
HISTORIES = ([7], [5, 299, 7, 10, 7], [10], [0, 1, 2, 3, 4, 5, 6])


def settings_of(change: Json, n_entries: int) -> Json:
    """Return complete settings; ``vectors`` says here whether the texts are compared."""
    usual = {"newest": 5, "recency": 0.6, "second_hop": 1.0, "smoothing": 0.0003, "similarity": 4.0, "weight": 0.5}
    return usual | {"ratio": RATIO, "n_entries": n_entries, "vectors": True} | change


def make_texts(random: np.random.Generator) -> dict[str, Array]:
    """Return text codes; the vectors of items 10, 20, ... are zero."""
    arrays = tiny_codes(TEXTS, random.random(N_ITEMS), random)
    arrays["codes.0"][::10] = 0
    arrays["codebook.0"][:, 0] = 0
    arrays["centre.0"][:] = 0
    return arrays


def make_transitions(random: np.random.Generator) -> dict[str, Array]:
    """Return the table: items have 0, 1, 3, 6 or 40 followers in turn."""
    others = [np.delete(np.arange(N_ITEMS), row) for row in range(N_ITEMS)]
    rows = [
        np.sort(random.choice(others[row], N_FOLLOWERS[row % len(N_FOLLOWERS)], replace=False))
        for row in range(N_ITEMS)
    ]
    offsets = np.cumsum([0, *map(len, rows)])
    weights = random.pareto(1.0, offsets[-1]) + 0.01
    return dump_transitions(offsets, np.concatenate(rows), levels_of(offsets, weights, RATIO), N_ITEMS)


def scores_of(settings: Json, transitions: dict[str, Array], codes: ProductCodes) -> TransitionScores:
    """Return the scores of a case; ``codes`` are those that are compared."""
    typed = msgspec.convert(settings | {"vectors": None}, TransitionSettings)
    manifest = cast(Manifest, SimpleNamespace(transitions=typed, catalogue=ITEMS))
    return TransitionScores(read_transitions(transitions, manifest), codes)


def make_all() -> Json:
    """Return the contents of the file."""
    random = np.random.default_rng(0)
    items, texts = tiny_codes(ITEMS, random.random(N_ITEMS), random), make_texts(random)
    transitions = make_transitions(random)
    item_codes, text_codes = read_codes(items, ITEMS), read_codes(texts, TEXTS)
    cases = []
    for index, (name, change) in enumerate(SETTINGS.items()):
        settings = settings_of(change, len(transitions["follower"]))
        scores = scores_of(settings, transitions, text_codes if settings["vectors"] else item_codes)
        sequence = np.array(HISTORIES[index % len(HISTORIES)])
        state = random.normal(scale=2.0, size=ITEMS.dim).astype(np.float32)
        alone = scores.scores(sequence)
        both = combined_scores(item_codes, state, scores, sequence)
        assert both is not None
        cases.append(
            {
                "name": name,
                "settings": settings,
                "history": sequence.tolist(),
                "state": state.tolist(),
                "scores": [round(float(score), 4) for score in alone],
                "best": best_rows(alone, 20, sequence).tolist(),
                "best_with_state": best_rows(both, 20, sequence).tolist(),
            }
        )
    return {
        "about": ABOUT,
        "items": {"sizes": msgspec.to_builtins(ITEMS), "arrays": _plain(items)},
        "texts": {"sizes": msgspec.to_builtins(TEXTS), "arrays": _plain(texts)},
        "transitions": _plain(transitions),
        "cases": cases,
    }


def _plain(arrays: dict[str, Array]) -> dict[str, Any]:
    return {
        name: {"dtype": array.dtype.name, "shape": list(array.shape), "data": array.reshape(-1).tolist()}
        for name, array in arrays.items()
    }


def main() -> None:
    """Write all cases."""
    PATH.write_text(dump(make_all()), encoding="utf-8")


if __name__ == "__main__":
    main()
