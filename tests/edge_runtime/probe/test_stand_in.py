"""A stand-in has the sizes of a bundle, and can be ranked with like any other."""

from pathlib import Path

import msgspec
import pytest

from edge_runtime.bundle import open_folder
from edge_runtime.bundle.manifest import ITEM_LOG, ITEM_TABLE
from edge_runtime.probe.stand_in import feed_width, write_stand_in
from edge_runtime.recommender import Recommender
from tests.tiny_bundle import Shape, make_tiny_bundle
from tests.tiny_transitions import ALONE, WITH_ENGINES, TinyTransitions


@pytest.mark.parametrize("transitions", [None, WITH_ENGINES, ALONE])
def test_a_stand_in_passes_its_self_test_and_has_as_many_bytes(
    tmp_path: Path, transitions: TinyTransitions | None
) -> None:
    original = make_tiny_bundle(tmp_path / "original", n_items=40, transitions=transitions)

    made = write_stand_in(tmp_path / "stand-in", original)

    assert made.required_role("codes").bytes == original.required_role("codes").bytes
    assert made.encoder == original.encoder
    with Recommender.open(tmp_path / "stand-in") as recommender:
        assert recommender.engine.fallbacks == ()
        assert len(recommender.recommend(10, history=["item-1", "item-2"])) == 10


@pytest.mark.parametrize("feature", [ITEM_LOG, ITEM_TABLE])
def test_a_bundle_whose_items_have_another_form_has_a_stand_in_too(tmp_path: Path, feature: str) -> None:
    original = make_tiny_bundle(tmp_path / "original")
    features = (*original.required_features, feature)

    write_stand_in(tmp_path / "stand-in", msgspec.structs.replace(original, required_features=features))

    with Recommender.open(tmp_path / "stand-in") as recommender:
        assert len(recommender.recommend(10)) == 10


def test_a_smaller_stand_in_keeps_the_shares_of_the_tiers(tmp_path: Path) -> None:
    original = make_tiny_bundle(tmp_path / "original", n_items=200, transitions=TinyTransitions())

    made = write_stand_in(tmp_path / "stand-in", original, most=50)

    assert made.catalogue.n_items == 50
    assert [tier.n_items for tier in made.catalogue.tiers] == [5, 15, 30]
    assert open_folder(tmp_path / "stand-in").manifest == made


@pytest.mark.parametrize("feed", [32, 64, 256])
def test_the_feed_forward_width_follows_from_the_bytes_of_the_encoder(tmp_path: Path, feed: int) -> None:
    manifest = make_tiny_bundle(tmp_path / "b", shape=Shape(feed=feed, dim=64, n_codewords=16))

    assert feed_width(manifest) == pytest.approx(feed, rel=0.15, abs=4)
