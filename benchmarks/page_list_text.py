"""Measures list texts in the built page, in Chromium, on a bundle of real data; prints JSON.

- ``first_ms``: from the click to the first character on the page; ``whole_ms``: to the whole text.
- ``tokens_per_s``: of the text, by the model's own tokenizer, from the click to the whole text.
- ``by_the_model``: texts that the model wrote alone, of ``texts``; ``lines`` of each.

The bundle needs a language model with an adapter for list texts; ``--writer`` puts those of a writer's run into a copy.

Example: python -m benchmarks.page_list_text bundles/laptop-x86_64 --writer runs/writer
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page, expect, sync_playwright

from benchmarks.list_text import load_timed, with_writer
from edge_runtime.bundle.folder import open_folder
from tests.chromium import CHROMIUM_FLAGS, chromium_path
from tests.live_server import serving
from tests.web_demo.shop_page import ShopPage

DIST: Final = Path(__file__).parents[1] / "web_demo" / "dist"
_WAIT_MS: Final = 120_000
# As a visitor's browser compiles WebAssembly, unlike in the tests.
_FLAGS: Final = [flag for flag in CHROMIUM_FLAGS if not flag.startswith("--js-flags")]

_TIMED_CLICK: Final = """
    () => new Promise((resolve) => {
        const begun = performance.now();
        let first = null;
        const observer = new MutationObserver(() => {
            const text = document.querySelector(".list-text");
            if (text === null) return;
            if (first === null && text.innerText.trim() !== "") first = performance.now() - begun;
            if (text.getAttribute("aria-busy") === "true") return;
            observer.disconnect();
            resolve({ first, whole: performance.now() - begun, text: text.innerText });
        });
        observer.observe(document.body, { childList: true, subtree: true, characterData: true, attributes: true });
        document.querySelector(".hint button").click();
    })
"""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--writer", type=Path, help="Folder of a writer's run, with model/ and list_adapter/.")
    parser.add_argument("--texts", type=int, default=20, help="Number of texts.")
    parser.add_argument("--lists", type=int, default=5, help="Number of lists that they are about.")
    parser.add_argument("--shots", type=Path, help="Folder for screenshots.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        bundle = options.bundle
        if options.writer is not None:
            bundle = with_writer(bundle, options.writer, Path(scratch))
        print(json.dumps(measure(bundle, options.texts, options.lists, options.shots), indent=1))


def measure(bundle: Path, n_texts: int, n_lists: int, shots: Path | None) -> dict[str, object]:
    """Return the figures of a bundle whose language model has an adapter for list texts."""
    manifest = open_folder(bundle).manifest
    if manifest.language_model is None:
        raise SystemExit(f"{bundle}: found no language model; give --writer")
    model = load_timed(bundle / manifest.language_model.file, manifest.language_model.context)
    with tempfile.TemporaryDirectory() as root, sync_playwright() as playwright:
        Path(root, manifest.target).symlink_to(bundle.absolute())
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=_FLAGS)
        with serving(Path(root), "--web", str(DIST)) as server:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            tab = ShopPage(page)
            tab.open(server.url, target=manifest.target)
            found = [text for number in range(n_lists) for text in texts_of(tab, number, n_texts // n_lists)]
            if shots is not None:
                take_shots(page, shots)
        browser.close()
    bodies = ["\n".join(one["text"].splitlines()[:-1]) for one in found]
    rates = [1000 * model.n_tokens(body) / one["whole"] for body, one in zip(bodies, found, strict=True)]
    return {
        "texts": len(found),
        "by_the_model": sum("Written by the language model" in one["text"] for one in found),
        "context": manifest.language_model.context,
        "lines": sorted({len([line for line in body.splitlines() if line]) for body in bodies}),
        "first_ms": quantiles([one["first"] for one in found]),
        "whole_ms": quantiles([one["whole"] for one in found]),
        "tokens": quantiles([float(model.n_tokens(body)) for body in bodies]),
        "tokens_per_s": quantiles(rates),
        "example": found[-1]["text"],
    }


def texts_of(tab: ShopPage, number: int, n_texts: int) -> list[dict[str, Any]]:
    """Return some timed texts about one more list."""
    tab.page.locator("[data-action=more]").nth(number).click()
    expect(tab.history).to_have_count(number + 1, timeout=_WAIT_MS)
    expect(tab.page.get_by_role("button", name="Write it for me")).to_be_visible(timeout=_WAIT_MS)
    tab.page.wait_for_timeout(2000)  # the reasons of the list are worded first
    found = []
    for _ in range(n_texts):
        found.append(tab.page.evaluate(_TIMED_CLICK))
        tab.page.get_by_role("button", name="Hide the text").click()
        expect(tab.page.locator(".list-text")).to_have_count(0)
    return found


def take_shots(page: Page, folder: Path) -> None:
    """Write screenshots of a text, in light and dark, wide and narrow."""
    folder.mkdir(parents=True, exist_ok=True)
    page.evaluate(_TIMED_CLICK)
    for width in (1280, 390):
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": 1400})
            page.emulate_media(color_scheme=scheme)
            page.locator("#recommendations-title").scroll_into_view_if_needed()
            page.locator("section.recommendations").screenshot(path=folder / f"{scheme}-{width}.png")


def quantiles(values: list[float]) -> dict[str, float]:
    """Return the median and the 95th percentile."""
    p95 = statistics.quantiles(values, n=20)[-1]
    return {"p50": round(statistics.median(values), 1), "p95": round(p95, 1)}


if __name__ == "__main__":
    main()
