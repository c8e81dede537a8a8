"""A shop, a real server for it, and a real browser."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from tests.live_server import LiveServer, serving
from tests.tiny_bundle import Shape, make_tiny_bundle, tiny_contents
from tests.tiny_onnx import ONNX_VARIANT, tiny_onnx
from tests.web_demo.shop_page import ShopPage

CHECKOUT = Path(__file__).parents[2]
TARGET = "browser-wasm"


def write_shop(root: Path, *, seed: int = 0, release: int = 1, n_items: int = 40) -> Path:
    """Write the page's bundle into ``root``: ONNX Runtime first, the reference engine below it, and pictures."""
    _, contents = tiny_contents(
        n_items=n_items, seed=seed, target=TARGET, shape=Shape(), release=release, name="tiny shop"
    )
    manifest = make_tiny_bundle(root / TARGET, n_items=n_items, seed=seed, target=TARGET, release=release)
    graph = tiny_onnx(contents["encoder.safetensors"][1], manifest.encoder)
    make_tiny_bundle(
        root / TARGET,
        n_items=n_items,
        seed=seed,
        target=TARGET,
        release=release,
        pictures=True,
        engines=(ONNX_VARIANT,),
        extra={"encoder.onnx": ("encoder", graph)},
    )
    return root


@pytest.fixture(scope="session")
def built_page() -> Path:
    """Return the folder of the built page."""
    dist = CHECKOUT / "web_demo" / "dist"
    if not (dist / "index.html").is_file():
        pytest.fail(f"{dist} holds no built page; run `make web`", pytrace=False)
    return dist


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of bundles that no test changes."""
    return write_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def server(shop: Path, built_page: Path) -> Iterator[LiveServer]:
    """Serve the shop; no test stops it."""
    with serving(shop, "--web", str(built_page)) as running:
        yield running


@pytest.fixture
def hosts() -> set[str]:
    """Return the hosts of all requests, including those of service workers; filled by ``context``."""
    return set()


@pytest.fixture
def context(browser: Browser, hosts: set[str]) -> Iterator[BrowserContext]:
    """Return a browser profile of its own."""
    fresh = browser.new_context(viewport={"width": 1280, "height": 900})
    fresh.set_default_timeout(20_000)
    fresh.on("request", lambda request: hosts.add(urlsplit(request.url).hostname or urlsplit(request.url).scheme))
    yield fresh
    fresh.close()


@pytest.fixture
def page_errors() -> list[str]:
    """Return the errors in the page's console; filled by ``tab``."""
    return []


@pytest.fixture
def tab(context: BrowserContext, page_errors: list[str]) -> ShopPage:
    """Return one tab, blank."""
    return listening(context.new_page(), page_errors)


def listening(page: Page, page_errors: list[str]) -> ShopPage:
    """Record every error of a page, including violations of its content policy.

    The browser logs every 404; that of the next root, by which a check of signed releases begins, is the usual answer.
    """

    def hear(message: ConsoleMessage) -> None:
        is_root = "/v1/metadata/" in message.location.get("url", "") and "404" in message.text
        if message.type == "error" and not is_root:
            page_errors.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: page_errors.append(str(error)))
    return ShopPage(page)
