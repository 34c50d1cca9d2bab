"""The demo's people who answer: through a page's own form, once a mail, and nowhere but on our own site."""

import random
import re
import threading
import time
from collections.abc import Iterator
from datetime import date
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from demo import cast, inbox
from demo.answering import Browser, People
from demo.forms import doors, doubt, fill, question
from demo.habits import habits
from demo.inbox import Inbox, link
from demo.people import register

PAGE = """
<form method="get" action="/check"><input name="reference"></form>
<form method="post" action="/a/tok3n">
<input type="hidden" name="csrfmiddlewaretoken" value="abc"><input type="hidden" name="form" value="once">
<input type="hidden" name="hand" value=""><div hidden><input type="text" name="remarks" value=""></div>
<input type="radio" name="read" value="yes"><input type="radio" name="read" value="help">
<input type="radio" name="a-move" value="done"><input type="radio" name="a-move" value="by">
<input type="date" name="a-move-date"><input type="radio" name="a-move" value="na"><input name="a-move-why">
<input type="checkbox" name="copy"><textarea name="remark">kept</textarea>
<select name="as"><option value="me">me</option><option value="office" selected>office</option></select>
<button>Send my answer</button></form>
"""


def test_a_form_is_filled_in_as_a_person_would() -> None:
    form = question(PAGE)
    assert form is not None
    seen: set[str] = set()
    for seed in range(200):
        pairs = fill(form, random.Random(seed), date(2026, 4, 24))
        sent = dict(pairs)
        assert len(sent) == len(pairs)
        assert sent["csrfmiddlewaretoken"] == "abc"
        assert (sent["form"], sent["remark"], sent["as"]) == ("once", "kept", "office")
        assert (sent["hand"], sent["remarks"]) == ("seen", "")
        assert "copy" not in sent
        assert bool(re.fullmatch(r"2026-\d\d-\d\d", sent["a-move-date"])) == (sent["a-move"] == "by")
        assert bool(sent["a-move-why"]) == (sent["a-move"] == "na")
        seen.add(sent["a-move"])
    assert seen == {"done", "by", "na"}


MANY = """
<p><a href="/a/tok3n?as=12">Dan</a> <a href="/a/tok3n?as=office">somebody else</a> <a href="/a/tok3n/not-me">Not you?</a></p>
<form method="post"><input type="hidden" name="form" value="once">
<input type="radio" name="read" value="yes"><input type="radio" name="read" value="help"><textarea name="text"></textarea>
<input type="radio" name="b-count-all" value="done"><input type="radio" name="b-count-all" value="by">
<input name="b-count-all-day"><input name="b-count-all-month">
<input type="radio" name="b-count-7" value="done"><input type="radio" name="b-count-8" value="done">
<input name="name"><button>Send my answer</button></form>
<form method="post"><input type="hidden" name="press" value="phishing"><input type="hidden" name="form" value="twice">
<textarea name="text"></textarea><button>Tell them</button></form>
"""


def test_whoever_answers_for_many_bodies_mostly_does_it_with_one_press_and_signs_where_that_is_asked() -> None:
    form = question(MANY)
    assert form is not None
    sent = [dict(fill(form, random.Random(seed), date(2026, 4, 24))) for seed in range(200)]
    assert 150 < sum("b-count-7" not in one for one in sent) < 200
    assert all(one["name"] and one["b-count-all"] for one in sent)
    assert all(bool(one["text"]) == (one["read"] == "help") for one in sent)
    assert all(bool(one["b-count-all-day"]) == (one["b-count-all"] == "by") for one in sent)


def test_the_page_offers_delegates_and_a_form_for_doubts() -> None:
    assert doors(MANY) == ["12", "office"]
    form = doubt(MANY)
    assert form is not None
    sent = dict(fill(form, random.Random(1), date(2026, 4, 24)))
    assert (sent["press"], sent["form"]) == ("phishing", "twice")
    assert doubt(PAGE) is None


def test_a_page_that_asks_nothing_has_no_question() -> None:
    assert question("<form method=post action=/accounts/logout/><button>Sign out</button></form>") is None


def test_only_links_to_our_own_site_are_followed() -> None:
    assert link("Answer here:\nhttp://site.example/a/7Qm2vX\n", "http://site.example/") == "/a/7Qm2vX"
    assert link("http://elsewhere.example/a/7Qm2vX", "http://site.example") is None
    assert link("http://site.example.evil.example/a/7Qm2vX", "http://site.example") is None


