"""For any bytes, the parsers of the format return a value or raise BundleError."""

import contextlib
import json
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.bundle.arrays import dump_arrays, load_arrays
from edge_runtime.bundle.codes import read_codes
from edge_runtime.bundle.golden import read_golden
from edge_runtime.bundle.items import read_items
from edge_runtime.bundle.manifest import dump_manifest, parse_manifest
from edge_runtime.bundle.transitions import read_transitions
from edge_runtime.engines.onnx_graph import check_graph
from edge_runtime.errors import BundleError, EngineError
from tests.tiny_bundle import Contents, Shape, tiny_contents
from tests.tiny_onnx import tiny_onnx
from tests.tiny_transitions import TinyTransitions, add_transitions

FUZZ = settings(max_examples=300, deadline=None)


def sealed() -> tuple[bytes, Contents]:
    import msgspec

    from edge_runtime.bundle.folder import describe

    manifest, contents = tiny_contents(n_items=40, seed=0, target="t", shape=Shape(), release=1, name="tiny")
    manifest, _ = add_transitions(manifest, contents, 0, TinyTransitions(), None)
    files = tuple(describe(name, role, data) for name, (role, data) in contents.items())
    return dump_manifest(msgspec.structs.replace(manifest, files=files)), contents


MANIFEST, CONTENTS = sealed()
SIZES = parse_manifest(MANIFEST).encoder
GRAPH = tiny_onnx(CONTENTS["encoder.safetensors"][1], SIZES)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def changed(draw: st.DrawFn, data: bytes) -> bytes:
    """Truncate, duplicate and overwrite parts of a file."""
    mutated = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(mutated)))
        mutated[start : start + draw(st.integers(0, 9))] = draw(st.binary(max_size=9))
    return bytes(mutated)


@FUZZ
@given(st.binary(max_size=300) | changed(MANIFEST))
def test_any_manifest(data: bytes) -> None:
    with contextlib.suppress(BundleError):
        manifest = parse_manifest(data)
        assert parse_manifest(dump_manifest(manifest)) == manifest


@FUZZ
@given(st.sampled_from(sorted(json.loads(MANIFEST))), json_values)
def test_any_value_in_a_field_of_the_manifest(name: str, value: object) -> None:
    with contextlib.suppress(BundleError):
        manifest = parse_manifest(json.dumps(json.loads(MANIFEST) | {name: value}).encode())
        assert parse_manifest(dump_manifest(manifest)) == manifest


@FUZZ
@given(st.binary(max_size=300) | changed(CONTENTS["adapter.safetensors"][1]))
def test_any_arrays(data: bytes) -> None:
    with contextlib.suppress(BundleError):
        for array in load_arrays(data, "x").values():
            assert array.dtype.kind != "f" or np.isfinite(array).all()


@FUZZ
@given(st.dictionaries(st.text(max_size=5), json_values, max_size=3), st.binary(max_size=64))
def test_any_header_of_arrays(header: dict[str, object], body: bytes) -> None:
    head = json.dumps(header).encode()

    with contextlib.suppress(BundleError):
        arrays = load_arrays(len(head).to_bytes(8, "little") + head + body, "x")
        assert sum(array.nbytes for array in arrays.values()) == len(body)


@FUZZ
@given(changed(CONTENTS["codes.safetensors"][1]), changed(CONTENTS["golden.safetensors"][1]))
def test_any_codes_and_golden_vectors(codes: bytes, golden: bytes) -> None:
    manifest = parse_manifest(MANIFEST)
    with contextlib.suppress(BundleError):
        read = read_codes(load_arrays(codes, "codes"), manifest.catalogue)
        assert np.isfinite(read.decode(np.arange(manifest.catalogue.n_items))).all()
    with contextlib.suppress(BundleError):
        assert all(len(rows) for rows in read_golden(load_arrays(golden, "golden"), manifest).sequences)


@FUZZ
@given(changed(CONTENTS["transitions.safetensors"][1]))
def test_any_transitions(data: bytes) -> None:
    manifest = parse_manifest(MANIFEST)
    n_items = manifest.catalogue.n_items
    with contextlib.suppress(BundleError):
        read = read_transitions(load_arrays(data, "transitions"), manifest)
        reached = read.step(np.ones(n_items))
        assert reached.sum() == pytest.approx((np.diff(read.offsets) > 0).sum())


@FUZZ
@given(st.binary(max_size=200) | changed(CONTENTS["items.json.z"][1]))
def test_any_items(data: bytes) -> None:
    with contextlib.suppress(BundleError):
        assert len(set(read_items(data, 40).item_id)) == 40


@FUZZ
@given(
    changed(zlib.decompress(CONTENTS["items.json.z"][1])) | json_values.map(lambda value: json.dumps(value).encode())
)
def test_any_text_inside_the_items(text: bytes) -> None:
    with contextlib.suppress(BundleError):
        assert len(set(read_items(zlib.compress(text), 40).item_id)) == 40


@FUZZ
@given(st.binary(max_size=100) | changed(GRAPH))
def test_any_graph(data: bytes) -> None:
    with contextlib.suppress(EngineError):
        check_graph(data, SIZES)


@FUZZ
@given(
    st.dictionaries(
        st.text(max_size=9),
        st.tuples(st.sampled_from(["<f4", "<i4", "<u4", "i1", "u1"]), st.lists(st.integers(0, 4), max_size=4)),
        max_size=4,
    )
)
def test_arrays_survive_a_round_trip(shapes: dict[str, tuple[str, list[int]]]) -> None:
    shapes.pop("__metadata__", None)
    rng = np.random.default_rng(0)
    arrays = {name: rng.integers(0, 99, shape).astype(dtype) for name, (dtype, shape) in shapes.items()}

    loaded = load_arrays(dump_arrays(arrays), "x")

    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array)
