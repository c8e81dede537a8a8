"""A history goes from the page to Python and back, as a file, readable or encrypted."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from edge_runtime.state.history import Event
from edge_runtime.state.history_file import dump_history, read_history
from tests.live_server import LiveServer
from tests.web_demo.shop_page import ShopPage

pytestmark = pytest.mark.browser

PASSPHRASE = "café au lait"
T = 1_700_000_000_000


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_python_reads_what_the_page_saves(
    tab: ShopPage, server: LiveServer, tmp_path: Path, passphrase: str | None, page_errors: list[str]
) -> None:
    tab.open(server.url)
    liked, hidden = tab.titles()[:2]
    tab.choose(liked)
    tab.hide(hidden)
    carry = tab.open_carrying()

    carry.get_by_label("Encrypt it with a passphrase").set_checked(passphrase is not None)
    if passphrase is not None:
        carry.get_by_label("Passphrase, at least 8 characters").fill(passphrase)
    with tab.page.expect_download() as download:
        carry.get_by_role("button", name="Save the file").click()
    download.value.save_as(tmp_path / "history")

    expect(carry.get_by_role("status")).to_contain_text(f"Saved as {download.value.suggested_filename}")
    events = read_history((tmp_path / "history").read_bytes(), passphrase)
    assert [event.event for event in events] == ["like", "dislike"]
    assert page_errors == []


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_the_page_adds_what_python_wrote(
    tab: ShopPage, server: LiveServer, tmp_path: Path, passphrase: str | None, page_errors: list[str]
) -> None:
    events = [Event(1, "item-3", "click", T), Event(2, "item-5", "view_in_store", T + 1)]
    (tmp_path / "history").write_bytes(dump_history(events, passphrase))
    tab.open(server.url)
    carry = tab.open_carrying()

    carry.get_by_label("File of the other device").set_input_files(tmp_path / "history")
    if passphrase is not None:
        carry.get_by_label("Passphrase", exact=True).fill("cafe au lait")
        carry.get_by_role("button", name="Add it to my history").click()
        expect(carry.get_by_role("status")).to_contain_text("the passphrase is another one")
        expect(tab.history).to_have_count(0)
        carry.get_by_label("Passphrase", exact=True).fill(passphrase)
    carry.get_by_role("button", name="Add it to my history").click()

    expect(carry.get_by_role("status")).to_have_text("2 events added.")
    expect(tab.history).to_have_count(2)
    tab.reload()
    expect(tab.history).to_have_count(2)
    assert page_errors == []


def test_another_file_is_refused_in_one_sentence(tab: ShopPage, server: LiveServer, tmp_path: Path) -> None:
    (tmp_path / "holiday.json").write_text("[]")
    tab.open(server.url)
    carry = tab.open_carrying()

    carry.get_by_label("File of the other device").set_input_files(tmp_path / "holiday.json")
    carry.get_by_role("button", name="Add it to my history").click()

    expect(carry.get_by_role("status")).to_have_text("Nothing was added: this is not a history file.")
    expect(tab.notices).not_to_contain_text("went wrong")
