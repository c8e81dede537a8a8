"""For all tests: what fuzzing keeps, which files come first, what is measured, and what a process has once."""

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
from tests.forked_commands import COMMANDS, ForkedCommands, forks_with

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
    for item in items:
        # The hundreds of inputs of a property reach no lines that its neighbours miss, and take twice as long measured.
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("no_cover")


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


@pytest.fixture(scope="session")
def commands() -> Iterator[ForkedCommands]:
    """Return what runs commands of training and export without the seconds in which a process imports PyTorch."""
    with forks_with(*COMMANDS) as forks:
        yield ForkedCommands(forks)
