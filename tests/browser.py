"""A real Chromium for tests. Where there is none they are skipped loudly, and with CI set they fail."""

import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

# A browser as a machine starts it: it says so, in its name and to every page (`navigator.webdriver`).
MACHINE = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# A browser as a person has it.
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
FLAGS = [*MACHINE, "--disable-blink-features=AutomationControlled", f"--user-agent={AGENT}"]


# What every page is looked at in: colours and widths know nothing of each other, so two looks show both of each.
LOOKS: dict[str, dict[str, Any]] = {
    "light and wide": {"viewport": {"width": 1920, "height": 1080}, "color_scheme": "light"},
    "phone": {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"},
}


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


def faults(page: Page, url: str) -> list[str]:
    """What axe-core finds against WCAG 2.2 A and AA, and whether the page is wider than the screen. "": this page."""
    if url:
        page.goto(url)
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}).response
    wrong = [
        f"{page.url}: {fault['id']}: {node['target']}" for fault in found["violations"] for node in fault["nodes"][:3]
    ]
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        wrong.append(f"{page.url}: scrolls sideways")
    return wrong
