"""The page in restricted browsers: storage that does not respond, no service worker, no SIMD, plain http."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Route, expect

from tests.chromium import CHROMIUM_FLAGS, chromium_path
from tests.edge_runtime.sync.signed_shop import SignedShop
from tests.live_server import LiveServer, serving
from tests.web_demo.conftest import CHECKOUT, TARGET, write_shop
from tests.web_demo.shop_page import WAIT_MS, ShopPage
from tests.web_demo.test_language import with_model

pytestmark = pytest.mark.browser

SILENT = """
    const silent = { addEventListener: () => undefined, removeEventListener: () => undefined };
    IDBFactory.prototype.open = IDBFactory.prototype.deleteDatabase = () =>
        Object.assign(Object.create(IDBOpenDBRequest.prototype), silent);
"""


@contextmanager
def launched(browser: Browser, *flags: str) -> Iterator[ShopPage]:
    """Start another Chromium, with flags of its own."""
    other = browser.browser_type.launch(executable_path=chromium_path(), args=[*CHROMIUM_FLAGS, *flags])
    yield ShopPage(other.new_page())
    other.close()


def in_worker(context: BrowserContext, script: str) -> None:
    """Run a script in the page's worker before its own."""

    def prefix(route: Route) -> None:
        answer = route.fetch()
        headers = {name: value for name, value in answer.headers.items() if name != "content-encoding"}
        route.fulfill(response=answer, body=f"{script}\n{answer.text()}", headers=headers)

    context.route("**/assets/main-*.js", prefix)


def test_the_history_is_in_memory_with_a_notice_if_the_storage_never_responds(
    tab: ShopPage, server: LiveServer, context: BrowserContext
) -> None:
    in_worker(context, SILENT)

    tab.open(server.url)
    title = tab.titles()[0]
    tab.choose(title)

    expect(tab.notices).to_contain_text("Your choices are kept only until this tab is closed.")
    expect(tab.notices).to_contain_text("storage does not respond")
    assert tab.history_titles() == [title]


def test_deleting_data_says_when_what_earlier_visits_kept_could_not_be_deleted(
    tab: ShopPage, server: LiveServer, context: BrowserContext
) -> None:
    in_worker(context, SILENT)
    tab.open(server.url)
    tab.choose(tab.titles()[0])

    tab.page.get_by_role("button", name="Delete my data").click()
    tab.page.get_by_role("button", name="Delete", exact=True).click()

    expect(tab.notices).to_contain_text("clear the data of this site", timeout=WAIT_MS)
    assert tab.history_titles() == []
    expect(tab.page.get_by_text("Your data has been deleted")).to_have_count(0)


@pytest.mark.parametrize(
    "method",
    ["CacheStorage.prototype.open", "Cache.prototype.match", "Cache.prototype.put", "Cache.prototype.keys"],
)
def test_the_page_works_if_the_cache_never_responds(
    tab: ShopPage, server: LiveServer, context: BrowserContext, method: str
) -> None:
    in_worker(context, f"{method} = () => new Promise(() => undefined);")

    tab.open(server.url)
    title = tab.titles()[0]
    tab.choose(title)

    assert tab.history_titles() == [title]


def test_the_page_works_if_storage_is_blocked(server: LiveServer, browser: Browser, tmp_path: Path) -> None:
    preferences = tmp_path / "Default" / "Preferences"
    preferences.parent.mkdir()
    blocked = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    preferences.write_text(json.dumps(blocked), encoding="utf-8")
    context = browser.browser_type.launch_persistent_context(
        tmp_path, executable_path=chromium_path(), args=list(CHROMIUM_FLAGS)
    )
    tab = ShopPage(context.new_page())

    tab.open(server.url, engine="onnxruntime")
    tab.choose(tab.titles()[0])

    expect(tab.notices).to_contain_text("This browser does not let the page store anything.")
    tab.wait_for_engine("onnxruntime")
    tab.open_technical_details()
    expect(tab.technical_details).to_contain_text("This is the newest release.")
    expect(tab.status).to_have_text("Ready")
    context.close()


def test_plain_http_from_another_machine_works_for_trying_and_is_named(browser: Browser, tmp_path: Path) -> None:
    repository = SignedShop(tmp_path / "repository", TARGET)
    repository.renew()
    repository.release(1)
    with (
        serving(repository.folder, "--web", str(CHECKOUT / "web_demo" / "dist")) as server,
        launched(browser, "--host-resolver-rules=MAP shop.test 127.0.0.1") as tab,
    ):
        port = urlsplit(server.url).port
        tab.open(f"http://shop.test:{port}/")
        title = tab.titles()[0]
        tab.choose(title)

        expect(tab.notices).to_contain_text("Opened over plain http from another machine")
        expect(tab.notices).to_contain_text(f"https://shop.test:{port}/")
        expect(tab.notices).to_contain_text(f"http://localhost:{port}/")
        assert tab.history_titles() == [title]
        tab.open_technical_details()
        signer = repository.tuf.signers["targets"][0].public_key.keyid
        expect(tab.technical_details).to_contain_text(f"{signer[:16]} as targets")


