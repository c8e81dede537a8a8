"""The page without network, with bad files, and after an update."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from edge_runtime.bundle import open_folder
from tests.chromium import CHROMIUM_FLAGS, chromium_path
from tests.live_server import LiveServer, serving
from tests.slow_proxy import SlowProxy
from tests.web_demo.conftest import TARGET, write_shop
from tests.web_demo.shop_page import WAIT_MS, ShopPage

pytestmark = pytest.mark.browser


def test_the_page_works_without_the_server(tab: ShopPage, changing: LiveServer, page_errors: list[str]) -> None:
    tab.open(changing.url, engine="onnxruntime")
    tab.choose(tab.titles()[0])
    tab.wait_until_offline_ready()
    before = tab.titles(), tab.history_titles()
    changing.stop()

    tab.reload()

    tab.expect_titles(before[0])
    assert tab.history_titles() == before[1]
    expect(tab.status).to_have_text("Offline, everything works", timeout=WAIT_MS)
    tab.wait_for_engine("onnxruntime")
    title = tab.titles()[3]
    tab.choose(title)
    assert tab.history_titles()[0] == title
    expect(tab.page.locator(".cards img").first).to_be_visible()
    assert all("ERR_CONNECTION_REFUSED" in error for error in page_errors)


def test_what_is_said_is_understood_without_the_server_and_without_having_said_anything_before(
    tab: ShopPage, changing: LiveServer
) -> None:
    tab.open(changing.url)
    tab.wait_until_offline_ready()
    changing.stop()
    tab.reload()

    field = tab.page.locator("#say-text")
    field.fill("no Elm")
    field.press("Enter")

    expect(tab.page.locator("#say-answer")).to_have_text("OK, no Elm.")


def test_a_first_visit_without_a_shop_says_so(tab: ShopPage, built_page: Path, tmp_path: Path) -> None:
    with serving(tmp_path, "--web", str(built_page)) as empty:
        tab.page.goto(empty.url)

        alert = tab.page.get_by_role("alert")
        expect(alert).to_contain_text("There is no catalogue at this address")
        expect(alert.get_by_role("button", name="Try again")).to_be_visible()


@pytest.fixture
def wire(server: LiveServer) -> Iterator[SlowProxy]:
    """Return a connection to the server that can change the responses."""
    proxy = SlowProxy(server.url)
    yield proxy
    proxy.close()


def flipping(shop: Path, name: str) -> bytes:
    """Return some bytes that stand in one file of the shop alone."""
    folder = open_folder(shop / TARGET)
    data = folder.read(folder.manifest.file(name))
    return data[-40:]


@pytest.mark.parametrize("name", ["codes.safetensors", "items.json.z", "golden.safetensors"])
def test_a_file_damaged_in_transit_is_rejected_with_a_message(
    tab: ShopPage, wire: SlowProxy, shop: Path, name: str
) -> None:
    good = flipping(shop, name)
    wire.change = lambda piece: piece.replace(good, good[:20] + bytes([good[20] ^ 1]) + good[21:])

    tab.page.goto(wire.url)

    alert = tab.page.get_by_role("alert")
    expect(alert).to_contain_text("The catalogue could not be verified", timeout=WAIT_MS)
    expect(alert).to_contain_text(name)
    assert tab.cards.count() == 0
    wire.change = bytes
    alert.get_by_role("button", name="Try again").click()
    tab.wait_for_list()


def test_an_engine_with_a_changed_file_is_not_used_and_the_reason_is_shown(
    tab: ShopPage, wire: SlowProxy, shop: Path
) -> None:
    good = flipping(shop, "encoder.onnx")
    wire.change = lambda piece: piece.replace(good, good[:20] + bytes([good[20] ^ 1]) + good[21:])

    tab.open(wire.url)
    tab.choose(tab.titles()[0])

    expect(tab.notices).to_contain_text("encoder.onnx", timeout=WAIT_MS)
    tab.open_technical_details()
    failed = tab.technical_details.locator(".candidates li").first
    expect(failed).to_contain_text("failed")
    expect(failed).to_contain_text("encoder.onnx: found sha256")
    assert "reference" in tab.technical_details.locator(".candidates .used").inner_text()


@pytest.fixture
def changing(built_page: Path, tmp_path: Path) -> Iterator[LiveServer]:
    """Serve a shop of this test's own, in ``tmp_path``; it may be changed, and the server stopped."""
    write_shop(tmp_path)
    with serving(tmp_path, "--web", str(built_page)) as running:
        yield running


