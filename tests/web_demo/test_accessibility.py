"""The page by keyboard, by screen reader, small, wide, dark, and without jumps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import expect

from tests.live_server import LiveServer
from tests.web_demo.conftest import CHECKOUT
from tests.web_demo.shop_page import ShopPage

pytestmark = pytest.mark.browser

AXE = CHECKOUT / "web_demo" / "node_modules" / "axe-core" / "axe.min.js"


def violations(tab: ShopPage) -> list[str]:
    """Return what axe finds, a line a rule and place."""
    # Evaluated, not added as a script: the page's policy forbids the latter, as it should.
    tab.page.evaluate(AXE.read_text("utf-8"))
    found: dict[str, Any] = tab.page.evaluate(
        "axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })"
    )
    assert found["passes"], "axe looked at nothing"
    return [
        f"{rule['id']}: {node['html'][:200]} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def _nothing(tab: ShopPage) -> None:
    assert tab.cards.count() == 6


def _marked(tab: ShopPage) -> None:
    tab.choose(tab.titles()[0])
    tab.hide(tab.titles()[0])
    tab.set_diversity(50)
    tab.open_technical_details()
    tab.open_carrying()
    tab.page.get_by_role("button", name="Delete my data").click()


def _why(tab: ShopPage) -> None:
    tab.page.locator("[data-action=why]").first.click()
    expect(tab.page.get_by_role("dialog")).to_contain_text("It is number 1 in the list")


def _search(tab: ShopPage) -> None:
    tab.page.get_by_label("Search the shop").fill("so")
    expect(tab.page.locator("#search-hits button").first).to_be_visible()


def _said(tab: ShopPage) -> None:
    field = tab.page.locator("#say-text")
    for text in ("more like the second", "only Aster", "Birch"):
        field.fill(text)
        field.press("Enter")
        expect(field).to_have_value("")
    expect(tab.page.get_by_role("button", name="Birch instead")).to_be_visible()


@pytest.mark.parametrize("go", [_nothing, _marked, _why, _search, _said])
def test_axe_finds_nothing_in_light_and_dark_colours(
    tab: ShopPage, server: LiveServer, go: Callable[[ShopPage], None]
) -> None:
    tab.page.emulate_media(color_scheme="light", reduced_motion="reduce")
    tab.open(server.url)
    tab.wait_until_offline_ready()
    go(tab)

    in_light = violations(tab)
    tab.page.emulate_media(color_scheme="dark", reduced_motion="reduce")

    assert in_light == []
    assert violations(tab) == []


def test_axe_finds_nothing_where_the_shop_cannot_be_opened(tab: ShopPage, built_page: Path, server: LiveServer) -> None:
    tab.page.context.route("**/v1/**", lambda route: route.fulfill(status=503))
    tab.page.goto(server.url)
    expect(tab.page.get_by_role("alert")).to_be_visible()

    assert violations(tab) == []


def test_the_focus_moves_to_the_search_field_when_the_focused_result_disappears(
    tab: ShopPage, server: LiveServer
) -> None:
    page = tab.page
    tab.open(server.url)
    search = page.get_by_label("Search the shop")
    search.fill("cream")
    expect(page.locator("#search-hits button").first).to_be_visible()
    search.press("ArrowDown")
    expect(page.locator("#search-hits button").first).to_be_focused()

    page.evaluate(
        """() => {
            const field = document.querySelector("#search-text");
            field.value = "nothing is called this";
            field.dispatchEvent(new Event("input", { bubbles: true }));
        }"""
    )

    expect(page.locator("#search-hits .none")).to_be_visible()
    expect(search).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#search-hits")).to_be_hidden()


DELAY_THE_SEARCH_FOR_CREAM = """
    const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (message) {
        const isDelayed = message.request === "search" && message.params.text === "cream";
        setTimeout(() => post.call(this, message), isDelayed ? 500 : 0);
    };
