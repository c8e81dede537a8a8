"""Fixtures that take seconds to build, shared by all tests of this folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import msgspec
import pytest

from edge_runtime.bundle.arrays import dump_arrays
from edge_runtime.child import FOLDER
from export import encoder_tflite
from export.bundle import Exported, Exporter, Release
from export.parts import PartCache, digest_of
from export.quantize import QuantizedEncoder, quantize_encoder
from export.target import read_target
from tests.forked_commands import Forks, forks_with
from tests.tiny_student import TinyStudent, make_encoder, make_tiny_student
from train.distill.student import DeviceEncoder

_converted = encoder_tflite._exported


@pytest.fixture(scope="session", autouse=True)
def _own_caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what is computed from tiny catalogues out of the user's caches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.evaluation.context.FEATURES", tmp_path_factory.mktemp("features"))
        patch.setattr("train.transitions.saved_search.SEARCHES", tmp_path_factory.mktemp("searches"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _equal_encoders_are_converted_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep TFLite files for the other tests and processes of this run: each takes ten seconds of computing.

    Half of it are imports, which the conversions of one process share.
    """
    own = tmp_path_factory.getbasetemp()
    kept = PartCache((own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "converted")
    kept.folder.mkdir(exist_ok=True)

    def exported(encoder: DeviceEncoder, sizes: encoder_tflite._Sizes) -> bytes:
        weights = dump_arrays({name: tensor.numpy() for name, tensor in encoder.state_dict().items()})
        inputs = {"weights": digest_of(weights), "sizes": msgspec.to_builtins(sizes)}
        with kept.path("lock", inputs).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # until it is closed
            return kept.get("encoder.tflite", inputs, lambda: converted(encoder, sizes))

    def converted(encoder: DeviceEncoder, sizes: encoder_tflite._Sizes) -> bytes:
        if not started:
            started.append(stack.enter_context(forks_with("litert_torch", "export.tflite_weights")))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(encoder_tflite, "_run", partial(_convert_in_a_fork, started[0]))
            return _converted(encoder, sizes)

    started: list[Forks] = []
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoder_tflite, "_exported", exported)
        yield


def _convert_in_a_fork(forks: Forks, folder: Path) -> None:
    done = forks.run("export.encoder_tflite", folder, folder=FOLDER)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def _converts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Convert in this test in any case: it is about the conversion itself."""
    monkeypatch.setattr(encoder_tflite, "_exported", _converted)


@pytest.fixture(scope="session")
def quantized() -> QuantizedEncoder:
    return quantize_encoder(make_encoder())


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyStudent:
    return make_tiny_student(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def bundles(tiny: TinyStudent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the bundles of laptop-x86_64 and browser-wasm; tests must not modify it."""
    out = tmp_path_factory.mktemp("bundles")
    exporter = Exporter(tiny.student, tiny.dataset, out)
    for name in ("laptop-x86_64", "browser-wasm"):
        exported: Exported = exporter.export(read_target(name), Release())
        assert exported.changed
    return out


@pytest.fixture(scope="session")
def tflite(bundles: Path) -> bytes:
    """Return the TFLite file of ``quantized``; the tiny student has the same weights."""
    return (bundles / "laptop-x86_64" / "encoder.tflite").read_bytes()
