"""Files that a device writes and hosts that it connects to, observed on real processes with a separate home folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from edge_runtime.language_model.client import LlamaWriter
from export.gguf import make_language_model as make_gguf
from tests.live_server import POCKETREC, serving
from tests.tiny_bundle import Shape, make_tiny_bundle, tiny_contents
from tests.tiny_language_model import make_language_model
from tests.tiny_onnx import ONNX_VARIANT, tiny_onnx
from tests.watched import Watch

PYTHON = Path(sys.executable).name  # as the kernel names the process

SENTENCES = ("It is blue.", "It is red.")


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch.over(tmp_path)


@pytest.fixture
def onnx_bundle(tmp_path: Path) -> Path:
    """A bundle with an ONNX Runtime engine."""
    manifest, contents = tiny_contents(
        n_items=40, seed=0, target="laptop-x86_64", shape=Shape(), release=1, name="tiny shop"
    )
    graph = tiny_onnx(contents["encoder.safetensors"][1], manifest.encoder)
    make_tiny_bundle(tmp_path / "bundle", extra={"encoder.onnx": ("encoder", graph)}, engines=(ONNX_VARIANT,))
    return tmp_path / "bundle"


def run(watch: Watch, *command: str | Path, typed: str = "") -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [*map(str, command)],
        env=watch.environment,
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_the_watch_records_look_ups_connections_and_files(watch: Watch) -> None:
    code = """
import pathlib, socket
pathlib.Path.home().joinpath("seen").touch()
for name in ("host.invalid", "127.0.0.1"):
    try:
        socket.create_connection((name, 9), timeout=5)
    except OSError:
        pass
"""
    run(watch, sys.executable, "-c", code)

    assert watch.files() == {"seen"}
    assert watch.network() == {f"look-up host.invalid ({PYTHON})", f"connect 127.0.0.1 ({PYTHON})"}


def test_a_session_writes_one_file_and_makes_no_connection(watch: Watch, onnx_bundle: Path) -> None:
    done = run(watch, *POCKETREC, "run", onnx_bundle, typed="like 1\nwhy 1\nengine\nquit\n")

    assert "onnxruntime" in done.stdout
    assert done.stderr == ""
    assert watch.files() == {
        ".local", ".local/state", ".local/state/pocketrec", ".local/state/pocketrec/tiny-shop-b6a9f5.sqlite"
    }  # fmt: skip
    assert watch.network() == set()


@pytest.mark.parametrize("command", ["inspect", "recommend"])
def test_inspecting_a_bundle_writes_nothing(watch: Watch, onnx_bundle: Path, command: str) -> None:
    done = run(watch, *POCKETREC, command, onnx_bundle, "--json")

    assert '"onnxruntime"' in done.stdout
    assert done.stderr == ""
    assert watch.files() == set()
    assert watch.network() == set()


def test_the_language_model_worker_writes_nothing(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_gguf(make_language_model(tmp_path / "model"), tmp_path / "reasons.gguf", "Q4_K_M")
    for name in ("CI", "GITHUB_ACTIONS", "HF_HUB_OFFLINE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in watch.environment.items():
        monkeypatch.setenv(name, value)
    writer = LlamaWriter(tmp_path / "reasons.gguf", context=512, timeout_s=60.0)

    assert writer.write("x", SENTENCES, 0) in SENTENCES

    writer.close()
    assert watch.files() == set()
    assert watch.network() == set()


def test_a_sync_connects_to_its_server_only_and_the_server_to_no_host(watch: Watch, tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "bundles" / "laptop-x86_64")

    with serving(tmp_path / "bundles", environment=watch.environment) as server:
        assert watch.network() == set()
        run(watch, *POCKETREC, "sync", server.url, "--insecure", "--into", tmp_path / "device")

    assert watch.network() == {f"connect 127.0.0.1 ({PYTHON})"}
    assert watch.files() == set()
