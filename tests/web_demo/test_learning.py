"""The page learns from the person's choices while it is idle, in a real browser."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from edge_runtime.state.history import Event
from edge_runtime.state.history_file import dump_history
from tests.live_server import serving
from tests.tiny_learning import make_learning_bundle, one_taste
from tests.web_demo.conftest import TARGET
from tests.web_demo.shop_page import WAIT_MS, ShopPage
from tests.web_demo.test_accessibility import violations

pytestmark = pytest.mark.browser

STEPS = 12
"""Of a session of the tiny bundle: 6 updates with 39 examples each, 32 at most in a step."""
RECORD = """async () => {
    const [{ name }] = await indexedDB.databases();
    const asked = (request) => new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
    const database = await asked(indexedDB.open(name));
    const value = await asked(database.transaction("settings").objectStore("settings").get("learning"));
    database.close();
    return typeof value === "string" ? value : value.value;
}"""
SCRIPTS_OF_THE_PAGE = """() => performance.getEntriesByType("resource").map(({ name }) => name)
    .filter((name) => name.endsWith(".js"))"""
"""Scripts that a worker loads are not among them."""


def learning(tab: ShopPage) -> Locator:
    """Return the part of the page that says what was learned."""
    return tab.page.locator(".learning")


def choose_all(tab: ShopPage, folder: Path, item_ids: list[str]) -> None:
    """Add a history of clicks, as a file of another device."""
    events = [Event(at, item_id, "click", 1_700_000_000_000 + at) for at, item_id in enumerate(item_ids)]
    (folder / "taste.json").write_bytes(dump_history(events))
    forms = tab.open_carrying()
    forms.get_by_label("File of the other device").set_input_files(folder / "taste.json")
    forms.get_by_role("button", name="Add it to my history").click()
    expect(tab.history.first).to_be_visible()


def record(tab: ShopPage) -> dict[str, Any]:
    """Return what the browser keeps of learning."""
    text: str = tab.page.evaluate(RECORD)
    return dict(json.loads(text))


def test_two_tabs_learn_once_and_both_show_the_lists_of_it(
    tab: ShopPage, tmp_path: Path, built_page: Path, page_errors: list[str]
) -> None:
    make_learning_bundle(tmp_path / TARGET, target=TARGET)
    with serving(tmp_path, "--web", str(built_page)) as server:
        tab.open(server.url)
        other = ShopPage(tab.page.context.new_page())
        other.page.on("pageerror", lambda error: page_errors.append(str(error)))
        other.open(server.url)
        choose_all(tab, tmp_path, one_taste(tmp_path / TARGET))

        for one in (tab, other):
            expect(learning(one)).to_contain_text("It is in use", timeout=2 * WAIT_MS)
        other.expect_titles(tab.titles())
        learned = record(tab)
        assert learned["session"] is None
        assert learned["steps"] == STEPS

        tab.page.close()
        other.reload()
        expect(learning(other)).to_contain_text("It is in use", timeout=WAIT_MS)
        assert record(other) == learned
    assert page_errors == []


def test_choices_train_an_adapter_that_is_used_after_a_reload_until_it_is_switched_off_or_deleted(
    tab: ShopPage, tmp_path: Path, built_page: Path, page_errors: list[str], hosts: set[str]
) -> None:
    make_learning_bundle(tmp_path / TARGET, target=TARGET)
    with serving(tmp_path, "--web", str(built_page)) as server:
        tab.open(server.url)
        expect(learning(tab)).to_contain_text("there are 0 so far", timeout=WAIT_MS)
        choose_all(tab, tmp_path, one_taste(tmp_path / TARGET))
        expect(learning(tab)).to_contain_text("It is in use", timeout=2 * WAIT_MS)
        scripts = tab.page.evaluate(SCRIPTS_OF_THE_PAGE)
        assert scripts, "the page has no scripts, so this says nothing"
        assert not [name for name in scripts if "/learning-" in name], "training would block the page"
        adapted = tab.titles()
        assert violations(tab) == []

        tab.reload()
        tab.expect_titles(adapted)
        expect(learning(tab)).to_contain_text("It is in use", timeout=WAIT_MS)
        learning(tab).get_by_role("checkbox").uncheck()
        expect(learning(tab)).to_contain_text("It is switched off")
        expect(tab.page.locator(".cards h3")).not_to_have_text(adapted)
        learning(tab).get_by_role("checkbox").check()
        tab.expect_titles(adapted)

        tab.page.get_by_role("button", name="Delete my data").click()
        tab.page.get_by_role("button", name="Delete", exact=True).click()
        expect(learning(tab)).to_contain_text("there are 0 so far", timeout=WAIT_MS)
    assert page_errors == []
    assert hosts == {"127.0.0.1"}
