"""Usable bundles with an invalid first engine."""

from collections.abc import Callable

import numpy as np

from edge_runtime.bundle.arrays import Array, dump_arrays
from tests.attacks.draft import Attack, Draft, in_part


def engines() -> dict[str, Attack]:
    name = "encoder.safetensors"

    def drop(tensor: str) -> Attack:
        def attack(draft: Draft) -> None:
            arrays = draft.arrays(name)
            del arrays[tensor]
            draft.replace(name, dump_arrays(arrays))

        return attack

    def change(tensor: str, change_array: Callable[[Array], Array]) -> Attack:
        return lambda draft: draft.replace_arrays(name, **{tensor: change_array(draft.arrays(name)[tensor])})

    def scaled_zero_row(draft: Draft) -> None:
        weight, scale = (draft.arrays(name)[tensor].copy() for tensor in ("position", "position.scale"))
        weight[-1], scale[-1] = 0, 1e6
        draft.replace_arrays(name, **{"position": weight, "position.scale": scale})

    def fewer_heads(width: int) -> Attack:
        """Return well-formed attention of a width that no whole number of heads from 1 to 2 has; a head has 8."""

        def attack(draft: Draft) -> None:
            arrays = draft.arrays(name)
            for part in ("query", "key", "value"):
                for kind in ("weight", "weight.scale", "bias"):
                    array = arrays[f"block.0.{part}.{kind}"]
                    arrays[f"block.0.{part}.{kind}"] = np.resize(array, (width, *array.shape[1:]))
            output = arrays["block.0.output.weight"]
            arrays["block.0.output.weight"] = np.resize(output, (output.shape[0], width))
            draft.replace(name, dump_arrays(arrays))

        return attack

    return {
        "engine/weight-missing": drop("block.1.value.weight"),
        "engine/scale-missing": drop("position.scale"),
        "engine/weight-of-another-shape": change("block.0.query.weight", lambda array: array[:-1]),
        "engine/heads-in-parts": fewer_heads(7),
        "engine/no-heads": fewer_heads(0),
        "engine/more-heads-than-stated": fewer_heads(24),
        "engine/heads-of-key-and-value-differ": change("block.0.query.weight", lambda array: array[:8]),
        "engine/weight-of-another-dtype": change("norm.weight", lambda array: array.astype(np.int8)),
        "engine/feed-parts-differ": change("block.0.feed_out.weight", lambda array: array[:, :-1]),
        "engine/feed-of-no-width": change("block.0.feed_in.weight", lambda array: array[:0]),
        "engine/weights-changed": change("block.0.value.weight", lambda array: -array),
        "engine/scale-huge": change("position.scale", lambda scale: np.full_like(scale, 3e38)),
        "engine/scale-of-a-million-of-a-row-without-weight": scaled_zero_row,
        "engine/state-overflows": change("norm.weight", lambda weight: np.full_like(weight, 3e38)),
        "engine/weights-large": change("block.0.output.weight.scale", lambda scale: np.full_like(scale, 9e5)),
        "engine/not-a-model": lambda draft: draft.replace(name, b"not a model at all"),
        "engine/unknown-kind": in_part("engines", 0, engine="abacus"),
    }
