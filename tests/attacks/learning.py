"""Settings of learning on the device that are out of their bounds."""

from typing import Final

from edge_runtime.bundle.manifest import LearningSettings
from tests.attacks.draft import Attack, Draft, Json
from tests.tiny_learning import LEARNING

_OUTSIDE: Final[dict[str, tuple[object, ...]]] = {
    "temperature": (0.0, 1000.1, -4.0, None, "4"),
    "learning_rate": (-0.1, 1.1),
    "factor_rate": (-0.1, 1.1),
    "epsilon": (0.0, 1000.1),
    "weight_decay": (-0.1, 1.1),
    "beta1": (-0.1, 1.0),
    "beta2": (-0.1, 1.0),
    "updates": (0, 1001, 10.5, True),
    "examples": (3, 1025),
    "candidates": (1, 4097, 1 << 53),
}


def learning() -> dict[str, Attack]:
    attacks = {
        f"format/learning-{name}-of-{value}": _settings(**{name: value})
        for name, values in _OUTSIDE.items()
        for value in values
    }
    for name in LearningSettings.__struct_fields__:
        attacks[f"format/learning-no-{name}"] = _without(name)
    attacks["format/learning-a-list"] = lambda draft: draft.manifest.update(learning=[])
    return attacks


def _values() -> Json:
    return {name: getattr(LEARNING, name) for name in LearningSettings.__struct_fields__}


def _settings(**changed: object) -> Attack:
    def attack(draft: Draft) -> None:
        draft.manifest["learning"] = _values() | changed

    return attack


def _without(name: str) -> Attack:
    def attack(draft: Draft) -> None:
        draft.manifest["learning"] = {key: value for key, value in _values().items() if key != name}

    return attack
