"""A real Chromium for tests. Where there is none they are skipped loudly, and with CI set they fail."""

import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str:
    """Where Chromium is; skips the test (or fails it, with CI set) where it is nowhere."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if found := shutil.which(name):
            return found
    said = "NO CHROMIUM WAS FOUND: the browser tests did not run. Install it (Debian: apt-get install chromium)."
    if os.environ.get("CI"):
        pytest.fail(said)
    warnings.warn(said, stacklevel=2)
    pytest.skip(said)


@contextmanager
def open_page(**context: Any) -> Iterator[Page]:
    """One page in a browser of its own; `context` are Playwright's (viewport, color_scheme ...)."""
    program = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser.new_context(**context).new_page()
        finally:
            browser.close()
