"""A page object: what a user can read on the page, and what they can do."""

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from playwright.sync_api import Locator, Page, expect

WAIT_MS = 30_000


@dataclass(frozen=True, slots=True)
class ShopPage:
    """One tab."""

    page: Page

    def open(self, url: str, *, engine: str | None = None, target: str | None = None) -> None:
        """Load the page and wait for its list.

        Args:
            url: address of the server.
            engine: makes all lists as soon as it has loaded; None: those that are fastest on this machine.
            target: of the bundle; None for the page's own.
        """
        asked = {"engine": engine, "target": target}
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        self.page.goto(f"{url}/?{query}" if query else url)
        self.wait_for_list()

    def reload(self) -> None:
        """Load it again and wait for its list."""
        self.page.reload()
        self.wait_for_list()

    def wait_for_list(self) -> None:
        """Wait until cards have taken the place of the skeletons."""
        expect(self.cards.first).to_be_visible(timeout=WAIT_MS)

    def wait_until_offline_ready(self) -> None:
        """Wait until everything is stored, the page itself included."""
        expect(self.status).to_have_text("Ready, works offline", timeout=WAIT_MS)
        # Evaluated, not waited for: Playwright's own waiting needs an eval that the page's policy forbids.
        self.page.evaluate(
            """() => navigator.serviceWorker.controller !== null ? null : new Promise((resolve) => {
                navigator.serviceWorker.addEventListener("controllerchange", () => resolve(null));
            })"""
        )

    @property
    def cards(self) -> Locator:
        return self.page.locator(".cards article")

    @property
    def status(self) -> Locator:
        """The status pill."""
        return self.page.locator("header [role=status]")

    @property
    def notices(self) -> Locator:
        return self.page.get_by_role("complementary", name="Notices")

    @property
    def history(self) -> Locator:
        return self.page.locator(".history .chip .name")

    @property
    def diversity_slider(self) -> Locator:
        """The slider from precise to diverse."""
        return self.page.get_by_role("slider", name="Diversity")

    @property
    def technical_details(self) -> Locator:
        return self.page.locator("details.technical")

    def titles(self) -> list[str]:
        """Return the titles of the list, in order."""
        return self.page.locator(".cards h3").all_inner_texts()

    def reasons(self) -> list[str]:
        """Return the reasons of the list, in order, once they are known; empty texts for items without one."""
        expect(self.page.locator(".cards[data-explained=true]")).to_be_visible()
        return self.page.locator(".cards .reason").all_inner_texts()

    def expect_titles(self, titles: list[str]) -> None:
        """Wait until the list is this one: the worker answers asynchronously."""
        expect(self.page.locator(".cards h3")).to_have_text(titles)

    def history_titles(self) -> list[str]:
        """Return the titles of the history, newest first."""
        return self.history.all_inner_texts()

    def choose(self, title: str) -> None:
        """Ask for more like an item of the list, and wait until the list is updated."""
        self.page.get_by_role("button", name=f"More like this: {title}", exact=True).click()
        expect(self.history.filter(has_text=title)).to_be_visible()
        expect(self.page.locator(".cards h3").get_by_text(title, exact=True)).to_have_count(0)

    def hide(self, title: str) -> None:
        """Click "Not for me" on an item of the list."""
        self.page.get_by_role("button", name=f"Not for me: {title}", exact=True).click()
        expect(self.page.locator(".cards h3").get_by_text(title, exact=True)).to_have_count(0)

    def set_diversity(self, percent: int) -> None:
        """Move the slider there, as a finger does."""
        self.diversity_slider.fill(str(percent))

    def open_technical_details(self) -> str:
        """Open the technical details and return their text."""
        if self.technical_details.get_attribute("open") is None:
            self.technical_details.locator("summary").click()
        return self.technical_details.inner_text()

    def open_carrying(self) -> Locator:
        """Open the forms that carry the history to another device."""
        carry = self.page.locator("details.carry", has_text="Take my history to another device")
        carry.locator("summary").click()
        return carry

    def wait_for_engine(self, name: str) -> None:
        """Wait until this engine makes the lists."""
        expect(self.technical_details.locator("summary")).to_contain_text(re.compile(name), timeout=WAIT_MS)
