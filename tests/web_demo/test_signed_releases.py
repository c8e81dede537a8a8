"""The page and a server of signed releases: what it installs, what it refuses, and what it says about it."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from edge_runtime.bundle import open_folder
from tests.edge_runtime.sync.signed_shop import SignedShop, adapted
from tests.live_server import LiveServer, serving
from tests.web_demo.conftest import TARGET, write_shop
from tests.web_demo.shop_page import WAIT_MS, ShopPage

pytestmark = pytest.mark.browser


@pytest.fixture
def repository(tmp_path: Path) -> SignedShop:
    """Return a repository with release 1."""
    shop = SignedShop(tmp_path / "repository", TARGET)
    shop.renew()
    shop.release(1)
    return shop


@pytest.fixture
def signed(repository: SignedShop, built_page: Path) -> Iterator[LiveServer]:
    """Serve the repository."""
    with serving(repository.folder, "--web", str(built_page)) as running:
        yield running


def released(repository: SignedShop) -> str:
    """Return the digest of the manifest of the newest release."""
    return list(repository.bundles)[-1]


def check_until(tab: ShopPage, expected: str) -> None:
    """Check for updates until the page shows a text: the server notices a new release after a moment."""
    tab.open_technical_details()
    for _ in range(20):
        tab.technical_details.get_by_role("button", name="Check now").click()
        tab.page.wait_for_timeout(500)
        if expected in tab.notices.inner_text() or expected in tab.technical_details.inner_text():
            return
    raise AssertionError(f"never read {expected!r}, but {tab.notices.inner_text()!r}")


def use_update(tab: ShopPage) -> None:
    tab.notices.get_by_role("button", name="Use it now").click()
    expect(tab.notices.get_by_role("button", name="Use it now")).to_have_count(0)


def test_the_first_visit_verifies_the_release_and_says_who_signed_it(
    tab: ShopPage, signed: LiveServer, repository: SignedShop, page_errors: list[str]
) -> None:
    tab.open(signed.url)
    tab.choose(tab.titles()[0])
    tab.wait_until_offline_ready()

    tab.open_technical_details()
    signer = repository.tuf.signers["targets"][0].public_key.keyid
    expect(tab.technical_details).to_contain_text(f"{signer[:16]} as targets")
    expect(tab.technical_details).to_contain_text("as whole files")
    expect(tab.technical_details).to_contain_text("Valid until")
    expect(tab.technical_details).to_contain_text("This is the newest release.", timeout=WAIT_MS)
    # The next root does not exist, which browsers log.
    assert all("404" in error for error in page_errors)


def test_the_second_visit_works_without_the_server(tab: ShopPage, signed: LiveServer, repository: SignedShop) -> None:
    tab.open(signed.url)
    tab.choose(tab.titles()[0])
    tab.wait_until_offline_ready()
    before = tab.titles()
    signed.stop()

    tab.reload()

    tab.expect_titles(before)
    expect(tab.status).to_have_text("Offline, everything works", timeout=WAIT_MS)
    signer = repository.tuf.signers["targets"][0].public_key.keyid
    assert f"{signer[:16]} as targets" in tab.open_technical_details()


def test_an_update_comes_as_a_delta_and_the_next_visit_opens_it(
    tab: ShopPage, signed: LiveServer, repository: SignedShop
) -> None:
    tab.open(signed.url)
    tab.choose(tab.titles()[0])
    tab.wait_until_offline_ready()
    repository.release(2, bundle=adapted(repository, released(repository), 2))

    check_until(tab, "An update is ready: release 2")
    expect(tab.notices).to_contain_text("Your first 10 stay.")
    use_update(tab)

    expect(tab.technical_details).to_contain_text("tiny shop, release 2")
    expect(tab.technical_details).to_contain_text("as a delta")
    tab.wait_until_offline_ready()
    expect(tab.technical_details).to_contain_text("This is the newest release.", timeout=WAIT_MS)
    signed.stop()
    tab.reload()
    assert "release 2" in tab.open_technical_details()
    assert "as a delta" in tab.open_technical_details()


def test_an_update_says_which_items_it_brings(tab: ShopPage, signed: LiveServer, repository: SignedShop) -> None:
    tab.open(signed.url)
    tab.choose(tab.titles()[0])
    tab.wait_until_offline_ready()
    before = tab.titles()[:10]
    repository.release(2)

    check_until(tab, "An update is ready: release 2")

    said = re.search(r"(\d+) of your first 10 change: (.+?), .+ are new\.", tab.notices.inner_text())
    assert said is not None
    use_update(tab)
    expect(tab.page.locator(".cards h3").get_by_text(said[2], exact=True)).to_be_visible()
    assert said[2] not in before
    assert 1 <= int(said[1]) <= 10


def test_a_component_that_may_not_be_used_is_told_and_the_rest_is_installed(
    tab: ShopPage, signed: LiveServer, repository: SignedShop
) -> None:
    base = repository.release(2)
    reaching = adapted(repository, base, 3, also="prompts.safetensors")
    repository.component("adapter", 3, reaching, base)
    signed.wait_for_release(TARGET, 3)

    tab.open(signed.url)

    assert "tiny shop, release 2" in tab.open_technical_details()
    expect(tab.technical_details).to_contain_text("the release of adapter was left out: adapter: found another prompts")


def test_a_component_whose_file_is_missing_is_left_out_at_the_first_visit_and_at_updates(
    tab: ShopPage, signed: LiveServer, repository: SignedShop
) -> None:
    def with_a_missing_adapter(number: int) -> None:
        base = repository.release(number)
        folder = adapted(repository, base, number + 1)
        repository.component("adapter", number + 1, folder, base)
        manifests = [open_folder(bundle).manifest for bundle in repository.bundles.values()]
        known = {entry.sha256 for manifest in manifests for entry in manifest.files} | repository.bundles.keys()
        deltas = [path.name for path in (repository.folder / "files").iterdir() if path.name not in known]
        repository.hide(manifests[-1].required_role("adapter").sha256, *deltas)

    with_a_missing_adapter(2)
    signed.wait_for_release(TARGET, 3)
    tab.open(signed.url)
    tab.choose(tab.titles()[0])
    assert "tiny shop, release 2" in tab.open_technical_details()
    expect(tab.technical_details).to_contain_text("release 3 could not be used")
    tab.wait_until_offline_ready()

    with_a_missing_adapter(4)
    signed.wait_for_release(TARGET, 5)
    check_until(tab, "An update is ready: release 4")
    expect(tab.technical_details).to_contain_text("release 5 could not be used")
    use_update(tab)


def test_a_changed_document_is_refused_and_the_release_in_use_stays(
    tab: ShopPage, signed: LiveServer, repository: SignedShop
) -> None:
    tab.open(signed.url)
    tab.choose(tab.titles()[0])
    tab.wait_until_offline_ready()
    before = tab.titles()
    documents = repository.folder / "targets" / "bundle"
    known = set(documents.iterdir())
    repository.release(2)
    for path in set(documents.iterdir()) - known:
        path.write_bytes(path.read_bytes().replace(b'"release":2', b'"release":3'))
    (repository.folder / "metadata" / "timestamp.json").touch()

    check_until(tab, "An update was rejected, and your list stays as it is: bundle/browser-wasm.json")

    assert tab.titles() == before
    tab.reload()
    tab.expect_titles(before)
    assert "tiny shop, release 1" in tab.open_technical_details()


def test_a_server_that_signs_nothing_is_refused_after_one_that_signs(
    tab: ShopPage, signed: LiveServer, tmp_path: Path, built_page: Path
) -> None:
    tab.open(signed.url)
    tab.choose(tab.titles()[0])
    tab.wait_until_offline_ready()
    before = tab.titles()
    port = str(urlsplit(signed.url).port)
    signed.stop()
    unsigned = write_shop(tmp_path / "unsigned", seed=5, release=2)

    with serving(unsigned, "--web", str(built_page), "--port", port):
        check_until(
            tab, "An update was rejected, and your list stays as it is: the server's signed metadata is refused"
        )
        assert tab.titles() == before
        tab.reload()
        tab.expect_titles(before)


def test_a_release_that_is_not_signed_is_used_and_called_so(tab: ShopPage, server: LiveServer) -> None:
    tab.open(server.url)

    tab.open_technical_details()
    expect(tab.technical_details).to_contain_text("Not signed. It is believed because it came from the same address")
