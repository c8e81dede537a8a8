"""What a user says on the page about the list, in a real browser."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Request, expect

from edge_runtime import Recommender
from tests.live_server import LiveServer
from tests.web_demo.conftest import TARGET, listening
from tests.web_demo.shop_page import ShopPage

pytestmark = pytest.mark.browser


def _field(tab: ShopPage) -> Locator:
    return tab.page.get_by_role(
        "textbox", name=re.compile("Say what you want, or do not want|Was möchtest du, was nicht")
    )


def _answer(tab: ShopPage) -> Locator:
    return tab.page.locator("#say-answer")


def _chips(tab: ShopPage) -> Locator:
    return tab.page.get_by_role("list", name=re.compile("What counts|Was gilt")).locator("li > :first-child")


def _say(tab: ShopPage, text: str, answer: str) -> None:
    """Say something by keyboard, and wait for the answer."""
    _field(tab).fill(text)
    _field(tab).press("Enter")
    expect(_answer(tab)).to_have_text(answer)


def test_the_list_follows_what_is_said_and_the_choices_after_it_and_equals_pythons(
    tab: ShopPage, server: LiveServer, shop: Path, page_errors: list[str]
) -> None:
    tab.open(server.url)
    with Recommender.open(shop / TARGET) as recommender:
        said = recommender.say("anything but Elm", k=6)
        chosen = said.items[1]
        recommender.observe(chosen.item_id, "like")
        then = recommender.recommend(12, conversation=True)

    _say(tab, "anything but Elm", said.text)
    tab.expect_titles([item.title for item in said.items])
    expect(_chips(tab)).to_have_text(["no Elm"])
    expect(_field(tab)).to_have_value("")
    tab.choose(chosen.title)

    tab.expect_titles([item.title for item in then])
    assert page_errors == []


def test_chips_are_removed_by_keyboard_and_the_focus_stays_in_their_row(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    before = tab.titles()
    _say(tab, "no Elm", "OK, no Elm.")
    _say(tab, "no soap", "OK, no soap.")

    tab.page.get_by_role("button", name="Take back: no Elm").focus()
    tab.page.keyboard.press("Enter")

    expect(_chips(tab)).to_have_text(["no soap"])
    expect(tab.page.get_by_role("button", name="Take back: no soap")).to_be_focused()
    tab.page.keyboard.press("Enter")
    expect(_chips(tab)).to_have_count(0)
    expect(_field(tab)).to_be_focused()
    tab.expect_titles(before)


def test_a_contradiction_is_asked_about_and_a_button_decides(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    _say(tab, "only Aster", "OK, Aster.")
    _say(tab, "Birch", "“Birch” instead of “Aster”, or both?")

    tab.page.get_by_role("button", name="Birch instead").click()

    expect(_answer(tab)).to_have_text("OK, Birch.")
    expect(_chips(tab)).to_have_text(["Birch"])
    expect(tab.page.get_by_role("button", name="both")).to_have_count(0)
    assert all(title.startswith("Birch") for title in tab.titles())


def test_undo_takes_back_one_sentence_and_goes_when_there_is_none(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    before = tab.titles()
    _say(tab, "no Elm", "OK, no Elm.")
    undo = tab.page.locator(".say").get_by_role("button", name="Undo")

    undo.click()

    expect(_chips(tab)).to_have_count(0)
    expect(undo).to_have_count(0)
    tab.expect_titles(before)


def test_why_an_item_is_there_is_answered_with_the_reason_of_its_card(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    tab.choose(tab.titles()[0])
    reasons = tab.reasons()
    place = next(index for index, reason in enumerate(reasons) if reason)

    _say(tab, f"why number {place + 1}?", f"{tab.titles()[place]}: {reasons[place]}")


def test_words_that_are_not_understood_are_said_and_change_nothing(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    before = tab.titles()

    _say(tab, "xyzzyplugh", "I didn't catch “xyzzyplugh”.")

    assert tab.titles() == before
    expect(_chips(tab)).to_have_count(0)


def test_a_doubtful_word_is_asked_about_and_a_button_declines(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    before = tab.titles()
    _say(tab, "a mint parasol", "Do you mean mint?")

    tab.page.get_by_role("button", name="no", exact=True).click()

    expect(_answer(tab)).to_have_text("All right, nothing changes.")
    expect(_chips(tab)).to_have_count(0)
    assert tab.titles() == before


def test_the_field_gives_examples_that_change_this_list(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)

    _field(tab).focus()

    expect(_field(tab)).to_have_attribute("placeholder", "no shampoo, surprise me")


def test_what_is_said_in_german_is_answered_in_german(
    browser: Browser, server: LiveServer, page_errors: list[str]
) -> None:
    with browser.new_context(locale="de-AT") as context:
        tab = listening(context.new_page(), page_errors)
        tab.open(server.url)

        _say(tab, "alles außer Elm", "Gut, ohne Elm.")

        expect(_answer(tab)).to_have_attribute("lang", "de")
        expect(_field(tab)).to_have_attribute("lang", "de")
        expect(_chips(tab)).to_have_attribute("lang", "de")
        expect(tab.page.locator(".chips .remove [lang]")).to_have_attribute("lang", "de")
        expect(tab.page.locator("html")).to_have_attribute("lang", "de")
    assert page_errors == []


def test_nothing_that_is_said_leaves_the_page(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    tab.wait_until_offline_ready()
    asked: list[Request] = []
    tab.page.context.on("request", lambda request: asked.append(request))

    _say(tab, "no Elm", "OK, no Elm.")
    _say(tab, "cheaper", "There is no price here to go by, only brand and category.")

    assert {request.method for request in asked} <= {"GET"}
    assert all(request.url.endswith(".js") for request in asked)


def test_deleting_data_deletes_what_was_said(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    before = tab.titles()
    tab.choose(before[0])
    _say(tab, "no Elm", "OK, no Elm.")

    tab.page.get_by_role("button", name="Delete my data").click()
    tab.page.get_by_role("button", name="Delete", exact=True).click()
    expect(tab.page.get_by_text("Your data has been deleted from this device.")).to_be_visible()

    expect(_chips(tab)).to_have_count(0)
    expect(_answer(tab)).to_have_text("")
    tab.expect_titles(before)
    _say(tab, "undo", "There is nothing to take back.")


def test_what_was_said_can_be_deleted_where_nothing_was_chosen(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)
    _say(tab, "no Elm", "OK, no Elm.")

    tab.page.get_by_role("button", name="Delete my data").click()
    expect(tab.page.get_by_text("Delete what you said permanently?")).to_be_visible()
    tab.page.get_by_role("button", name="Delete", exact=True).click()

    expect(tab.page.get_by_text("Your data has been deleted from this device.")).to_be_visible()
    expect(_chips(tab)).to_have_count(0)


@pytest.mark.parametrize("width", [320, 390])
def test_a_long_word_in_an_answer_does_not_make_the_page_wider_than_a_phone(
    tab: ShopPage, server: LiveServer, width: int
) -> None:
    tab.page.set_viewport_size({"width": width, "height": 700})
    tab.open(server.url)

    _field(tab).fill("x" * 300)
    _field(tab).press("Enter")
    expect(_answer(tab)).to_contain_text("xxx")

    assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
