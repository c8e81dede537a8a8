"""Only engines that pass the self-test are used, and a failing one is replaced by the next."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from edge_runtime import Recommender
from edge_runtime.bundle import open_folder
from edge_runtime.bundle.manifest import Encoder, EngineVariant
from edge_runtime.contents import Contents, open_contents
from edge_runtime.doctor import BUILT_IN
from edge_runtime.engines.candidates import OPENERS, EngineCandidates, Opener
from edge_runtime.engines.protocol import Engine, Floats, SmallMatrices
from edge_runtime.engines.reference import ReferenceEngine
from tests.tiny_bundle import make_tiny_bundle


@dataclass
class FaultyEngine:
    """The numpy engine, with corrupted output after the first ``from_call`` calls."""

    inner: Engine
    corrupt: Callable[[Floats], Floats]
    from_call: int = 0
    name: str = "fake"
    precision: str = "fp32"
    n_calls: int = field(default=0, init=False)

    def encode(self, embeddings: Floats, small: SmallMatrices) -> Floats:
        self.n_calls += 1
        state = self.inner.encode(embeddings, small)
        return state if self.n_calls <= self.from_call else self.corrupt(state)


def raises(_: Floats) -> Floats:
    raise MemoryError("no room")


def faulty_openers(corrupt: Callable[[Floats], Floats], from_call: int) -> dict[str, Opener]:
    def opener(data: bytes, sizes: Encoder, precision: str) -> Engine:
        return FaultyEngine(ReferenceEngine.open(data, sizes), corrupt, from_call)

    return {**OPENERS, "fake": opener}


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    folder = tmp_path_factory.mktemp("candidates") / "b"
    make_tiny_bundle(folder, engines=(EngineVariant("fake", "fp32", "encoder.safetensors", 1e-3, 0.99),))
    return open_contents(open_folder(folder))


def candidates_with(contents: Contents, corrupt: Callable[[Floats], Floats], *, from_call: int = 0) -> EngineCandidates:
    return EngineCandidates(
        contents.folder,
        contents.codes,
        contents.small,
        contents.golden,
        openers=faulty_openers(corrupt, from_call),
    )


@pytest.mark.parametrize(
    ("corrupt", "reason"),
    [
        (raises, "MemoryError: no room"),
        (lambda state: state * np.nan, "NaN"),
        (lambda state: state * np.inf, "infinity"),
        (lambda state: np.full_like(state, 1e30), "overflow"),
        (lambda state: state[:-1], r"shape \[15\], expected \[16\]"),
        (lambda state: state[None], r"shape \[1, 16\]"),
        (lambda state: -state, "failed the self-test: state error .* overlap"),
        (lambda state: state + 0.01, "failed the self-test"),
        (lambda state: np.zeros_like(state), "failed the self-test"),
    ],
)
def test_an_engine_that_fails_the_self_test_is_not_used(
    contents: Contents, corrupt: Callable[[Floats], Floats], reason: str
) -> None:
    candidates = candidates_with(contents, corrupt)

    assert candidates.engine is not None
    assert candidates.engine.name == "reference"
    assert [refusal.engine for refusal in candidates.refusals] == ["fake"]
    with pytest.raises(ValueError, match=reason):
        raise ValueError(candidates.refusals[0].reason)


@pytest.mark.parametrize("corrupt", [raises, lambda state: state * np.nan], ids=["raises", "gives NaN"])
def test_an_engine_that_fails_during_encoding_is_replaced_by_the_next(
    contents: Contents, corrupt: Callable[[Floats], Floats]
) -> None:
    candidates = candidates_with(contents, corrupt, from_call=len(contents.golden.sequences))
    assert candidates.engine is not None
    assert candidates.engine.name == "fake"
    events = contents.codes.decode(contents.golden.sequences[2])

    state = candidates.encode(events)

    assert state is not None
    np.testing.assert_allclose(state, contents.golden.states[2], atol=1e-5)
    assert candidates.engine.name == "reference"
    assert candidates.refusals[0].reason.startswith("failed during encoding: ")
    assert candidates.self_test is not None


def test_without_further_candidates_no_engine_is_selected(contents: Contents) -> None:
    candidates = candidates_with(contents, raises, from_call=len(contents.golden.sequences))
    candidates.next_engine()
    candidates.next_engine()

    assert candidates.engine is None
    assert candidates.self_test is None
    assert candidates.encode(contents.codes.decode(np.array([1]))) is None


def test_an_engine_that_is_not_installed_is_reported(contents: Contents) -> None:
    def missing(data: bytes, sizes: Encoder, precision: str) -> Engine:
        raise ModuleNotFoundError("No module named 'lite'", name="lite")

    candidates = EngineCandidates(
        contents.folder, contents.codes, contents.small, contents.golden, openers={**OPENERS, "fake": missing}
    )

    assert candidates.refusals[0].reason == "not installed (no module 'lite')"


def test_a_custom_engine_is_tried_first_and_must_pass_the_self_test(bundle: Path) -> None:
    folder = open_folder(bundle)
    weights = folder.read(folder.manifest.file("encoder.safetensors"))
    inner = ReferenceEngine.open(weights, folder.manifest.encoder)
    good, bad = FaultyEngine(inner, lambda state: state), FaultyEngine(inner, lambda state: -state)

    with Recommender.open(bundle, engine=good) as recommender:
        assert recommender.engine.name == "fake"
    with Recommender.open(bundle, engine=bad) as recommender:
        assert recommender.engine.name == "reference"
        assert recommender.engine.fallbacks[0].engine == "fake"


def test_without_a_usable_engine_popular_items_are_recommended(bundle: Path, tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "b", engines=())
    folder = open_folder(tmp_path / "b")
    inner = ReferenceEngine.open(folder.read(folder.manifest.file("encoder.safetensors")), folder.manifest.encoder)
    n_golden = 6
    failing = FaultyEngine(inner, raises, from_call=n_golden)
    (tmp_path / "b" / "encoder.safetensors").touch()

    with Recommender.open(tmp_path / "b", engine=failing) as recommender:
        popular = [item.item_id for item in recommender.recommend(40, [])]
        (tmp_path / "b" / "encoder.safetensors").unlink()
        listed = [item.item_id for item in recommender.recommend(10, ["item-1"])]
        status = recommender.engine

    assert status.name == "popularity"
    assert status.self_test is None
    assert listed == [item_id for item_id in popular if item_id != "item-1"][:10]
    assert "no such file" in status.fallbacks[-1].reason


def test_an_engine_with_a_slow_self_test_is_replaced_by_the_next(contents: Contents) -> None:
    now = 0.0

    def slow(state: Floats) -> Floats:
        nonlocal now
        now += 16.0
        return state

    candidates = EngineCandidates(
        contents.folder,
        contents.codes,
        contents.small,
        contents.golden,
        openers=faulty_openers(slow, 0),
        clock=lambda: now,
    )

    assert candidates.engine is not None
    assert candidates.engine.name == "reference"
    assert "more than 30 s" in candidates.refusals[0].reason
    assert now == 32.0


def test_a_missing_library_of_an_engine_comes_with_the_extra_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise ModuleNotFoundError("missing", name="onnxruntime")

    monkeypatch.setattr("edge_runtime.engines.onnxruntime.library", missing)
    folder = open_folder(BUILT_IN)
    only_onnx = replace(folder, manifest=structs.replace(folder.manifest, engines=folder.manifest.engines[:1]))

    candidates = open_contents(only_onnx).engine_candidates()

    assert candidates.engine is None
    assert "pip install onnxruntime" in candidates.refusals[0].reason
