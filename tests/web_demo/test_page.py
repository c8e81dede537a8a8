"""What a user can do on the page, in a real browser against a real server."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from edge_runtime import Recommender
from tests.live_server import LiveServer
from tests.web_demo.conftest import TARGET
from tests.web_demo.shop_page import ShopPage

pytestmark = pytest.mark.browser


def test_a_first_visit_shows_six_popular_items_and_says_that_they_are_popular(
    tab: ShopPage, server: LiveServer, shop: Path, page_errors: list[str]
) -> None:
    tab.open(server.url)

    with Recommender.open(shop / TARGET) as recommender:
        expected = recommender.recommend(6)
        reasons = recommender.explain_list(expected)
    tab.expect_titles([item.title for item in expected])
    assert tab.reasons() == ["" if reason is None else reason.text for reason in reasons]
    assert "Popular right now" in tab.reasons()
    assert page_errors == []


def test_the_list_and_its_reasons_follow_the_choices_and_equal_pythons(
    tab: ShopPage, server: LiveServer, shop: Path
) -> None:
    tab.open(server.url)
    marked = []

    for place in (1, 0, 4):
        marked.append(tab.titles()[place])
        tab.choose(marked[-1])

    with Recommender.open(shop / TARGET) as recommender:
        ids = {title: item_id for item_id, title in zip(*_columns(recommender), strict=True)}
        history = [ids[title] for title in marked]
        for item_id in history:
            recommender.observe(item_id, "like")
        expected = recommender.recommend(12)
        reasons = recommender.explain_list(expected)
    tab.expect_titles([item.title for item in expected])
    assert tab.reasons() == ["" if reason is None else reason.text for reason in reasons]
    assert tab.history_titles() == marked[::-1]


@pytest.mark.parametrize("percent", [35, 100])
def test_the_list_follows_the_slider_and_equals_pythons(
    tab: ShopPage, server: LiveServer, shop: Path, percent: int
) -> None:
    tab.open(server.url)
    title = tab.titles()[1]
    with Recommender.open(shop / TARGET) as recommender:
        popular = recommender.recommend(6, diversity=percent / 100)
        ids = {title: item_id for item_id, title in zip(*_columns(recommender), strict=True)}
        personal = recommender.recommend(12, history=[ids[title]], diversity=percent / 100)
        precise = recommender.recommend(12, history=[ids[title]])

    tab.set_diversity(percent)
    tab.expect_titles([item.title for item in popular])
    tab.set_diversity(0)
    tab.choose(title)
    tab.expect_titles([item.title for item in precise])
    tab.set_diversity(percent)

    tab.expect_titles([item.title for item in personal])
    assert personal != precise


def _columns(recommender: Recommender) -> tuple[Sequence[str], Sequence[str]]:
    return recommender.items.item_id, recommender.items.title


def test_the_facts_in_a_reason_are_highlighted(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    tab.choose(tab.titles()[0])

    assert all(tab.reasons())
    for reason in tab.page.locator(".cards .reason").all():
        assert reason.locator("mark").count() > 0, reason.inner_text()


def test_no_two_reasons_of_a_list_are_equal(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    tab.choose(tab.titles()[0])

    assert len(set(tab.reasons())) == 12


def test_a_list_is_shown_before_its_reasons_and_does_not_move_when_they_come(tab: ShopPage, server: LiveServer) -> None:
    requested: list[Route] = []
    tab.page.context.route("**/assets/phrases-*.js", lambda route: requested.append(route))

    tab.open(server.url)

    expect(tab.cards).to_have_count(6)
    before = [card.bounding_box() for card in tab.cards.all()]
    assert tab.page.locator(".cards .reason").all_inner_texts() == [""] * 6
    for route in requested:
        route.continue_()
    assert "Popular right now" in tab.reasons()
    assert [card.bounding_box() for card in tab.cards.all()] == before


def test_the_manner_of_reasons_is_chosen_where_they_are_explained_and_kept_until_data_is_deleted(
    tab: ShopPage, server: LiveServer
) -> None:
    tab.open(server.url)
    tab.choose(tab.titles()[0])
    usual = tab.reasons()
    manner = tab.page.get_by_role("combobox", name="Reasons")

    tab.page.locator("[data-action=why]").first.click()
    manner.select_option("Detailed and formal")

    dialog = tab.page.get_by_role("dialog")
    expect(dialog.locator(".reason")).not_to_have_text(usual[0])
    dialog.get_by_role("button", name="Close").click()
    formal = tab.reasons()
    assert formal != usual
    tab.reload()
    assert tab.reasons() == formal
    assert "1 setting" in tab.page.locator(".your-data").inner_text()


def test_a_reload_keeps_the_history_and_the_list(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url, engine="onnxruntime")
    tab.choose(tab.titles()[1])
    tab.wait_for_engine("onnxruntime")
    before = tab.titles(), tab.history_titles()

    tab.reload()

    tab.expect_titles(before[0])
    assert tab.history_titles() == before[1]


def test_a_reload_keeps_the_slider_where_it_was(tab: ShopPage, server: LiveServer, shop: Path) -> None:
    tab.open(server.url)
    marked = tab.titles()[0]
    tab.choose(marked)
    with Recommender.open(shop / TARGET) as recommender:
        ids = {title: item_id for item_id, title in zip(*_columns(recommender), strict=True)}
        diverse = [item.title for item in recommender.recommend(12, history=[ids[marked]], diversity=0.8)]
    tab.set_diversity(80)
    tab.expect_titles(diverse)

    tab.reload()

    expect(tab.diversity_slider).to_have_value("80")
    tab.expect_titles(diverse)


def test_only_the_last_position_of_a_moving_slider_counts(tab: ShopPage, server: LiveServer, shop: Path) -> None:
    tab.open(server.url)
    marked = tab.titles()[0]
    tab.choose(marked)

    for percent in (5, 95, 20, 100, 0, 45, 70):
        tab.set_diversity(percent)

    with Recommender.open(shop / TARGET) as recommender:
        ids = {title: item_id for item_id, title in zip(*_columns(recommender), strict=True)}
        expected = recommender.recommend(12, history=[ids[marked]], diversity=0.7)
    expect(tab.diversity_slider).to_have_value("70")
    tab.expect_titles([item.title for item in expected])


def test_a_hidden_item_stays_hidden_until_it_is_shown_again(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    unwanted = tab.titles()[0]

    tab.hide(unwanted)
    tab.reload()

    assert unwanted not in tab.titles()
    tab.page.get_by_role("button", name="Show again").click()
    expect(tab.page.locator(".cards h3").get_by_text(unwanted, exact=True)).to_be_visible()


def test_hiding_lowers_similar_items_as_python_does_and_says_so(tab: ShopPage, server: LiveServer, shop: Path) -> None:
    tab.open(server.url)
    marked = tab.titles()[0]
    tab.choose(marked)
    expect(tab.cards).to_have_count(12)
    unwanted = tab.titles()[:2]

    for title in unwanted:
        tab.hide(title)

    expect(tab.notices).to_contain_text("Similar items are shown less.")
    with Recommender.open(shop / TARGET) as recommender:
        ids = {title: item_id for item_id, title in zip(*_columns(recommender), strict=True)}
        recommender.observe(ids[marked], "like")
        only_hidden = [item.title for item in recommender.recommend(14) if item.title not in unwanted]
        for title in unwanted:
            recommender.observe(ids[title], "dislike")
        expected = [item.title for item in recommender.recommend(12)]
    tab.expect_titles(expected)
    assert expected != only_hidden


def test_hiding_can_be_undone_at_once(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    before = tab.titles()

    tab.hide(before[2])
    tab.notices.get_by_role("button", name="Undo").click()

    expect(tab.page.locator(".cards h3").get_by_text(before[2], exact=True)).to_be_visible()
    tab.expect_titles(before)


def test_an_item_can_be_removed_from_the_history(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    starters = tab.titles()
    tab.choose(starters[0])

    tab.page.get_by_role("button", name=f"Remove {starters[0]}").click()

    expect(tab.history).to_have_count(0)
    tab.expect_titles(starters)


def test_search_finds_titles_while_typing_and_adds_them(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)

    tab.page.get_by_label("Search the shop").fill("Soap bir")

    hits = tab.page.locator("#search-hits button")
    expect(hits.first).to_contain_text("soap")
    title = hits.first.locator(".name").evaluate("name => name.firstChild.textContent")
    assert title.startswith("Birch")
    hits.first.click()
    expect(tab.history.filter(has_text=title)).to_be_visible()
    expect(hits.first).to_have_attribute("aria-pressed", "true")


def test_the_search_field_accepts_at_most_200_characters(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    search = tab.page.get_by_label("Search the shop")
    search.focus()

    tab.page.keyboard.insert_text("x" * 100_000)

    expect(search).to_have_value("x" * 200)


def test_search_reports_no_match_only_after_searching(tab: ShopPage, server: LiveServer) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    tab.page.context.route("**/v1/channels/**", hold)
    tab.page.goto(server.url)

    tab.page.get_by_label("Search", exact=True).fill("hand creams")  # no catalogue is open yet
    tab.page.wait_for_timeout(500)

    expect(tab.page.locator("#search-hits")).to_be_hidden()
    assert held
    for route in held:
        route.continue_()
    expect(tab.page.locator("#search-hits button").first).to_contain_text(" hand cream ")


@pytest.mark.parametrize("typed", ["hand creams", "CREAM hand", "hnad cream", "handcreams"])
def test_search_knows_plurals_categories_and_one_typing_error(tab: ShopPage, server: LiveServer, typed: str) -> None:
    tab.open(server.url)

    tab.page.get_by_label("Search the shop").fill(typed)

    hits = tab.page.locator("#search-hits button")
    expect(hits.first).to_contain_text(" hand cream ")


def test_why_shows_the_reason_and_the_position(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    tab.choose(tab.titles()[0])
    title, reason = tab.titles()[0], tab.reasons()[0]

    tab.page.get_by_role("button", name=f"Why? {title}").click()

    dialog = tab.page.get_by_role("dialog")
    expect(dialog).to_contain_text(title)
    expect(dialog).to_contain_text(reason)
    expect(dialog).to_contain_text("It is number 1 in the list.")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()


def test_a_picture_is_shown_where_there_is_one_and_a_placeholder_for_other_items(
    tab: ShopPage, server: LiveServer
) -> None:
    tab.open(server.url)
    tab.choose(tab.titles()[0])
    expect(tab.cards).to_have_count(12)

    pictures = tab.page.locator(".cards .picture")
    # Pictures arrive one by one: the count is waited for, not read once.
    expect(pictures.locator("img, svg")).to_have_count(12)
    expect(pictures.locator("img").first).to_be_visible()
    expect(pictures.locator("svg").first).to_be_visible()


def test_a_second_tab_follows_the_first(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    second = ShopPage(tab.page.context.new_page())
    second.open(server.url)
    title = tab.titles()[0]

    tab.choose(title)
    tab.set_diversity(60)

    expect(second.history.filter(has_text=title)).to_be_visible()
    expect(second.diversity_slider).to_have_value("60")
    second.expect_titles(tab.titles())


def test_deleting_data_leaves_nothing_about_the_user(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    tab.choose(tab.titles()[0])
    tab.hide(tab.titles()[0])

    tab.page.get_by_role("button", name="Delete my data").click()
    tab.page.get_by_role("button", name="Delete", exact=True).click()

    expect(tab.page.get_by_text("Your data has been deleted from this device.")).to_be_visible()
    assert tab.history_titles() == []
    expect(tab.cards).to_have_count(6)
    assert _stored_values(tab) == 0


def test_deleting_data_resets_the_slider_too_and_is_offered_for_it_alone(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    starters = tab.titles()
    tab.set_diversity(90)
    expect(tab.page.get_by_role("region", name="Your data on this device")).to_contain_text("0 choices and 1 setting")
    assert _stored_values(tab) >= 1  # the engines' times may be kept, too

    tab.page.get_by_role("button", name="Delete my data").click()
    tab.page.get_by_role("button", name="Delete", exact=True).click()

    expect(tab.page.get_by_text("Your data has been deleted from this device.")).to_be_visible()
    expect(tab.diversity_slider).to_have_value("0")
    tab.expect_titles(starters)
    assert _stored_values(tab) == 0


def test_deleting_data_before_the_engines_are_timed_keeps_no_times_either(tab: ShopPage, server: LiveServer) -> None:
    held: list[Route] = []
    tab.page.context.route("**/*.wasm", lambda route: held.append(route))
    tab.open(server.url)
    tab.choose(tab.titles()[0])

    tab.page.get_by_role("button", name="Delete my data").click()
    tab.page.get_by_role("button", name="Delete", exact=True).click()
    expect(tab.page.get_by_text("Your data has been deleted from this device.")).to_be_visible()
    assert held
    for route in held:
        route.continue_()
    tab.wait_until_offline_ready()

    assert _stored_values(tab) == 0


def test_deleting_data_asks_before_it_deletes(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    title = tab.titles()[0]
    tab.choose(title)

    tab.page.get_by_role("button", name="Delete my data").click()
    tab.page.get_by_role("button", name="Cancel").click()

    assert tab.history_titles() == [title]
    assert _stored_values(tab) >= 1  # the engines' times may be kept, too


def _stored_values(tab: ShopPage) -> int:
    """Count what IndexedDB holds, whatever the databases and stores are called, but for the shop's release."""
    counted: int = tab.page.evaluate(
        """async () => {
            let total = 0;
            for (const { name } of await indexedDB.databases()) {
                if (name === "pocketrec-releases") continue;
                const database = await new Promise((resolve, reject) => {
                    const request = indexedDB.open(name);
                    request.onsuccess = () => resolve(request.result);
                    request.onerror = () => reject(request.error);
                });
                for (const store of database.objectStoreNames) {
                    total += await new Promise((resolve) => {
                        const request = database.transaction(store).objectStore(store).count();
                        request.onsuccess = () => resolve(request.result);
                    });
                }
                database.close();
            }
            return total;
        }"""
    )
    return counted


def test_nothing_is_sent_and_no_other_host_is_contacted(tab: ShopPage, server: LiveServer, hosts: set[str]) -> None:
    tab.open(server.url)
    tab.choose(tab.titles()[0])
    tab.hide(tab.titles()[0])
    tab.wait_until_offline_ready()

    your_data = tab.page.get_by_role("region", name="Your data on this device")

    expect(your_data).to_contain_text("Sent since loading0 bytes")
    expect(your_data).to_contain_text("none from other sites")
    assert hosts <= {"127.0.0.1", "data", "blob"}
