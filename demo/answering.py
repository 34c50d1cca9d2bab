"""The demo's people answer: `python -m demo.answering`, with MAILBOX_DIR and SITE_URL in the environment.

They come through the doors that everybody has: they read the mail that lies in the mailbox, open its link, and send the
page's own form; a few answer through an office, and a few say that it looks like phishing. What is true before: a mail is
there. After: three in four have been answered once, the rest never. A restart goes on where it was (`.answered` in the
mailbox's folder names what is settled); a web server that is away is tried again later. `DEMO_PACE` (1) stretches or
shortens how long they take. No link leads them anywhere but to SITE_URL, and no address or link is logged.
"""

import contextlib
import heapq
import http.client
import itertools
import logging
import os
import random
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from urllib.parse import urlencode, urljoin, urlsplit

from demo.forms import Form, doors, doubt, fill, question
from demo.habits import Habits, habits
from demo.inbox import Inbox, Mail, link

log = logging.getLogger("demo.answering")

# Two cores carry the whole demo: its people must not be what keeps them busy.
REQUESTS_A_SECOND = 15
# A gateway opens hundreds of links the moment they come; people need not queue behind it.
SCANS_A_SECOND = 3
LOOK_EVERY = 1.0
TRIES = 8
RETRY = 5  # seconds before the first further try
# However small the pace: whoever answers sooner after the mail or the page is taken for a machine.
QUICKEST = 4.0  # seconds
PERSON = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
SCANNER = "MailGatewayLinkScanner/2.1"


class AwayError(Exception):
    """The web server is not there, or says that it cannot now."""


class Browser:
    """One connection to the site, kept open; no cookies are kept between one person's page and the next."""

    def __init__(self, site: str) -> None:
        self.site = site
        parts = urlsplit(site)
        make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = make(parts.hostname or "", parts.port, timeout=20)
        self._next = 0.0

    def request(
        self, method: str, path: str, agent: str, form: list[tuple[str, str]] | None = None, cookies: str = ""
    ) -> tuple[int, str, str]:
        """(status, page, cookies) of one request. Raises `AwayError` where there is nobody to answer it."""
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + 1 / REQUESTS_A_SECOND
        headers = {"User-Agent": agent, "Accept": "text/html", "Accept-Language": "en-GB,en;q=0.9,cy;q=0.5"}
        if cookies:
            headers["Cookie"] = cookies
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            self._connection.request(method, path, urlencode(form) if form is not None else None, headers)
            response = self._connection.getresponse()
            page = response.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise AwayError from error
        if response.status >= 500 or response.status in {408, 425, 429}:
            raise AwayError
        given = (line.partition(";")[0] for line in response.headers.get_all("Set-Cookie", []))
        return response.status, page, "; ".join(given)


@dataclass(frozen=True, order=True)
class _Step:
    """What somebody does next, and when (monotonic seconds)."""

    due: float
    number: int
    act: Callable[[], None] = field(compare=False)
    tries: int = field(compare=False)


