"""The page measures itself, and saves the same report as ``pocketrec profile``."""

from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import expect

from edge_runtime.profiling.report import Profile
from tests.live_server import LiveServer
from tests.web_demo.shop_page import WAIT_MS, ShopPage

pytestmark = pytest.mark.browser


def test_a_profile_of_the_browser_is_saved_as_json_with_the_schema_of_the_command(
    tab: ShopPage, server: LiveServer, tmp_path: Path, page_errors: list[str], hosts: set[str]
) -> None:
    tab.open(server.url, engine="onnxruntime")
    tab.wait_for_engine("onnxruntime")
    titles = tab.titles()
    tab.open_technical_details()

    tab.page.get_by_role("button", name="Measure this browser").click()
    expect(tab.technical_details.locator(".profile [role=status]")).to_contain_text("Verdict", timeout=2 * WAIT_MS)
    with tab.page.expect_download() as download:
        tab.page.get_by_role("button", name="Save as JSON").click()
    download.value.save_as(tmp_path / "profile.json")

    found = msgspec.json.decode((tmp_path / "profile.json").read_bytes(), type=Profile, strict=True)
    assert {row.variant for row in found.rows} == {"onnxruntime fp32", "reference int8"}
    assert {row.step for row in found.rows} == {"open", "first inference", "encode", "score", "list"}
    assert all(check.passed and check.overlap == 1 for check in found.outputs)
    assert [(one.variant, one.against, one.step) for one in found.ratios] == [
        ("reference int8", "onnxruntime fp32", step) for step in ("encode", "score", "list")
    ]
    assert all(one.low <= one.median <= one.high for one in found.ratios)
    assert found.verdict.state != "invalid"
    tab.expect_titles(titles)
    assert page_errors == []
    assert hosts == {"127.0.0.1"}
