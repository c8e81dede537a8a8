"""ONNX Runtime gives the same states as the numpy engine, on a graph of the same formula."""

from pathlib import Path

import numpy as np
import pytest

from edge_runtime import Recommender
from edge_runtime.bundle import open_folder
from edge_runtime.engines.onnxruntime import OnnxRuntimeEngine, library
from edge_runtime.engines.reference import ReferenceEngine
from edge_runtime.errors import EngineError
from tests.tiny_bundle import Shape, make_tiny_bundle, tiny_contents, tiny_small
from tests.tiny_onnx import ONNX_VARIANT, tiny_onnx


def two_engines() -> tuple[OnnxRuntimeEngine, ReferenceEngine]:
    manifest, contents = tiny_contents(
        n_items=40, seed=0, target="laptop-x86_64", shape=Shape(n_heads=4), release=1, name="tiny shop"
    )
    weights = contents["encoder.safetensors"][1]
    return (
        OnnxRuntimeEngine.open(tiny_onnx(weights, manifest.encoder), manifest.encoder),
        ReferenceEngine.open(weights, manifest.encoder),
    )


@pytest.mark.parametrize("length", [1, 2, 5, 8, 11])
def test_the_state_equals_that_of_the_numpy_engine(length: int) -> None:
    rng = np.random.default_rng(length)
    onnxruntime, reference = two_engines()
    small = tiny_small(Shape(), rng)
    events = rng.normal(size=(length, 16)).astype(np.float32)

    state = onnxruntime.encode(events, small)

    np.testing.assert_allclose(state, reference.encode(events, small), atol=2e-5)


def test_a_graph_with_other_inputs_is_rejected() -> None:
    import onnx
    from onnx import helper

    manifest, contents = tiny_contents(
        n_items=40, seed=0, target="laptop-x86_64", shape=Shape(), release=1, name="tiny shop"
    )
    graph = onnx.load_from_string(tiny_onnx(contents["encoder.safetensors"][1], manifest.encoder))
    graph.graph.input.append(helper.make_tensor_value_info("surprise", onnx.TensorProto.FLOAT, [1]))

    with pytest.raises(EngineError, match="surprise"):
        OnnxRuntimeEngine.open(graph.SerializeToString(), manifest.encoder)


def test_a_graph_cannot_read_files_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnx

    onnxruntime = library()
    manifest, contents = tiny_contents(
        n_items=40, seed=0, target="laptop-x86_64", shape=Shape(), release=1, name="tiny shop"
    )
    graph = onnx.load_from_string(tiny_onnx(contents["encoder.safetensors"][1], manifest.encoder))
    weight = next(one for one in graph.graph.initializer if len(one.raw_data) >= 16)
    (tmp_path / "secret.bin").write_bytes(weight.raw_data)
    location = [("location", "secret.bin"), ("offset", "0"), ("length", str(len(weight.raw_data)))]
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    for key, value in location:
        weight.external_data.add(key=key, value=value)
    monkeypatch.chdir(tmp_path)
    onnxruntime.InferenceSession(graph.SerializeToString())  # without the option, the file is read

    with pytest.raises(EngineError, match="external data"):
        OnnxRuntimeEngine.open(graph.SerializeToString(), manifest.encoder)
    monkeypatch.setattr("edge_runtime.engines.onnxruntime.check_graph", lambda data, sizes: None)
    with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.Fail, match="External data"):
        OnnxRuntimeEngine.open(graph.SerializeToString(), manifest.encoder)


def test_a_bundle_gives_the_same_list_as_with_the_numpy_engine(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "plain")
    folder = open_folder(tmp_path / "plain")
    graph = tiny_onnx(folder.read(folder.manifest.file("encoder.safetensors")), folder.manifest.encoder)
    make_tiny_bundle(tmp_path / "onnx", extra={"encoder.onnx": ("encoder", graph)}, engines=(ONNX_VARIANT,))
    history = ["item-3", "item-8", "item-21"]

    with Recommender.open(tmp_path / "onnx") as fast, Recommender.open(tmp_path / "plain") as plain:
        assert fast.engine.name == "onnxruntime"
        assert plain.engine.name == "reference"
        assert [x.item_id for x in fast.recommend(10, history)] == [x.item_id for x in plain.recommend(10, history)]


def test_an_invalid_graph_falls_back_to_the_next_engine(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "b", extra={"encoder.onnx": ("encoder", b"no graph")}, engines=(ONNX_VARIANT,))

    with Recommender.open(tmp_path / "b") as recommender:
        status = recommender.engine

    assert status.name == "reference"
    assert [(refusal.engine, refusal.precision) for refusal in status.fallbacks] == [("onnxruntime", "fp32")]