class People:
    """Everybody who has something to do, by when; `settled` is told the key of each mail that is finished.

    `pace` is 1 for people, and less where somebody cannot wait ten minutes: 0.01 turns them into six seconds. Nobody reads
    for less than `least` seconds.
    """

    def __init__(
        self, browser: Browser, settled: Callable[[str], None], pace: float = 1.0, *, least: float = 0.0
    ) -> None:
        self._browser = browser
        self._settled = settled
        self._pace = pace
        self._least = least
        # Whoever has the page open answers before anybody else opens theirs.
        self._reading: list[_Step] = []
        self._waiting: list[_Step] = []
        self._scans: deque[str] = deque()
        self._next_scan = 0.0
        self._count = itertools.count()
        self.answered = self.refused = 0

    def receive(self, mail: Mail) -> None:
        """Decides what becomes of a mail."""
        path = link(mail.text, self._browser.site)
        person = habits(mail.to, mail.subject)
        # Only while it is fresh: a restart does not scan last week's mail.
        if path and person.scanned and time.time() - mail.arrived < 60:
            self._scans.append(path)
        if path and (person.answers or person.doubts):
            wait = mail.arrived + person.opens * self._pace - time.time()
            self._later(self._waiting, max(wait, 0), lambda: self._open(mail, path, person))
        else:
            self._settled(mail.key)

    def do_what_is_due(self, until: float) -> None:
        """Lets people act, one after another, until nobody is due or the (monotonic) time has come."""
        while (now := time.monotonic()) < until:
            if self._scans and self._next_scan <= now:
                self._next_scan = now + 1 / SCANS_A_SECOND
                self._scan(self._scans.popleft())
                continue
            queue = next((steps for steps in (self._reading, self._waiting) if steps and steps[0].due <= now), None)
            if queue is None:
                return
            step = heapq.heappop(queue)
            try:
                step.act()
            except AwayError:
                if step.tries < TRIES:
                    wait = random.uniform(RETRY, 2 * RETRY) * 2 ** min(step.tries, 4)
                    self._later(queue, wait, step.act, step.tries + 1)

    def _later(self, queue: list[_Step], seconds: float, act: Callable[[], None], tries: int = 0) -> None:
        heapq.heappush(queue, _Step(time.monotonic() + seconds, next(self._count), act, tries))

    def _scan(self, path: str) -> None:
        with contextlib.suppress(AwayError):  # a machine does not come back
            for method in ("HEAD", "GET"):
                self._browser.request(method, path, SCANNER)

    def _open(self, mail: Mail, path: str, person: Habits) -> None:
        where = path
        status, page, cookies = self._browser.request("GET", where, PERSON)
        through = _door(page, person) if status == 200 else None
        if through is not None:
            where = f"{path.partition('?')[0]}?as={through}"
            status, page, cookies = self._browser.request("GET", where, PERSON)
        form = (doubt if person.doubts else question)(page) if status == 200 else None
        if form is None:  # stood down, withdrawn, or nothing to ask any more
            self._settled(mail.key)
            return
        reads = max(person.reads * self._pace, self._least)
        self._later(self._reading, reads, lambda: self._answer(mail, where, form, cookies))

    def _answer(self, mail: Mail, path: str, form: Form, cookies: str) -> None:
        target = urljoin(f"{self._browser.site}{path}", form.action)
        if not target.startswith(f"{self._browser.site}/"):
            self._settled(mail.key)
            return
        pairs = fill(form, random.Random(f"{mail.to} {mail.subject}"), datetime.now(UTC).date())
        where = target.removeprefix(self._browser.site).partition("#")[0]
        status, page, _ = self._browser.request("POST", where, PERSON, pairs, cookies)
        if status >= 400 or 'aria-invalid="true"' in page:
            self.refused += 1
            log.warning("An answer was not taken (status %d); %d so far.", status, self.refused)
        else:
            self.answered += 1
        self._settled(mail.key)


def _door(page: str, person: Habits) -> str | None:
    """Who answers for them, of those whom the page offers; None where they do it themselves."""
    offered = doors(page)
    named = [one for one in offered if one != "office"]
    if person.doubts or not offered or person.through >= (0.5 if named else 0.02):
        return None
    return named[0] if named else "office"


def main() -> None:
    """Runs until SIGTERM or Ctrl-C, and stops at once then."""
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.INFO)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _stop)
    try:
        folder, site = Path(os.environ["MAILBOX_DIR"]), os.environ["SITE_URL"].rstrip("/")
    except KeyError as missing:
        sys.exit(f"{missing.args[0]} is not set: the demo's people need MAILBOX_DIR and SITE_URL.")
    folder.mkdir(parents=True, exist_ok=True)
    settled = folder / ".answered"
    known = set(settled.read_text().splitlines()) if settled.exists() else set()
    with settled.open("a", buffering=1) as notes:
        pace = float(os.environ.get("DEMO_PACE", "1"))
        people = People(Browser(site), lambda key: print(key, file=notes), pace, least=QUICKEST)
        inbox = Inbox(folder, known)
        log.info("The demo's people read their mail.")
        while True:
            looked = time.monotonic()
            for mail in inbox.fresh():
                people.receive(mail)
            people.do_what_is_due(until=looked + LOOK_EVERY)
            time.sleep(max(0.0, looked + LOOK_EVERY - time.monotonic()))


def _stop(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