def test_an_update_is_downloaded_tested_and_used_on_request(
    tab: ShopPage, changing: LiveServer, tmp_path: Path
) -> None:
    tab.open(changing.url, engine="onnxruntime")
    tab.choose(tab.titles()[0])
    tab.wait_until_offline_ready()
    before = tab.titles()
    write_shop(tmp_path, seed=5, release=2)

    _check_until(tab, "An update is ready: release 2")
    tab.expect_titles(before)
    tab.notices.get_by_role("button", name="Use it now").click()

    expect(tab.technical_details).to_contain_text("tiny shop, release 2", use_inner_text=False)
    expect(tab.page.locator(".cards h3").first).not_to_have_text(before[0])
    expect(tab.technical_details.locator("summary")).to_contain_text("onnxruntime", timeout=WAIT_MS)
    expect(tab.technical_details.locator(".candidates .used")).to_contain_text("onnxruntime", timeout=WAIT_MS)


def test_an_item_that_an_update_no_longer_has_stays_in_the_history_and_can_be_removed(
    tab: ShopPage, changing: LiveServer, tmp_path: Path
) -> None:
    tab.open(changing.url)
    tab.page.get_by_label("Search the shop").fill("39")
    tab.page.locator("#search-hits button").first.click()
    expect(tab.history).to_have_count(1)
    title = tab.history_titles()[0]
    tab.wait_until_offline_ready()
    write_shop(tmp_path, n_items=20, release=2)

    _check_until(tab, "release 2")
    tab.notices.get_by_role("button", name="Use it now").click()

    expect(tab.history).to_contain_text([f"{title}no longer in this shop"])
    tab.page.get_by_role("button", name=f"Remove {title}").click()
    expect(tab.history).to_have_count(0)


def test_a_damaged_update_is_rejected_and_the_list_stays(
    tab: ShopPage, changing: LiveServer, tmp_path: Path, context: BrowserContext
) -> None:
    wire = SlowProxy(changing.url)
    tab.open(wire.url)
    tab.choose(tab.titles()[0])
    tab.wait_until_offline_ready()
    before = tab.titles()
    write_shop(tmp_path, seed=5, release=2)
    good = flipping(tmp_path, "codes.safetensors")
    wire.change = lambda piece: piece.replace(good, good[:20] + bytes([good[20] ^ 1]) + good[21:])

    _check_until(tab, "An update was rejected, and your list stays as it is: codes.safetensors")
    assert tab.titles() == before
    tab.reload()

    tab.expect_titles(before)
    wire.close()


def _check_until(tab: ShopPage, notice: str) -> None:
    """Ask for updates until the server has noticed its new release."""
    tab.open_technical_details()
    for _ in range(20):
        tab.technical_details.get_by_role("button", name="Check now").click()
        tab.page.wait_for_timeout(500)
        if notice in tab.notices.inner_text():
            return
    raise AssertionError(
        f"never read {notice!r}, but {tab.notices.inner_text()!r}, {tab.technical_details.inner_text()!r}"
    )


def test_without_webassembly_the_reference_engine_is_used_and_the_reason_is_shown(
    browser: Browser, server: LiveServer
) -> None:
    flags = [*CHROMIUM_FLAGS, "--js-flags=--jitless"]
    bare = browser.browser_type.launch(executable_path=chromium_path(), args=flags)
    tab = ShopPage(bare.new_page())

    tab.open(server.url)
    tab.choose(tab.titles()[0])

    tab.wait_for_engine("reference")
    tab.open_technical_details()
    expect(tab.technical_details.locator(".candidates li").first).to_contain_text(
        "this browser has no WebAssembly SIMD"
    )
    bare.close()
