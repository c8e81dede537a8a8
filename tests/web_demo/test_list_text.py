"""The list as one text: streamed by the language model in the page, ended when the list changes, and offline."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import BrowserContext, Locator, Request, expect

from edge_runtime import Recommender
from edge_runtime.bundle import open_folder, write_folder
from edge_runtime.bundle.manifest import LANGUAGE_ADAPTER, LanguageAdapter, LanguageModel
from tests.live_server import LiveServer, serving
from tests.web_demo.conftest import TARGET, write_shop
from tests.web_demo.shop_page import WAIT_MS, ShopPage
from tests.web_demo.test_accessibility import violations

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Uses a control as soon as an item's line is whole: the model is faster than a click from here.
WHILE_WRITING = """
    ([selector, value]) => {
        window.ended = new Promise((resolve) => {
            const observer = new MutationObserver(() => {
                const lines = document.querySelectorAll(".list-text[aria-busy=true] li:not([aria-hidden])").length;
                if (lines === 0) return;
                observer.disconnect();
                const control = document.querySelector(selector);
                if (value === null) control.click();
                else {
                    control.value = value;
                    control.dispatchEvent(new Event("input", { bubbles: true }));
                }
                resolve(lines);
            });
            observer.observe(document.body, { childList: true, subtree: true });
        });
    }
"""


@pytest.fixture(scope="module")
def writing_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a shop whose bundle has a language model and an adapter for list texts, both with random weights."""
    from export.gguf import make_language_model as write_gguf
    from export.gguf_lora import write_lora
    from tests.tiny_language_model import make_adapter, make_language_model

    root = tmp_path_factory.mktemp("writing")
    base = make_language_model(root / "hf", "llama")
    write_gguf(base, root / "reasons.gguf", "Q8_0")
    write_lora(make_adapter(root / "lora", base, seed=0), base, root / "list.gguf")
    shop = write_shop(root / "shop")
    folder = open_folder(shop / TARGET)
    contents = {entry.name: (entry.role, folder.read(entry)) for entry in folder.manifest.files}
    contents |= {
        "reasons.gguf": ("language_model", (root / "reasons.gguf").read_bytes()),
        "list.gguf": (LANGUAGE_ADAPTER, (root / "list.gguf").read_bytes()),
    }
    model = LanguageModel(
        "reasons.gguf", context=2048, prompt="facts-v3", adapters=(LanguageAdapter("list", "list.gguf", "list-v1"),)
    )
    write_folder(shop / TARGET, msgspec.structs.replace(folder.manifest, language_model=model), contents)
    return shop


@pytest.fixture
def writing(writing_shop: Path, built_page: Path) -> Iterator[LiveServer]:
    with serving(writing_shop, "--web", str(built_page)) as running:
        yield running


def begin(tab: ShopPage) -> Locator:
    """Return the button, once the language model is ready."""
    tab.choose(tab.titles()[0])
    button = tab.page.get_by_role("button", name="Write it for me")
    expect(button).to_be_visible(timeout=4 * WAIT_MS)
    return button


def text_of(tab: ShopPage) -> Locator:
    return tab.page.get_by_role("log", name="The list in words")


def lines_of(tab: ShopPage) -> list[str]:
    """Return the lines of the text once it is whole."""
    expect(text_of(tab)).to_have_attribute("aria-busy", "false", timeout=2 * WAIT_MS)
    return text_of(tab).locator("p:not(.by), li").all_inner_texts()


def test_the_model_writes_the_list_with_allowed_lines_and_no_request(
    tab: ShopPage, writing: LiveServer, writing_shop: Path, context: BrowserContext, page_errors: list[str]
) -> None:
    tab.open(writing.url)
    chosen = tab.titles()[0]
    button = begin(tab)
    tab.wait_until_offline_ready()
    requests: list[str] = []

    def record(request: Request) -> None:
        if not request.url.startswith(("data:", "blob:")):
            requests.append(request.url)

    context.on("request", record)
    button.click()

    lines = lines_of(tab)
    for number, (title, line) in enumerate(zip(tab.titles(), lines[1:], strict=True), start=1):
        assert line.startswith(f"{number}. “{title}”")
    expect(text_of(tab)).to_contain_text("Written by the language model on this device.")
    assert_allowed(writing_shop, chosen, tab.titles(), lines)
    assert requests == []
    assert page_errors == []
    tab.page.get_by_role("button", name="Hide the text").click()
    expect(text_of(tab)).to_have_count(0)
    expect(button).to_be_focused()


def assert_allowed(shop: Path, chosen: str, titles: list[str], lines: list[str]) -> None:
    """Check the lines against what Python's runtime allows in a text about the same list."""
    with Recommender.open(shop / TARGET, language_model=False) as recommender:
        id_of = dict(zip(recommender.items.title, recommender.items.item_id, strict=True))
        listed = recommender._listed([id_of[title] for title in titles], [id_of[chosen]])
        allowed = recommender._explainer_in_use().list_case(listed).lines()
    assert len(lines) == len(allowed)
    for line, alternatives in zip(lines, allowed, strict=True):
        assert f"{line}\n" in alternatives


@pytest.mark.parametrize(
    ("selector", "value"),
    [(".hint button", None), ("[data-action=more]", None), ("[data-action=hide]", None), (".diversity input", "60")],
)
def test_a_second_click_and_another_list_end_the_text(
    tab: ShopPage, writing: LiveServer, page_errors: list[str], selector: str, value: str | None
) -> None:
    tab.open(writing.url)
    button = begin(tab)
    tab.page.evaluate(WHILE_WRITING, [selector, value])

    button.click()

    assert 1 <= tab.page.evaluate("window.ended") < 12
    expect(text_of(tab)).to_have_count(0)
    expect(button).to_be_visible()
    tab.page.wait_for_timeout(500)
    expect(text_of(tab)).to_have_count(0)
    button.click()
    assert len(lines_of(tab)) == 13
    assert page_errors == []


