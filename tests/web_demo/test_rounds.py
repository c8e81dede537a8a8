"""The page takes part in a round, in a real browser, with a real server that counts."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from edge_runtime.rounds.plan import parse_plan
from edge_runtime.rounds.update import decode
from server.repository.publish import publish
from tests.live_server import serving
from tests.tiny_learning import make_learning_bundle, one_taste
from tests.tiny_repository import PASSPHRASE, make_repository
from tests.web_demo.conftest import TARGET
from tests.web_demo.shop_page import WAIT_MS, ShopPage
from tests.web_demo.test_accessibility import violations
from tests.web_demo.test_learning import choose_all
from tests.web_demo.visual_checks import faults_of_text, scrolls_sideways

pytestmark = pytest.mark.browser


def pocketrec(*words: str | Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "edge_runtime", *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def opened_rounds(tab: ShopPage) -> Locator:
    """Open the part of the page about rounds, and return it."""
    tab.page.get_by_text("Improve the adapter together").click()
    return tab.page.locator(".rounds")


def test_a_browser_that_agreed_shows_its_upload_sends_it_once_and_keeps_the_receipt(
    tab: ShopPage,
    tmp_path: Path,
    built_page: Path,
    page_errors: list[str],
    hosts: set[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POCKETREC_PASSPHRASE", PASSPHRASE)
    releases = make_repository(tmp_path)
    make_learning_bundle(releases.bundles / TARGET, target=TARGET)
    publish(releases.path, releases.bundles, releases.ring())
    with serving(releases.path, "--web", str(built_page)) as server:
        plan = tmp_path / "plan.json"
        made = ("--target", TARGET, "--operator", server.url, "--out", plan)
        terms = ("--min-updates", "1", "--min-events", "5", "--epsilon", "7", "--participations", "1")
        pocketrec("rounds", "plan", releases.path, *made, *terms)
        pocketrec("rounds", "open", releases.path, plan)
        tab.open(server.url)
        tab.wait_for_list()
        choose_all(tab, tmp_path, one_taste(releases.bundles / TARGET))

        rounds = opened_rounds(tab)
        agree = rounds.get_by_label("Take part in rounds")
        expect(agree).not_to_be_checked(timeout=WAIT_MS)
        expect(rounds.get_by_role("button")).to_have_count(0)
        agree.check()
        expect(rounds).to_contain_text("epsilon 7", timeout=WAIT_MS)
        expect(rounds).to_contain_text("No item, no choice and no identifier")
        rounds.get_by_role("button", name="Compute what would be sent").click()
        rounds.get_by_text(re.compile("What is sent")).click(timeout=2 * WAIT_MS)
        upload = bytes.fromhex(rounds.locator("code").inner_text())
        decode(upload, parse_plan(plan.read_bytes(), TARGET))
        assert status_of(releases.path)["updates"] == 0
        check_looks(tab)

        rounds.get_by_role("button", name="Send it once").click()
        expect(rounds).to_contain_text("sent and counted", timeout=WAIT_MS)
        assert status_of(releases.path)["updates"] == 1

        tab.reload()
        tab.wait_for_list()
        rounds = opened_rounds(tab)
        expect(rounds).to_contain_text("sent and counted", timeout=WAIT_MS)
        expect(rounds).to_contain_text("This browser has taken part in the round")
        expect(rounds.get_by_role("button")).to_have_count(0)
        tab.page.get_by_role("button", name="Delete my data").click()
        tab.page.get_by_role("button", name="Delete", exact=True).click()
        tab.reload()
        tab.wait_for_list()
        rounds = opened_rounds(tab)
        expect(rounds.get_by_label("Take part in rounds")).not_to_be_checked(timeout=WAIT_MS)
        expect(rounds.get_by_role("listitem")).to_have_count(0)
    assert page_errors == []
    assert hosts == {"127.0.0.1"}


def check_looks(tab: ShopPage) -> None:
    """Check that rounds can be read in both colours, by axe, and that nothing is cut on a phone."""
    size = tab.page.viewport_size
    assert size is not None
    for scheme in ("light", "dark"):
        tab.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert violations(tab) == []
    tab.page.set_viewport_size({"width": 320, "height": 640})
    assert not scrolls_sideways(tab.page)
    assert faults_of_text(tab.page) == []
    tab.page.set_viewport_size(size)


def status_of(releases: Path) -> dict[str, Any]:
    """Return what the server says of its only round."""
    (found,) = pocketrec("rounds", "status", releases)["rounds"]
    return dict(found)