def test_about_three_in_four_answer_most_within_ten_minutes_and_the_cast_is_left_to_the_visitor() -> None:
    everybody = [habits(email, "[High] Do not use Zoom") for email in register().names]
    answering = [person for person in everybody if person.answers]
    assert 0.7 <= len(answering) / len(everybody) <= 0.8
    assert sum(person.opens <= 600 for person in answering) / len(answering) > 0.7
    assert sum(person.opens <= 20 for person in answering) > 50
    assert any(person.scanned for person in everybody)
    assert 10 < sum(person.doubts for person in everybody) < len(everybody) / 40
    assert not any(person.doubts and person.answers for person in everybody)
    assert not any(habits(player.email, "[High] Do not use Zoom").answers for player in cast.CAST)


class Site(BaseHTTPRequestHandler):
    posted: list[dict[str, list[str]]] = []
    agents: list[tuple[str, str]] = []
    protocol_version = "HTTP/1.1"

    def _reply(self, status: int, body: bytes = b"") -> None:
        Site.agents.append((self.command, self.headers["User-Agent"]))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "csrftoken=abc; Path=/")
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self._reply(200, PAGE.encode())

    def do_HEAD(self) -> None:
        self._reply(200)

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if self.headers["Cookie"] != "csrftoken=abc" or self.path != "/a/tok3n":
            self._reply(403)
            return
        Site.posted.append(form)
        self._reply(303)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    Site.posted, Site.agents = [], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _put(folder: Path, name: str, to: str, text: str) -> None:
    mail = EmailMessage()
    mail["To"], mail["Subject"] = to, "[High] Do not use Zoom für alle"
    mail.set_content(text, cte="quoted-printable")
    (folder / name).write_bytes(bytes(mail))


def _until(people: People, settled: list[str], count: int) -> None:
    deadline = time.monotonic() + 20
    while len(settled) < count and time.monotonic() < deadline:
        people.do_what_is_due(until=time.monotonic() + 1)
    assert len(settled) == count


def test_a_mail_is_answered_once_also_after_a_restart(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "SETTLES", -1)
    willing = next(email for email in register().names if habits(email, "[High] Do not use Zoom für alle").answers)
    silent = cast.MP.email
    _put(tmp_path, "1.eml", willing, f"Answer here:\n{site}/a/tok3n\n")
    _put(tmp_path, "2.eml", silent, f"Answer here:\n{site}/a/tok3n\n")
    _put(tmp_path, "3.eml", willing, "Your password was changed.")
    settled: list[str] = []
    people = People(Browser(site), settled.append, pace=0)
    box = Inbox(tmp_path, set())
    for mail in box.fresh():
        people.receive(mail)
    _until(people, settled, 3)
    assert [form["form"] for form in Site.posted] == [["once"]]
    assert people.answered == 1
    assert list(box.fresh()) == []
    assert list(Inbox(tmp_path, set(settled)).fresh()) == []
    _put(tmp_path, "4.eml", willing, "One more.")
    assert [mail.key for mail in box.fresh()] == ["4.eml"]


def test_a_scanner_opens_a_link_at_once_and_never_posts(site: str, tmp_path: Path) -> None:
    scanned = next(
        email
        for email in register().names
        if (person := habits(email, "[High] Do not use Zoom für alle")).scanned and not person.answers
    )
    _put(tmp_path, "1.eml", scanned, f"{site}/a/tok3n")
    settled: list[str] = []
    people = People(Browser(site), settled.append, pace=0)
    people.receive(inbox.read(tmp_path / "1.eml", time.time()))
    people.do_what_is_due(until=time.monotonic() + 5)
    assert [method for method, _ in Site.agents] == ["HEAD", "GET"]
    assert Site.posted == []


def test_a_web_server_that_is_away_is_tried_again_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demo.answering.RETRY", 0)
    willing = next(email for email in register().names if habits(email, "[High] Do not use Zoom für alle").answers)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)  # bound, so that nobody else takes the port
    url = f"http://127.0.0.1:{server.server_port}"
    server.server_close()
    _put(tmp_path, "1.eml", willing, f"{url}/a/tok3n")
    settled: list[str] = []
    people = People(Browser(url), settled.append, pace=0)
    people.receive(inbox.read(tmp_path / "1.eml", 0))
    people.do_what_is_due(until=time.monotonic() + 0.3)
    assert settled == []
    Site.posted = []
    with ThreadingHTTPServer(server.server_address, Site) as back:
        threading.Thread(target=back.serve_forever, daemon=True).start()
        _until(people, settled, 1)
        back.shutdown()
    assert len(Site.posted) == 1
