"""The page with forced colours, with wide text, on a small screen, and while it loads on a phone."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from playwright.sync_api import BrowserContext, Route, expect

from edge_runtime.bundle import open_folder, write_folder
from edge_runtime.bundle.items import dump_items, read_items
from tests.live_server import LiveServer, serving
from tests.web_demo.conftest import TARGET, write_shop
from tests.web_demo.shop_page import ShopPage
from tests.web_demo.visual_checks import (
    TEXT_SPACING,
    colour_contrasts,
    edge_contrasts,
    faults_of_text,
    scrolls_sideways,
)

pytestmark = pytest.mark.browser

LONG = (
    "Ultra Mega Deluxe Moisturizing Hand and Body Lotion with Shea Butter, Aloe Vera and Vitamin E, Pack of 12, No. {}"
)
UNBROKEN = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerk{}"
CONTROLS = "input[type=search], input[type=text], .primary, .secondary, .danger, .more"
NON_TEXT = 3.0
TEXT = 4.5


@pytest.fixture(scope="module")
def wordy(tmp_path_factory: pytest.TempPathFactory, built_page: Path) -> Iterator[LiveServer]:
    """Serve a shop whose titles are as long as real ones, some of them one word."""
    root = write_shop(tmp_path_factory.mktemp("wordy"))
    folder = open_folder(root / TARGET)
    contents = {entry.name: (entry.role, folder.read(entry)) for entry in folder.manifest.files}
    items = read_items(contents["items.json.z"][1], folder.manifest.catalogue.n_items)
    titles = [(UNBROKEN if row % 3 == 0 else LONG).format(row) for row in range(len(items.title))]
    contents["items.json.z"] = ("items", dump_items(msgspec.structs.replace(items, title=titles)))
    write_folder(root / TARGET, folder.manifest, contents)
    with serving(root, "--web", str(built_page)) as running:
        yield running


def _start(tab: ShopPage) -> None:
    assert tab.cards.count() == 6


def _marked(tab: ShopPage) -> None:
    tab.page.locator("[data-action=more]").first.click()
    expect(tab.cards).to_have_count(12)
    tab.page.locator("[data-action=hide]").first.click()
    expect(tab.notices).to_contain_text("Hidden")
    tab.open_technical_details()
    tab.page.get_by_role("button", name="Delete my data").click()


def _why(tab: ShopPage) -> None:
    tab.page.locator("[data-action=why]").first.click()
    expect(tab.page.get_by_role("dialog")).to_contain_text("It is number 1 in the list")


def _search(tab: ShopPage) -> None:
    tab.page.get_by_label("Search the shop").fill("lotion")
    expect(tab.page.locator("#search-hits button").first).to_be_visible()


def _said(tab: ShopPage) -> None:
    field = tab.page.locator("#say-text")
    for text in ("more like the second", "only Aster", "Birch"):
        field.fill(text)
        field.press("Enter")
        expect(field).to_have_value("")
    expect(tab.page.get_by_role("button", name="Birch instead")).to_be_visible()


STATES = [_start, _marked, _why, _search, _said]


@pytest.mark.parametrize("go", STATES)
@pytest.mark.parametrize("width", [320, 1280])
def test_no_text_is_cut_or_covered_and_none_is_when_it_is_spaced_out(
    tab: ShopPage, wordy: LiveServer, go: Callable[[ShopPage], None], width: int
) -> None:
    tab.page.set_viewport_size({"width": width, "height": 640})
    tab.open(wordy.url)
    go(tab)

    for spacing in ("* {}", TEXT_SPACING):
        tab.page.add_style_tag(content=spacing)

        assert faults_of_text(tab.page) == [], spacing
        assert not scrolls_sideways(tab.page), spacing


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_controls_have_a_visible_border(tab: ShopPage, server: LiveServer, scheme: Literal["light", "dark"]) -> None:
    tab.page.emulate_media(color_scheme=scheme)
    tab.open(server.url)
    _marked(tab)

    edges = edge_contrasts(tab.page, CONTROLS)
    bars = colour_contrasts(tab.page, ".plot svg rect", "fill") | colour_contrasts(
        tab.page, ".parts .bar", "backgroundColor"
    )

    assert len(edges) > 12
    assert {name: found for name, found in edges.items() if found < NON_TEXT} == {}
    assert len(bars) > 4
    assert {name: found for name, found in bars.items() if found < NON_TEXT} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_facts_borders_and_icons_are_visible_with_forced_colours(
    tab: ShopPage, server: LiveServer, scheme: Literal["light", "dark"]
) -> None:
    tab.page.emulate_media(color_scheme=scheme, forced_colors="active")
    tab.open(server.url)
    _marked(tab)
    tab.wait_until_offline_ready()

    edges = edge_contrasts(tab.page, "button, input[type=search]")
    facts = colour_contrasts(tab.page, ".cards mark", "color")
    signs = colour_contrasts(tab.page, ".dot, .bar", "backgroundColor")
    lines = tab.page.locator(".cards mark").first.evaluate("mark => getComputedStyle(mark).textDecorationLine")

    assert len(edges) > 30
    assert {name: found for name, found in edges.items() if found < NON_TEXT} == {}
    assert facts
    assert {name: found for name, found in facts.items() if found < TEXT} == {}
    assert lines == "underline"
    assert len(signs) > 1
    assert {name: found for name, found in signs.items() if found < NON_TEXT} == {}


WATCH_SHIFTS = """
    window.shifts = [];
    new PerformanceObserver((list) => {
        for (const { value, hadRecentInput, sources } of list.getEntries())
            if (!hadRecentInput) window.shifts.push([value, ...sources.map(({ node }) => node?.className ?? "")]);
    }).observe({ type: "layout-shift", buffered: true });
