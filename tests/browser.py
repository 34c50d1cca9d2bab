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
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

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
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "resultTypes": ["violations"],
    "reporter": "no-passes",
}
ASK = """async rules => ({
    faults: (await axe.run(rules)).violations.flatMap(({id, nodes}) => nodes.slice(0, 3).map(({target}) => [id, target])),
    sideways: document.documentElement.scrollWidth > document.documentElement.clientWidth,
})"""

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
    _idle.clear()
    _launched.cache_clear()
    _playwright.cache_clear()


atexit.register(stop)


# Visitors whom nobody is at the moment. A new one costs as much as all that axe-core looks for on a page.
_idle: list[BrowserContext] = []


@contextmanager
def open_page(**context: Any) -> Iterator[Page]:
    """One page of a new visitor, whom no other page knows; `context` are Playwright's (viewport, color_scheme ...)."""
    if context.keys() - {"viewport", "color_scheme"}:
        visitor = browser().new_context(**context)
        try:
            page = visitor.new_page()
            yield page
            page.unroute_all(behavior="wait")
        finally:
            visitor.close()
        return
    visitor = _idle.pop() if _idle else browser().new_context()
    try:
        page = visitor.new_page()
        wear(page, context)
        yield page
        _forget(page)
    except BaseException:
        visitor.close()
        raise
    _idle.append(visitor)


def _forget(page: Page) -> None:
    """Nothing is left of its visitor: no page, cookie, permission or route, nothing stored and nothing cached."""
    visitor = page.context
    devtools = visitor.new_cdp_session(page)
    for one in visitor.pages:
        one.unroute_all(behavior="wait")
        one.goto("about:blank")  # what it still asked for is not asked in the name of the next
    devtools.send("Storage.clearDataForOrigin", {"origin": "*", "storageTypes": "all"})
    devtools.send("Network.clearBrowserCache")
    visitor.set_offline(False)
    visitor.unroute_all()
    visitor.clear_permissions()
    visitor.clear_cookies()
    for one in visitor.pages:
        one.close()


def wear(page: Page, look: dict[str, Any]) -> None:
    """Show an open page in a look."""
    if viewport := look.get("viewport"):
        page.set_viewport_size(viewport)
    if colors := look.get("color_scheme"):
        page.emulate_media(color_scheme=colors)


def faults(page: Page, url: str) -> list[str]:
    """What axe-core finds against WCAG 2.2 A and AA, and whether the page is wider than the screen. "": this page."""
    if url:
        page.goto(url)
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    found = page.evaluate(ASK, RULES)
    wrong = [f"{page.url}: {fault}: {target}" for fault, target in found["faults"]]
    if found["sideways"]:
        wrong.append(f"{page.url}: scrolls sideways")
    return wrong


def faults_in_every_look(page: Page, url: str) -> list[str]:
    """The same, in one look after another; the page stays in the last. Reading it again for each would cost twice as much."""
    if url:
        page.goto(url)
    wrong = []
    for name, look in LOOKS.items():
        wear(page, look)
        wrong += [f"{name}: {fault}" for fault in faults(page, "")]
    return wrong
