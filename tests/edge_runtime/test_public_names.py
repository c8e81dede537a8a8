"""The public API is importable from ``edge_runtime``, and accepts any path type."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import edge_runtime
from edge_runtime import (
    BundleError,
    BundleIntegrityError,
    PocketRecError,
    Recommender,
    StateError,
    UnknownItemError,
    errors,
)
from edge_runtime.bundle import open_folder
from edge_runtime.device_folder import current_bundle
from edge_runtime.state.history import History


class Place:
    """A path-like object of another library."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __fspath__(self) -> str:
        return os.fspath(self._path)


@pytest.mark.parametrize("kind", [str, Path, Place])
def test_a_path_may_be_a_string_or_path_like(
    bundle: Path, tmp_path: Path, kind: type[str] | type[Path] | type[Place]
) -> None:
    with Recommender.open(kind(bundle), kind(tmp_path / "s.sqlite")) as recommender:
        recommender.observe("item-3")

    assert open_folder(kind(bundle)).manifest.release == 1
    assert current_bundle(kind(bundle)) == bundle
    with History.open(kind(tmp_path / "s.sqlite")) as history:
        assert len(history.newest()) == 1


def test_errors_can_be_caught_by_their_public_names(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()

    with pytest.raises(BundleError):
        Recommender.open(str(tmp_path / "nowhere"))
    with pytest.raises(StateError):
        Recommender.open(str(bundle), str(tmp_path / "s"))
    with Recommender.open(str(bundle)) as recommender, pytest.raises(UnknownItemError):
        recommender.explain("nonsense")
    assert issubclass(BundleIntegrityError, PocketRecError)


def test_every_error_has_a_public_name() -> None:
    raised = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}

    assert raised == {name for name in edge_runtime.__all__ if name.endswith("Error")}
    for name in edge_runtime.__all__:
        assert getattr(edge_runtime, name) is not None


def test_importing_the_transport_does_not_load_the_recommender() -> None:
    heavy = "{'numpy', 'edge_runtime.recommender'}"
    code = f"import sys; from edge_runtime import HttpTransport; print({heavy} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


def test_importing_an_error_loads_no_library() -> None:
    code = "import sys; from edge_runtime import StateError; print({'numpy', 'msgspec', 'sqlite3'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        edge_runtime.Nothing  # noqa: B018 - asking is the test