"""


def _shift(tab: ShopPage) -> float:
    total: float = tab.page.evaluate("window.shifts.reduce((sum, [value]) => sum + value, 0)")
    return total


@pytest.mark.parametrize("width", [360, 390, 600, 700, 768, 820, 1000, 1280])
def test_the_layout_does_not_shift_on_the_first_and_the_next_visit(
    tab: ShopPage, wordy: LiveServer, width: int
) -> None:
    tab.page.set_viewport_size({"width": width, "height": 844})
    tab.page.add_init_script(WATCH_SHIFTS)

    tab.open(wordy.url)
    tab.wait_until_offline_ready()
    first = _shift(tab)
    _marked(tab)
    tab.reload()
    tab.wait_until_offline_ready()

    assert first < 0.02
    assert _shift(tab) < 0.02


@pytest.mark.parametrize("width", [320, 390, 600, 700, 768, 820, 1000, 1280, 1600])
def test_space_for_the_list_is_reserved_while_the_shop_loads(
    tab: ShopPage, wordy: LiveServer, context: BrowserContext, width: int
) -> None:
    held: list[Route] = []
    context.route("**/manifest.json", lambda route: held.append(route))
    tab.page.set_viewport_size({"width": width, "height": 844})
    parts = "['.above', '.diversity', '.cards']"
    places = f"() => {parts}.map((part) => document.querySelector(part).getBoundingClientRect().top)"
    tab.page.goto(wordy.url)
    expect(tab.page.locator(".skeleton").first).to_be_visible()
    before = tab.page.evaluate(places)
    reserved = tab.page.locator(".skeleton").first.evaluate("card => card.getBoundingClientRect().height")
    for _ in range(500):  # the page asks for signed metadata first
        if held:
            break
        tab.page.wait_for_timeout(20)

    for route in held:
        route.continue_()
    tab.wait_for_list()

    assert tab.page.evaluate(places) == before
    assert reserved > 150


@pytest.mark.parametrize("width", [320, 390])
def test_the_notice_with_undo_stays_on_the_screen(tab: ShopPage, wordy: LiveServer, width: int) -> None:
    tab.page.set_viewport_size({"width": width, "height": 500})
    tab.open(wordy.url)
    title = tab.titles()[0]

    tab.page.locator("[data-action=hide]").first.click()

    undo = tab.notices.get_by_role("button", name="Undo")
    expect(undo).to_be_in_viewport(ratio=1)
    notice = tab.notices.locator(".notice").last.bounding_box()
    assert notice is not None
    assert notice["x"] >= 0
    assert notice["x"] + notice["width"] <= width
    undo.click()
    expect(tab.page.locator(".cards h3").first).to_have_text(title)
