"""Padding and the choice of library and signature in the LiteRT engine; its states are tested with the export."""

from collections.abc import Callable

import numpy as np
import pytest

from edge_runtime.bundle.manifest import Encoder
from edge_runtime.bundle.names import ENCODER_INPUTS
from edge_runtime.engines import litert
from edge_runtime.engines.litert import LiteRTEngine
from edge_runtime.engines.protocol import Floats
from edge_runtime.errors import EngineError
from tests.tiny_bundle import Shape, tiny_small

SIZES = Encoder(16, 8, 2, 2, 3, 2, 4.0)


class FakeInterpreter:
    """Sums its inputs, and reuses the output buffer as the real interpreter does."""

    def __init__(self, model_content: bytes, num_threads: int) -> None:
        self.inputs = model_content.decode().split(",")
        self.memory = np.zeros((1, 16), dtype=np.float32)

    def allocate_tensors(self) -> None:
        """Do nothing."""

    def get_signature_list(self) -> dict[str, dict[str, list[str]]]:
        return {"other": {"inputs": ["x"], "outputs": ["y"]}, "encode": {"inputs": self.inputs, "outputs": ["state"]}}

    def get_signature_runner(self, key: str) -> Callable[..., dict[str, Floats]]:
        assert key == "encode"
        return self.run

    def run(self, **inputs: Floats) -> dict[str, Floats]:
        self.memory[:] = inputs["embeddings"].sum(axis=1) + inputs["mask"].sum()
        return {"state": self.memory}


def test_events_are_padded_with_zeros_in_front() -> None:
    seen: dict[str, Floats] = {}

    def run(**inputs: Floats) -> dict[str, Floats]:
        seen.update(inputs)
        return {"state": np.zeros((1, 16), dtype=np.float32)}

    events = np.arange(48, dtype=np.float32).reshape(3, 16) + 1
    LiteRTEngine(run, SIZES, "int8").encode(events, tiny_small(Shape(), np.random.default_rng(0)))

    assert sorted(seen) == sorted(ENCODER_INPUTS)
    assert seen["embeddings"].shape == (1, 8, 16)
    np.testing.assert_array_equal(seen["embeddings"][0, :5], 0)
    np.testing.assert_array_equal(seen["embeddings"][0, 5:], events)
    np.testing.assert_array_equal(seen["mask"], [[0, 0, 0, 0, 0, 1, 1, 1]])


def test_long_sequences_are_truncated_to_the_newest_events() -> None:
    seen: dict[str, Floats] = {}

    def run(**inputs: Floats) -> dict[str, Floats]:
        seen.update(inputs)
        return {"state": np.zeros((1, 16), dtype=np.float32)}

    events = np.arange(160, dtype=np.float32).reshape(10, 16)
    LiteRTEngine(run, SIZES, "int8").encode(events, tiny_small(Shape(), np.random.default_rng(0)))

    np.testing.assert_array_equal(seen["embeddings"][0], events[-8:])


def test_a_state_is_not_overwritten_by_the_next_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litert, "interpreter_class", lambda: FakeInterpreter)
    monkeypatch.setattr(litert, "check_graph", lambda data: None)
    engine = LiteRTEngine.open(",".join(ENCODER_INPUTS).encode(), SIZES)
    small = tiny_small(Shape(), np.random.default_rng(0))

    first = engine.encode(np.ones((2, 16), dtype=np.float32), small)
    engine.encode(np.zeros((1, 16), dtype=np.float32), small)

    np.testing.assert_array_equal(first, np.full(16, 4.0))


def test_a_file_without_the_expected_signature_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litert, "interpreter_class", lambda: FakeInterpreter)
    monkeypatch.setattr(litert, "check_graph", lambda data: None)

    with pytest.raises(EngineError, match="no signature"):
        LiteRTEngine.open(b"embeddings,mask", SIZES)


def test_without_a_library_the_engine_is_reported_as_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litert, "MODULES", ("no_such_library.interpreter", "nor_this_one.interpreter"))

    with pytest.raises(ModuleNotFoundError, match="neither"):
        LiteRTEngine.open(b"", SIZES)
