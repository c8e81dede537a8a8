"""Malformed bundles are rejected, with documented errors only."""

from pathlib import Path

import pytest

from edge_runtime import Recommender
from edge_runtime.bundle import open_folder
from edge_runtime.bundle.pictures import Pictures
from edge_runtime.engines import onnxruntime
from edge_runtime.errors import BundleError, BundleIntegrityError, BundleVersionError
from tests.attacks import attacks, table


@pytest.fixture(scope="module")
def malformed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return dict(attacks(tmp_path_factory.mktemp("attacks")))


def names(*kinds: str) -> list[str]:
    names = [name for name in table() if name.partition("/")[0] in kinds]
    if not names:
        raise ValueError(f"no attack of the kinds {kinds}")
    return names


@pytest.mark.parametrize("name", names("integrity"))
def test_a_file_that_does_not_match_its_manifest_is_rejected(malformed: dict[str, Path], name: str) -> None:
    with pytest.raises(BundleIntegrityError, match=r"found .*, but the manifest says"):
        Recommender.open(malformed[name])


@pytest.mark.parametrize("name", names("version"))
def test_a_bundle_for_a_newer_runtime_raises_a_version_error(malformed: dict[str, Path], name: str) -> None:
    with pytest.raises(BundleVersionError, match="Update pocketrec"):
        Recommender.open(malformed[name])


@pytest.mark.parametrize("name", names("format"))
def test_a_bundle_that_violates_the_format_is_rejected(malformed: dict[str, Path], name: str) -> None:
    with pytest.raises(BundleError) as caught:
        Recommender.open(malformed[name])

    assert type(caught.value) is BundleError
    assert str(caught.value)


@pytest.mark.parametrize("name", names("pictures"))
def test_pictures_that_violate_the_format_are_rejected(malformed: dict[str, Path], name: str) -> None:
    folder = open_folder(malformed[name])

    with pytest.raises(BundleError, match="pictures"):
        Pictures.open(folder.arrays("pictures"), folder.manifest.catalogue.n_items)


@pytest.mark.parametrize("name", names("engine"))
def test_an_invalid_engine_is_not_used(malformed: dict[str, Path], name: str) -> None:
    with Recommender.open(malformed[name]) as recommender:
        status = recommender.engine
        listed = recommender.recommend(5, ["item-1"])

    assert status.name == "popularity"
    assert len(status.fallbacks) == 1
    assert status.fallbacks[0].reason
    assert len(listed) == 5


@pytest.mark.parametrize("name", names("graph"))
def test_a_graph_with_forbidden_operators_is_not_passed_to_a_library(
    malformed: dict[str, Path], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime, "library", None)

    with Recommender.open(malformed[name]) as recommender:
        status = recommender.engine

    assert status.name == "reference"
    assert "TypeError" not in status.fallbacks[0].reason


def test_the_number_of_attacks_has_not_dropped() -> None:
    assert len(table()) > 150
