"""The page measures its engines, and says on which lengths of histories each is used; WebGPU is one of them."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.chromium import CHROMIUM_FLAGS, chromium_path
from tests.live_server import LiveServer, serving
from tests.tiny_bundle import Shape, make_tiny_bundle, tiny_contents
from tests.tiny_onnx import ONNX_VARIANT, tiny_onnx
from tests.web_demo.shop_page import WAIT_MS, ShopPage

TARGET = "browser-webgpu"
# A graphics processor in software, which Chromium offers to pages only on request.
WEBGPU_FLAGS = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan")


@pytest.fixture(scope="module")
def server(built_page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Serve a bundle whose best engine is WebGPU, with the graph of ONNX Runtime for WebAssembly."""
    root = tmp_path_factory.mktemp("webgpu")
    _, files = tiny_contents(n_items=40, seed=0, target=TARGET, shape=Shape(), release=1, name="tiny shop")
    manifest = make_tiny_bundle(root / TARGET, n_items=40, seed=0, target=TARGET)
    graph = tiny_onnx(files["encoder.safetensors"][1], manifest.encoder)
    webgpu = msgspec.structs.replace(ONNX_VARIANT, engine="webgpu")
    extra = {"encoder.onnx": ("encoder", graph)}
    make_tiny_bundle(root / TARGET, n_items=40, seed=0, target=TARGET, engines=(webgpu, ONNX_VARIANT), extra=extra)
    with serving(root, "--web", str(built_page)) as running:
        yield running


@pytest.fixture
def gpu_page(browser: Browser) -> Iterator[Page]:
    """A page in a browser with a graphics processor in software."""
    flags = [flag for flag in CHROMIUM_FLAGS if flag != "--disable-gpu"]
    running = browser.browser_type.launch(executable_path=chromium_path(), args=[*flags, *WEBGPU_FLAGS])
    yield running.new_page()
    running.close()


def test_without_a_graphics_processor_the_page_says_so_and_ranks_with_another_engine(
    tab: ShopPage, server: LiveServer
) -> None:
    tab.open(server.url, target=TARGET, engine="onnxruntime")
    tab.choose(tab.titles()[0])
    tab.wait_for_engine("onnxruntime")

    tab.open_technical_details()
    first = tab.technical_details.locator(".candidates li").first
    expect(first).to_contain_text("unavailable")
    expect(first).to_contain_text("this browser offers no WebGPU adapter")


def test_the_engines_are_measured_and_their_times_are_shown(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url, target=TARGET)
    tab.choose(tab.titles()[0])

    tab.open_technical_details()
    second = tab.technical_details.locator(".candidates li").nth(1)
    expect(second).to_contain_text("ms for 50 events", timeout=WAIT_MS)
    assert tab.technical_details.locator(".candidates .used").count() >= 1


def test_the_times_are_kept_for_the_next_visit(tab: ShopPage, server: LiveServer) -> None:
    kept = """() => new Promise((resolve) => {
        indexedDB.open("pocketrec").onsuccess = ({ target: { result } }) => {
            const asked = result.transaction("settings").objectStore("settings").get("engine_times");
            asked.onsuccess = () => { result.close(); resolve(asked.result ?? null); };
        };
    })"""
    tab.open(server.url, target=TARGET)
    tab.choose(tab.titles()[0])
    tab.open_technical_details()
    times = tab.technical_details.locator(".candidates small", has_text="ms for 50 events")
    expect(times).to_have_count(2, timeout=WAIT_MS)
    shown, before = times.all_inner_texts(), tab.page.evaluate(kept)

    tab.reload()
    tab.open_technical_details()

    expect(times).to_have_text(shown, timeout=WAIT_MS)
    assert before is not None
    assert tab.page.evaluate(kept) == before


def test_webgpu_passes_the_self_test_with_the_graph_of_webassembly(gpu_page: Page, server: LiveServer) -> None:
    tab = ShopPage(gpu_page)
    gpu_page.goto(server.url)
    if not gpu_page.evaluate("navigator.gpu?.requestAdapter().then((adapter) => adapter !== null)"):
        pytest.skip("this Chromium has no graphics processor in software")

    tab.open(server.url, target=TARGET, engine="webgpu")
    tab.choose(tab.titles()[0])
    tab.wait_for_engine("webgpu")

    tab.open_technical_details()
    first = tab.technical_details.locator(".candidates li").first
    expect(first).to_contain_text("self-test passed")
    expect(first).to_contain_text("in use")
