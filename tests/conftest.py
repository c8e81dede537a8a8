"""For all tests: fuzzing tries inputs that have failed first, long files come first, and a process has one browser."""

import asyncio
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis.database import DirectoryBasedExampleDatabase

from tests.chromium import CHROMIUM_FLAGS, chromium_path

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pocketrec"

settings.register_profile("pocketrec", database=DirectoryBasedExampleDatabase(_CACHE / "fuzz"), print_blob=True)
settings.load_profile("pocketrec")


def _in_a_thread(run: Callable[..., object], *arguments: object, **options: object) -> object:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run, *arguments, **options).result()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long, so that no process is left with one while the others have finished."""
    long = {item.path for item in items if any(item.iter_markers("slow")) or any(item.iter_markers("browser"))}
    items.sort(key=lambda item: item.path not in long)


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """Start Chromium; Playwright can be started once in a process."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=15_000)
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        # Playwright's event loop runs in this thread from now on, where no test could start another.
        patch.setattr(asyncio, "run", partial(_in_a_thread, asyncio.run))
        running = playwright.chromium.launch(executable_path=chromium_path(), args=list(CHROMIUM_FLAGS))
        yield running
        running.close()