def test_without_service_workers_the_page_does_not_claim_to_work_offline(browser: Browser, server: LiveServer) -> None:
    context = browser.new_context(service_workers="block")
    tab = ShopPage(context.new_page())

    tab.open(server.url)

    your_data = tab.page.get_by_role("region", name="Your data on this device")
    expect(your_data).to_contain_text("this browser did not store the page", timeout=WAIT_MS)
    expect(tab.status).to_have_text("Ready")
    tab.page.evaluate("dispatchEvent(new Event('offline'))")
    expect(tab.status).to_have_text("Offline, keep this tab open")
    context.close()


@pytest.mark.parametrize("path", ["healthz", "v1/channels", "no-such-page"])
def test_the_service_worker_leaves_other_addresses_to_the_server(tab: ShopPage, server: LiveServer, path: str) -> None:
    tab.open(server.url)
    tab.wait_until_offline_ready()

    answer = tab.page.goto(f"{server.url}/{path}")

    assert answer is not None
    assert not answer.from_service_worker
    assert tab.page.locator("#app").count() == 0


def test_the_service_worker_serves_the_page_with_any_query_and_fragment(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    tab.wait_until_offline_ready()

    answer = tab.page.goto(f"{server.url}/?from=a-link#recommendations-title")

    assert answer is not None
    assert answer.from_service_worker
    tab.wait_for_list()


def test_without_simd_no_engine_and_no_language_model_is_downloaded(
    browser: Browser, built_page: Path, tmp_path: Path
) -> None:
    model = b"GGUF" * 1000
    with (
        serving(with_model(write_shop(tmp_path), model), "--web", str(built_page)) as server,
        launched(browser, "--js-flags=--no-enable-sse4-1 --no-enable-ssse3") as tab,
    ):
        asked: list[str] = []
        tab.page.context.on("request", lambda request: asked.append(request.url))
        tab.open(server.url)

        tab.open_technical_details()
        without = "this browser has no WebAssembly SIMD"
        expect(tab.technical_details).to_contain_text(f"reasons come from templates: {without}.", timeout=WAIT_MS)
        expect(tab.technical_details.locator(".candidates li").first).to_contain_text(without)
        digests = {url.rpartition("/")[2] for url in asked if "/v1/files/" in url}
        assert digests, "no file of the bundle was asked for"
        assert sha256(model).hexdigest() not in digests
        assert not [url for url in asked if url.endswith(".wasm")]


def test_a_shop_that_the_browser_has_deleted_is_not_called_a_first_visit(
    tab: ShopPage, built_page: Path, tmp_path: Path
) -> None:
    with serving(write_shop(tmp_path), "--web", str(built_page)) as server:
        tab.open(server.url)
        title = tab.titles()[0]
        tab.choose(title)
        tab.wait_until_offline_ready()
        tab.page.evaluate("caches.delete('pocketrec-files')")
    tab.page.reload()

    alert = tab.page.get_by_role("alert")
    expect(alert).to_contain_text("The server cannot be reached")
    expect(alert).to_contain_text("the browser has deleted it")
    expect(alert).to_contain_text("from earlier visits: 1 choice")
    assert tab.history_titles() == [title]


def test_a_double_click_adds_an_item_once(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    title = tab.titles()[0]

    tab.page.get_by_role("button", name=f"More like this: {title}", exact=True).dblclick()

    expect(tab.history).to_have_text([title])
    expect(tab.cards).to_have_count(12)
    assert tab.history_titles() == [title]


def test_a_double_click_hides_one_item(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)

    tab.page.locator("[data-action=hide]").first.dblclick()

    expect(tab.page.locator(".history .hint")).to_contain_text("1 hidden")
    tab.page.wait_for_timeout(500)
    expect(tab.page.locator(".history .hint")).to_contain_text("1 hidden")


def test_a_double_click_on_a_result_adds_it_once(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    tab.page.get_by_label("Search the shop").fill("soap")
    hit = tab.page.locator("#search-hits button").first

    hit.dblclick()

    expect(hit).to_have_attribute("aria-pressed", "true")
    expect(tab.history).to_have_count(1)
