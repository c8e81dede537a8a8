"""Lists by transitions on the page, in a real browser, compared with Python's."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from edge_runtime import Recommender
from tests.live_server import serving
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_transitions import ALONE, WITH_ENGINES, TinyTransitions
from tests.web_demo.conftest import TARGET
from tests.web_demo.shop_page import ShopPage

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("transitions", "engine", "beside", "measured"),
    [
        (ALONE, "transitions uint4", "self-test passed: best ten found 100.0 %", False),
        (WITH_ENGINES, "reference int8 + transitions uint4", "added to the scores of the engine", True),
    ],
    ids=["alone", "with engines"],
)
def test_the_list_is_pythons_and_the_technical_details_name_the_transitions(
    tab: ShopPage,
    tmp_path: Path,
    built_page: Path,
    page_errors: list[str],
    transitions: TinyTransitions,
    engine: str,
    beside: str,
    measured: bool,
) -> None:
    make_tiny_bundle(tmp_path / TARGET, target=TARGET, transitions=transitions)
    with Recommender.open(tmp_path / TARGET) as recommender, serving(tmp_path, "--web", str(built_page)) as server:
        tab.open(server.url)
        title = tab.titles()[2]
        tab.choose(title)

        row = recommender.items.title.index(title)
        expected = recommender.recommend(12, history=[recommender.items.item_id[row]])
        tab.expect_titles([item.title for item in expected])
        expect(tab.technical_details.locator("summary")).to_contain_text(engine)
        details = tab.open_technical_details()
        assert "transitions uint4" in details
        assert beside in details
        assert ("Measure this browser" in details) is measured
        tab.wait_until_offline_ready()
        tab.reload()
        tab.expect_titles([item.title for item in expected])
    assert page_errors == []