def test_what_is_said_ends_the_text(tab: ShopPage, writing: LiveServer) -> None:
    tab.open(writing.url)
    button = begin(tab)
    field = tab.page.get_by_label("Say what you want")
    field.fill("surprise me")
    tab.page.evaluate(WHILE_WRITING, [".say button[type=submit]", None])

    button.click()

    assert 1 <= tab.page.evaluate("window.ended") < 12
    expect(text_of(tab)).to_have_count(0)
    expect(button).to_be_visible()


def test_a_screen_reader_is_told_whole_lines_only(tab: ShopPage, writing: LiveServer) -> None:
    tab.open(writing.url)
    button = begin(tab)
    tab.page.evaluate(
        """() => {
            window.told = [];
            const isHidden = (node) => node.closest?.("[aria-hidden=true]") !== null;
            new MutationObserver((changes) => {
                for (const { target, addedNodes } of changes) {
                    if (target.closest?.("[role=log]") === null && target.closest !== undefined) continue;
                    for (const node of addedNodes) {
                        if (node.nodeType === 1 && !isHidden(node)) window.told.push(node.innerText);
                    }
                }
            }).observe(document.body, { childList: true, subtree: true });
        }"""
    )

    button.click()
    lines = lines_of(tab)

    told = tab.page.evaluate("window.told")
    assert [line for line in told if line in lines] == lines
    assert not [line for line in told if re.match(r"\d+\. ", line) and line not in lines]


def test_the_text_is_written_again_after_a_reload_without_the_server(
    tab: ShopPage, writing: LiveServer, page_errors: list[str]
) -> None:
    tab.open(writing.url)
    begin(tab)
    tab.wait_until_offline_ready()
    titles = tab.titles()
    writing.stop()

    tab.reload()

    tab.expect_titles(titles)
    button = tab.page.get_by_role("button", name="Write it for me")
    expect(button).to_be_visible(timeout=4 * WAIT_MS)
    button.click()
    assert len(lines_of(tab)) == 13
    expect(text_of(tab)).to_contain_text("Written by the language model on this device.")
    assert all("ERR_CONNECTION_REFUSED" in error for error in page_errors)


def test_axe_finds_nothing_in_the_text(tab: ShopPage, writing: LiveServer) -> None:
    tab.page.emulate_media(color_scheme="light", reduced_motion="reduce")
    tab.open(writing.url)
    begin(tab).click()
    lines_of(tab)

    in_light = violations(tab)
    tab.page.emulate_media(color_scheme="dark", reduced_motion="reduce")

    assert in_light == []
    assert violations(tab) == []


def test_a_bundle_without_an_adapter_gets_a_text_of_ready_made_sentences_and_says_so(
    tab: ShopPage, writing_shop: Path, built_page: Path, tmp_path: Path
) -> None:
    folder = open_folder(writing_shop / TARGET)
    contents = {entry.name: (entry.role, folder.read(entry)) for entry in folder.manifest.files}
    del contents["list.gguf"]
    assert folder.manifest.language_model is not None
    model = msgspec.structs.replace(folder.manifest.language_model, adapters=())
    write_folder(tmp_path / TARGET, msgspec.structs.replace(folder.manifest, language_model=model), contents)
    with serving(tmp_path, "--web", str(built_page)) as server:
        tab.open(server.url)

        begin(tab).click()

        assert len(lines_of(tab)) == 13
        expect(text_of(tab)).to_contain_text("Put together from ready-made sentences.")


# Greedy, so that nothing but the adapter makes a difference.
A_B_A = """
    async ([library, wasm, model, adapter]) => {
        const { Wllama } = await import(library);
        const [gguf, lora] = await Promise.all([model, adapter].map(async (url) => (await fetch(url)).blob()));
        const wllama = new Wllama({ default: wasm }, { logger: { debug() {}, log() {}, warn() {}, error() {} } });
        wllama.setCompat(null);
        const path = "models/model-00002-of-00002.gguf";
        await wllama.loadModel([gguf, lora], { n_ctx: 512, n_threads: 1, n_gpu_layers: 0, n_parallel: 1, warmup: false,
            lora_adapters: [{ path, scale: 0 }] });
        const texts = [];
        for (const scale of [1, null, 1, null]) {
            const { choices } = await wllama.createCompletion({ prompt: "Write the list:", max_tokens: 24,
                temperature: 0, grammar: "root ::= [a-z ]+", ...(scale === null ? {} : { lora: [{ id: 0, scale }] }) });
            texts.push(choices[0].text);
        }
        await wllama.exit();
        return texts;
    }
"""


def test_swapping_the_adapter_drops_what_the_other_one_has_cached(
    tab: ShopPage, writing: LiveServer, writing_shop: Path, built_page: Path
) -> None:
    tab.open(writing.url)
    library, wasm = (
        next((built_page / "assets").glob(name)).name for name in ("engine-language-*.js", "wllama-*.wasm")
    )
    digest = {entry.name: entry.sha256 for entry in open_folder(writing_shop / TARGET).manifest.files}
    files = [f"/v1/files/{digest[name]}" for name in ("reasons.gguf", "list.gguf")]

    first, bare, again, bare_again = tab.page.evaluate(A_B_A, [f"/assets/{library}", f"/assets/{wasm}", *files])

    assert first == again
    assert bare == bare_again
    assert first != bare


def test_without_a_language_model_nothing_is_offered(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    tab.choose(tab.titles()[0])
    tab.wait_until_offline_ready()

    expect(tab.page.get_by_role("button", name="Write it for me")).to_have_count(0)
