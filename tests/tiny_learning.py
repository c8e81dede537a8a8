"""Settings of learning on the device, for tests."""

from typing import Final

from edge_runtime.bundle.manifest import LearningSettings

LEARNING: Final = LearningSettings(
    temperature=4.0,
    learning_rate=0.02,
    factor_rate=0.01,
    epsilon=0.05,
    weight_decay=0.005,
    beta1=0.9,
    beta2=0.99,
    updates=10,
    examples=128,
    candidates=512,
)
