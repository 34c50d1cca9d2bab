"""A real Chromium for tests. Where there is none they are skipped loudly, and with CI set they fail."""

import atexit
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

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

# What is asked of a page. What is right with it needs no description.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}

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


_running = ExitStack()


@cache
def _playwright() -> Playwright:
    # Its loop stands in this thread, and nothing else runs in it: what it takes for a call out of a coroutine is none.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    return _running.enter_context(sync_playwright())


@cache
def _launched(*flags: str) -> Browser:
    browser = _playwright().chromium.launch(executable_path=chromium(), args=flags)
    _running.callback(browser.close)
    return browser


def browser(flags: list[str] = FLAGS) -> Browser:
    """The one browser of this process that was started so: as a person has it, unless otherwise said."""
    return _launched(*flags)


def stop() -> None:
    """Stop all browsers; later ones are started anew."""
    _running.close()
    _launched.cache_clear()
    _playwright.cache_clear()


atexit.register(stop)


@contextmanager
def open_page(**context: Any) -> Iterator[Page]:
    """One page of a new visitor, whom no other page knows; `context` are Playwright's (viewport, color_scheme ...)."""
    visitor = browser().new_context(**context)
    try:
        yield visitor.new_page()
    finally:
        visitor.close()


def faults(page: Page, url: str) -> list[str]:
    """What axe-core finds against WCAG 2.2 A and AA, and whether the page is wider than the screen. "": this page."""
    if url:
        page.goto(url)
    found = Axe().run(page, options=RULES).response
    wrong = [
        f"{page.url}: {fault['id']}: {node['target']}" for fault in found["violations"] for node in fault["nodes"][:3]
    ]
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        wrong.append(f"{page.url}: scrolls sideways")
    return wrong
