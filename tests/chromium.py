"""Debian's Chromium, and how tests start it."""

import shutil

import pytest

# Liftoff only: V8 compiles the engines' WebAssembly for each test anew, and optimizing it takes a quarter of a test.
CHROMIUM_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--js-flags=--liftoff-only",
)  # fmt: skip


def chromium_path() -> str:
    """Return where Chromium is."""
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("chromium is missing; run `make chromium`", pytrace=False)
    return path
