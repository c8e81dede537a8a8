"""The language model in the page: a random one is enough to see that the grammar binds it to true sentences."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import expect

from edge_runtime import Recommender
from edge_runtime.bundle import open_folder, write_folder
from edge_runtime.bundle.manifest import LanguageModel
from edge_runtime.reasons.quoting import clean
from tests.live_server import LiveServer, serving
from tests.web_demo.conftest import TARGET, write_shop
from tests.web_demo.shop_page import WAIT_MS, ShopPage

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def talking_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a shop whose bundle has a language model with random weights."""
    from export.gguf import make_language_model as write_gguf
    from tests.tiny_language_model import make_language_model

    root = tmp_path_factory.mktemp("talking")
    gguf = root / "reasons.gguf"
    write_gguf(make_language_model(root / "hf", "llama"), gguf, "Q8_0")
    return with_model(write_shop(root / "shop"), gguf.read_bytes())


def with_model(shop: Path, gguf: bytes) -> Path:
    """Put a language model into the shop's bundle."""
    folder = open_folder(shop / TARGET)
    contents = {entry.name: (entry.role, folder.read(entry)) for entry in folder.manifest.files}
    manifest = msgspec.structs.replace(
        folder.manifest, language_model=LanguageModel("reasons.gguf", context=512, prompt="facts-v3")
    )
    write_folder(shop / TARGET, manifest, contents | {"reasons.gguf": ("language_model", gguf)})
    return shop


@pytest.fixture
def talking(talking_shop: Path, built_page: Path) -> Iterator[LiveServer]:
    with serving(talking_shop, "--web", str(built_page)) as running:
        yield running


def test_the_model_writes_only_true_reasons(
    tab: ShopPage, talking: LiveServer, talking_shop: Path, hosts: set[str], page_errors: list[str]
) -> None:
    tab.open(talking.url)
    starters = tab.titles()

    tab.choose(starters[0])

    tab.open_technical_details()
    expect(tab.technical_details).to_contain_text(re.compile(r"1\d reasons worded"), timeout=4 * WAIT_MS)
    known = _known(talking_shop, starters[0], tab.titles())
    for title, reason in zip(tab.titles(), tab.reasons(), strict=True):
        assert set(re.findall("“([^“”]*)”", reason)) <= known[title]
    assert hosts <= {"127.0.0.1", "data", "blob"}
    assert page_errors == []


def _known(shop: Path, marked: str, titles: list[str]) -> dict[str, set[str]]:
    """Return for each title what its reason may quote: its own facts and titles, and those of the marked item."""
    with Recommender.open(shop / TARGET, language_model=False) as recommender:
        items = recommender.items
        texts = {title: [title, *chain(*items.facts(row).values())] for row, title in enumerate(items.title)}
        return {title: {clean(text) for text in texts[title] + texts[marked]} for title in titles}


def test_reasons_come_from_templates_if_the_model_file_is_invalid(
    tab: ShopPage, built_page: Path, tmp_path: Path
) -> None:
    with serving(with_model(write_shop(tmp_path), b"no model at all" * 100), "--web", str(built_page)) as server:
        tab.open(server.url)
        tab.choose(tab.titles()[0])

        tab.open_technical_details()
        expect(tab.technical_details).to_contain_text("Not used, reasons come from templates", timeout=3 * WAIT_MS)
        assert len(tab.reasons()) == 12
