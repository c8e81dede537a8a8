"""The page in the language of its visitor."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.live_server import LiveServer
from tests.web_demo.conftest import CHECKOUT, listening
from tests.web_demo.shop_page import WAIT_MS, ShopPage
from tests.web_demo.test_accessibility import violations
from tests.web_demo.visual_checks import faults_of_text, scrolls_sideways

pytestmark = pytest.mark.browser

TEXTS = CHECKOUT / "web_demo" / "src" / "app" / "texts"
OTHERS = ("de", "fr", "es", "zh")

Visit = Callable[..., ShopPage]


def texts_of(language: str) -> dict[str, Any]:
    """Return all texts of the page in a language, those of its parts among them."""
    page: dict[str, Any] = json.loads((TEXTS / f"{language}.json").read_text("utf-8"))
    parts: dict[str, Any] = json.loads((TEXTS / "parts" / f"{language}.json").read_text("utf-8"))
    return page | parts


def _leaves(texts: dict[str, Any]) -> Iterator[str]:
    for value in texts.values():
        if isinstance(value, dict):
            yield from _leaves(value)
        else:
            yield value


def _only_english(language: str) -> list[re.Pattern[str]]:
    """Return patterns of the texts that are English and nothing of the language; a value stands for any text."""
    own = set(_leaves(texts_of(language)))
    english = [text for text in _leaves(texts_of("en")) if text not in own and text != "en-GB"]
    patterns = ["(.+)".join(re.escape(piece) for piece in re.split(r"\{\w+\}", text)) for text in english]
    # A text of a value and a mark alone would fit everything.
    return [re.compile(pattern) for pattern in patterns if re.search("[A-Za-z]{2}", pattern.replace("(.+)", ""))]


_SHOWN = """
() => {
    const texts = [];
    const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    while (nodes.nextNode()) {
        const node = nodes.currentNode;
        const element = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
        if (element.closest("script, style, noscript, option, body [lang=en]")) continue;
        const named = ["aria-label", "aria-valuetext", "placeholder"].map((name) => element.getAttribute(name));
        texts.push(...(node.nodeType === Node.TEXT_NODE ? [node.textContent] : named));
    }
    return texts.map((text) => text?.trim() ?? "").filter((text) => text !== "");
}
"""


def english_texts(page: Page, language: str) -> list[str]:
    """Return what the page shows or tells screen readers in English, unless it is marked as English."""
    shown: list[str] = page.evaluate(_SHOWN)
    assert len(shown) > 50, "hardly a text was looked at"
    patterns = _only_english(language)
    return sorted({text for text in shown if any(pattern.fullmatch(text) for pattern in patterns)})


@pytest.fixture
def visit(browser: Browser, server: LiveServer, page_errors: list[str]) -> Iterator[Visit]:
    """Open the shop in a browser of a locale."""
    contexts = []

    def opened(locale: str, width: int = 1280) -> ShopPage:
        context = browser.new_context(locale=locale, viewport={"width": width, "height": 900})
        context.set_default_timeout(20_000)
        contexts.append(context)
        tab = listening(context.new_page(), page_errors)
        tab.open(server.url)
        return tab

    yield opened
    for context in contexts:
        context.close()


def _use(tab: ShopPage) -> None:
    """Open everything that has texts, with a history and something said."""
    page = tab.page
    expect(page.locator(".your-data")).to_be_visible(timeout=WAIT_MS)
    page.locator("[data-action=more]").first.click()
    expect(tab.history).to_have_count(1)
    page.locator("[data-action=hide]").first.click()
    expect(page.locator(".notice")).to_be_visible()
    page.locator("details.technical summary").click()
    for carry in page.locator("details.carry").all():
        carry.locator("summary").click()
    expect(page.locator("details.carry form").first).to_be_visible()
    expect(page.locator(".cards[data-explained=true]")).to_be_visible()
    page.locator(".delete-data button").click()


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_on_the_page_is_in_english(visit: Visit, page_errors: list[str], language: str) -> None:
    texts = texts_of(language)

    tab = visit(f"{language}-{language.upper()}")
    expect(tab.page.locator("html")).to_have_attribute("lang", language)
    expect(tab.page.locator("h1")).to_have_text(texts["title"])
    at_first = english_texts(tab.page, language)
    _use(tab)
    used = english_texts(tab.page, language)
    tab.page.locator("[data-action=why]").first.click()
    expect(tab.page.get_by_role("dialog")).to_contain_text(texts["why"]["how"])

    assert at_first == []
    assert used == []
    assert english_texts(tab.page, language) == []
    assert page_errors == []


def test_what_is_english_would_be_found(visit: Visit) -> None:
    tab = visit("en-US")
    _use(tab)

    found = english_texts(tab.page, "de")

    assert {"Your history", "More like this", "Technical details", "Delete", "Save a file", "Diversity"} <= set(found)


def test_texts_never_change_their_language_while_the_page_loads(visit: Visit, server: LiveServer) -> None:
    tab = visit("de-DE")
    tab.page.add_init_script(
        """
        window.headings = new Set();
        new MutationObserver(() => {
            for (const heading of document.querySelectorAll("h1, h2")) window.headings.add(heading.textContent);
        }).observe(document, { childList: true, subtree: true, characterData: true });
        """
    )
    tab.page.goto(server.url)
    tab.wait_for_list()

    headings = tab.page.evaluate("[...window.headings]")

    assert texts_of("de")["title"] in headings
    assert not set(headings) & set(_leaves(texts_of("en")))


@pytest.mark.parametrize("language", OTHERS)
def test_axe_finds_nothing_and_nothing_overflows_a_narrow_screen(visit: Visit, language: str) -> None:
    tab = visit(f"{language}-{language.upper()}", width=360)
    tab.page.emulate_media(reduced_motion="reduce")
    _use(tab)

    assert violations(tab) == []
    assert not scrolls_sideways(tab.page)
    assert faults_of_text(tab.page) == []


def test_a_reload_without_a_connection_keeps_the_language(visit: Visit) -> None:
    tab = visit("de-DE")
    texts = texts_of("de")
    expect(tab.status).to_have_text(texts["status"]["readyOffline"], timeout=WAIT_MS)
    tab.page.evaluate("navigator.serviceWorker.ready.then(() => null)")

    tab.page.context.set_offline(True)
    tab.reload()

    expect(tab.status).to_have_text(texts["status"]["offline"], timeout=WAIT_MS)
    expect(tab.page.locator("h1")).to_have_text(texts["title"])
    expect(tab.page.locator(".technical h2")).to_have_text(texts["technical"]["title"])


def test_a_language_that_has_no_texts_is_replaced_by_the_next_one_of_the_browser(visit: Visit) -> None:
    assert visit("ja-JP").page.locator("html").get_attribute("lang") == "en"


def test_english_texts_are_used_if_those_of_the_language_cannot_be_loaded(browser: Browser, server: LiveServer) -> None:
    context = browser.new_context(locale="de-DE", service_workers="block")
    context.route("**/texts-de-*.js", lambda route: route.abort())
    page = context.new_page()

    page.goto(server.url)

    expect(page.locator("h1")).to_have_text(texts_of("en")["title"])
    expect(page.locator("html")).to_have_attribute("lang", "en")
    context.close()


def test_english_parts_stand_in_if_those_of_the_language_cannot_be_loaded(browser: Browser, server: LiveServer) -> None:
    context = browser.new_context(locale="de-DE", service_workers="block")
    context.route("**/assets/parts-de*", lambda route: route.abort())
    page = context.new_page()

    page.goto(server.url)

    data = page.locator(".your-data")
    expect(data.locator("h2")).to_have_text(texts_of("en")["data"]["title"], timeout=WAIT_MS)
    expect(data).to_contain_text("0 choices")
    expect(page.locator(".below")).to_have_attribute("lang", "en-GB")
    expect(page.locator("h1")).to_have_text(texts_of("de")["title"])
    context.close()


def test_another_language_keeps_what_is_typed_and_says_again_what_was_said(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "holiday.json").write_text("[]")
    tab = visit("en-US")
    tab.page.locator("#say-text").fill("no par")
    carry = tab.open_carrying()
    carry.locator("input[type=file]").set_input_files(tmp_path / "holiday.json")
    carry.get_by_role("button", name=texts_of("en")["carry"]["addButton"]).click()
    problem = texts_of("en")["carry"]["problems"]["other file"]
    said = tab.page.locator("details.carry p[role=status]")
    expect(said).to_have_text(problem)

    tab.page.locator(".language select").select_option("de")

    expect(said).to_have_text(texts_of("de")["carry"]["problems"]["other file"])
    expect(tab.page.locator("#say-text")).to_have_value("no par")


def test_the_language_can_be_chosen_and_is_forgotten_with_the_data(visit: Visit) -> None:
    tab = visit("en-US")
    german, french = texts_of("de"), texts_of("fr")
    choice = tab.page.locator(".language select")
    tab.choose(tab.titles()[0])
    tab.reasons()

    choice.select_option("de")
    expect(tab.page.locator("h1")).to_have_text(german["title"])
    expect(tab.page.locator(".cards[data-explained=true] .reason").first).to_have_attribute("lang", "de")
    choice.select_option("fr")
    expect(tab.page.locator(".cards[data-explained=true] .reason").first).to_have_attribute("lang", "fr")
    tab.page.locator("#say-text").fill("sans savon")
    tab.page.locator("#say-text").press("Enter")
    expect(tab.page.locator("#say-answer")).to_have_attribute("lang", "fr")
    tab.reload()

    expect(tab.page.locator("h1")).to_have_text(french["title"])
    expect(tab.page.locator(".your-data")).to_contain_text(re.compile("1.réglage"))
    tab.page.get_by_role("button", name=french["data"]["delete"]).click()
    tab.page.get_by_role("button", name=french["data"]["confirm"], exact=True).click()
    expect(tab.page.get_by_text(french["data"]["deleted"])).to_be_visible()
    assert tab.page.evaluate("localStorage.length") == 0
    tab.reload()
    expect(tab.page.locator("h1")).to_have_text(texts_of("en")["title"])