"""


def test_keys_pressed_during_a_search_apply_to_its_results(tab: ShopPage, server: LiveServer) -> None:
    page = tab.page
    page.add_init_script(DELAY_THE_SEARCH_FOR_CREAM)
    tab.open(server.url)
    search = page.get_by_label("Search the shop")
    search.fill("soap")
    expect(page.locator("#search-hits button").first).to_contain_text("soap")

    search.fill("cream")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    expect(tab.history).to_have_count(1)
    expect(tab.history).to_contain_text("cream")
    expect(page.locator("#search-hits button").first).to_be_focused()


def test_results_of_an_earlier_text_cannot_be_chosen(tab: ShopPage, server: LiveServer) -> None:
    page = tab.page
    page.add_init_script(DELAY_THE_SEARCH_FOR_CREAM.replace("500", "3000"))
    tab.open(server.url)
    hits = page.locator("#search-hits")
    page.get_by_label("Search the shop").fill("soap")
    expect(hits.locator("button").first).to_contain_text("soap")

    page.get_by_label("Search the shop").fill("cream")
    expect(hits).to_have_attribute("aria-busy", "true")
    hits.locator("button").first.click(force=True)

    expect(hits).to_have_attribute("aria-busy", "false")
    expect(hits.locator("button").first).to_contain_text("cream")
    expect(tab.history).to_have_count(0)


def test_everything_can_be_done_by_keyboard(tab: ShopPage, server: LiveServer) -> None:
    page = tab.page
    tab.open(server.url)
    starters = tab.titles()

    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.get_by_label("Search the shop")).to_be_focused()
    page.keyboard.type("cream")
    expect(page.locator("#search-hits button").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#search-hits button").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(tab.history).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#search-hits")).to_be_hidden()
    expect(page.get_by_label("Search the shop")).to_be_focused()

    page.keyboard.press("Tab")
    expect(page.locator(".history .remove")).to_be_focused()
    page.keyboard.press("Tab")
    expect(tab.diversity_slider).to_be_focused()
    expect(tab.diversity_slider).to_have_attribute("aria-valuetext", "most precise")
    page.keyboard.press("ArrowRight")
    expect(tab.diversity_slider).to_have_attribute("aria-valuetext", "5 % of the way to most diverse")
    page.keyboard.press("End")
    expect(tab.diversity_slider).to_have_attribute("aria-valuetext", "most diverse")
    page.keyboard.press("Home")
    page.keyboard.press("Tab")
    expect(page.locator("#say-text")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Say it")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("[data-action=more]").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(tab.history).to_have_count(2)
    expect(page.locator("[data-action=more]").first).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("[data-action=why]").first).to_be_focused()
    assert tab.titles() != starters


def test_the_first_tab_stop_skips_to_the_list(tab: ShopPage, server: LiveServer) -> None:
    page = tab.page
    tab.open(server.url)
    skip = page.get_by_role("link", name="Skip to the list")

    page.keyboard.press("Tab")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport(ratio=1)
    page.keyboard.press("Enter")
    expect(page.locator("#recommendations-title")).to_be_focused()
    page.keyboard.press("Tab")

    expect(tab.diversity_slider).to_be_focused()


@pytest.mark.parametrize("answer", ["Cancel", "Delete"])
def test_the_focus_returns_to_the_button_after_cancel_and_after_delete(
    tab: ShopPage, server: LiveServer, answer: str
) -> None:
    page = tab.page
    tab.open(server.url)
    tab.choose(tab.titles()[0])
    ask = page.get_by_role("button", name="Delete my data")
    expect(ask).to_be_enabled()  # a click waits for it, a key does not
    ask.press("Enter")
    expect(page.get_by_role("button", name="Delete", exact=True)).to_be_focused()

    page.get_by_role("button", name=answer, exact=True).press("Enter")

    expect(page.get_by_role("button", name="Delete my data")).to_be_focused()
    expect(tab.history).to_have_count(1 if answer == "Cancel" else 0)
    expect(page.get_by_role("button", name="Delete my data")).to_be_focused()


def test_the_focus_moves_to_the_heading_when_the_focused_button_disappears(tab: ShopPage, server: LiveServer) -> None:
    page = tab.page
    tab.open(server.url)
    heading = page.locator("#history-title")
    tab.choose(tab.titles()[0])

    page.locator(".history .remove").press("Enter")
    expect(tab.history).to_have_count(0)
    expect(heading).to_be_focused()

    tab.hide(tab.titles()[0])
    page.get_by_role("button", name="Show again").press("Enter")
    expect(page.get_by_role("button", name="Show again")).to_have_count(0)
    expect(heading).to_be_focused()


def test_a_busy_button_keeps_the_focus(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    tab.open_technical_details()
    check = tab.technical_details.get_by_role("button", name="Check now")
    tab.wait_until_offline_ready()

    check.press("Enter")

    expect(tab.technical_details).to_contain_text("This is the newest release.")
    expect(check).to_be_focused()


@pytest.mark.parametrize("button", ["Undo", "Dismiss this notice"])
def test_the_focus_is_kept_when_a_notice_disappears(tab: ShopPage, server: LiveServer, button: str) -> None:
    tab.open(server.url)
    tab.hide(tab.titles()[0])

    tab.notices.get_by_role("button", name=button).press("Enter")

    expect(tab.notices.get_by_text("Hidden")).to_have_count(0)
    assert tab.page.evaluate("document.activeElement.tagName") == "H2"


def test_a_notice_stays_while_it_has_the_focus(tab: ShopPage, server: LiveServer) -> None:
    tab.page.clock.install()
    tab.open(server.url)
    tab.hide(tab.titles()[0])
    undo = tab.notices.get_by_role("button", name="Undo")
    undo.focus()

    tab.page.clock.run_for(60_000)
    expect(undo).to_be_visible()
    tab.page.get_by_label("Search the shop").focus()
    tab.page.clock.run_for(9_000)

    expect(undo).to_have_count(0)


def test_a_screen_reader_hears_that_the_list_has_changed(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)

    tab.choose(tab.titles()[0])

    heard = tab.page.locator(".recommendations > [role=status]")
    expect(heard).to_contain_text("The list has changed: 12 items, starting with")
    expect(heard).to_contain_text(tab.titles()[0])


def test_no_width_needs_horizontal_scrolling(tab: ShopPage, server: LiveServer) -> None:
    tab.page.set_viewport_size({"width": 360, "height": 800})
    tab.open(server.url)
    tab.choose(tab.titles()[0])
    tab.open_technical_details()

    for width in (360, 768, 1600):
        tab.page.set_viewport_size({"width": width, "height": 800})
        wider: int = tab.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, width


def test_the_layout_is_stable_while_the_slider_moves(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    tab.choose(tab.titles()[0])
    where = "() => [...document.querySelectorAll('.above, .cards > li')].map((e) => [e.offsetLeft, e.offsetTop])"
    before = tab.page.evaluate(where)

    tab.set_diversity(100)
    expect(tab.diversity_slider).to_have_attribute("aria-valuetext", "most diverse")

    assert len(before) == 13
    assert tab.page.evaluate(where) == before


@pytest.mark.parametrize(("motion", "moves"), [("no-preference", True), ("reduce", False)])
def test_cards_are_animated_unless_reduced_motion_is_preferred(
    tab: ShopPage, server: LiveServer, motion: Literal["no-preference", "reduce"], moves: bool
) -> None:
    tab.page.emulate_media(reduced_motion=motion)
    tab.page.add_init_script(
        """window.played = 0;
        const animate = Element.prototype.animate;
        Element.prototype.animate = function (...args) { window.played++; return animate.apply(this, args); };"""
    )
    tab.open(server.url)

    tab.choose(tab.titles()[0])

    assert (tab.page.evaluate("window.played") > 0) is moves
