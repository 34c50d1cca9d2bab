"""The letters of `docs/letters.md`, made by the running code: `python -m tests.letter_pictures` makes texts and pictures again.

Each is published, cascaded and delivered to a mail server as every other one is, on a set day, and read from what arrived.
"""

import json
import os
import re
import struct
import sys
import zlib
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import time_machine

from config import embedded

if TYPE_CHECKING:
    from alerts.models import Advisory
    from departments.models import Body, Person
    from tests.smtp import Received, Server

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "letters.md"
PICTURES = ROOT / "docs" / "pictures"
DAY = datetime(2026, 4, 24, 9, 30, tzinfo=UTC)
# Of four working days: when the beat comes by, half of them, and all.
STARTED = datetime(2026, 4, 24, 9, 35, tzinfo=UTC)
HALF, END = datetime(2026, 4, 28, 9, 35, tzinfo=UTC), datetime(2026, 4, 30, 9, 35, tzinfo=UTC)
WIDE, NARROW = 600, 320
Colour = tuple[int, int, int]
SETTINGS = {
    "SITE_URL": "https://alerts.example",
    "ALERTS_FROM": "alerts@alerts.example",
}
CHANGED = "Version 5 of Zoom is out. For confidential business the advice stands as it was: do not use it."
OVER = "Zoom is now encrypted from end to end, and your bodies' security centres have approved it for such meetings."


class Ministry:
    """Who issues, who approves, and who gets the letters: a clerk of two bodies, and the people of one of them."""

    def __init__(self) -> None:
        from departments.models import Body

        self.issuer = Body.objects.create(
            slug="ncsc", name="National Cyber Security Centre", kind="agency", may_issue=True
        )
        self.state = Body.objects.create(slug="state", name="The State", kind="government")
        self.committee = self._body("foreign-affairs-committee", "Foreign Affairs Committee")
        self.treasury = self._body("hm-treasury", "HM Treasury")
        self.writer = self._person("writer", "Olive Officer", self.issuer, "officer")
        self.approver = self._person("approver", "Amir Approver", self.issuer, "officer")
        self.clerk = self._person("clerk", "Dana Whitlock", self.committee, "member")
        self.contact = self._person("contact", "Béatrice Okafor", self.committee, "contact", telephone="020 7946 0001")
        self.members = (
            self._person("ashby", "Tom Ashby", self.committee, "member", telephone="020 7946 0002"),
            self._person("nair", "Priya Nair", self.committee, "member"),
        )
        self._seat(self.clerk, self.treasury, "member")

    def _body(self, slug: str, name: str) -> "Body":
        from departments.models import Body

        return Body.objects.create(slug=slug, name=name, kind="department", parent=self.state)

    def _person(self, name: str, called: str, body: "Body", role: str, telephone: str = "") -> "Person":
        from departments.models import Person

        address = f"{name}@{body.slug}.example"
        made = Person.objects.create(email=address, written=address, name=called, telephone=telephone)
        self._seat(made, body, role)
        return made

    def _seat(self, person: "Person", body: "Body", role: str) -> None:
        from departments.models import Membership

        Membership.objects.create(person=person, body=body, role=role)


def letters_of(server: "Server") -> dict[str, "Received"]:
    """One clerk's letters and one to their contact, by the name that each has on the page.

    Needs an empty database, and `server` as the route.
    """
    from alerts.cascading.cascade import cascade
    from alerts.chasing.tending import tend
    from alerts.delivery.deliver import deliver
    from alerts.models import Advisory
    from alerts.publishing.draft import from_file, update_from_file
    from alerts.publishing.publish import publish_draft
    from alerts.publishing.stopping import stand_down

    scene, found = Ministry(), dict[str, "Received"]()

    def leaves(advisory: Advisory | None = None) -> None:
        if advisory:
            cascade(advisory.pk)
        while deliver():
            pass

    def last_to(person: "Person") -> "Received":
        return [mail for mail in server.mails if mail.recipients == [person.email]][-1]

    def chased(when: datetime) -> None:
        with time_machine.travel(when, tick=False):
            while not tend(when):
                pass
            leaves()

    def arrives(name: str, advisory: Advisory) -> None:
        leaves(advisory)
        found[name] = last_to(scene.clerk)

    def publish(**changes: Any) -> Advisory:
        file = {**_file("zoom.json"), "audience": {"branches": ["state"]}, "acknowledge_within": "P4D", **changes}
        draft = from_file(file, scene.writer, scene.issuer)
        return publish_draft(draft, scene.approver, accept_gaps="told otherwise").advisory

    clear = publish(marking="CLEAR")
    arrives("clear", clear)
    arrives("amber", publish(marking="AMBER"))
    arrives("red", publish(marking="RED", severity="critical", audience={"people": [scene.clerk.email]}))
    second = {**_file("zoom-2.json"), "marking": "CLEAR", "what_changed": CHANGED, "earlier": "holds"}
    draft = update_from_file(clear, {**second, "audience": {"branches": ["state"]}}, scene.approver, material=True)
    publish_draft(draft, scene.writer)
    arrives("update", clear)
    stand_down(clear, scene.writer, OVER)
    arrives("stand-down", clear)
    arrives("drill", publish(marking="CLEAR", severity="medium", exercise=True))
    answered = publish(marking="CLEAR")
    arrives("unclear", answered)
    with time_machine.travel(DAY + timedelta(hours=1), tick=False):
        _replied(answered, scene.clerk, "Which of our meetings does this mean?")
        arrives("unclear", answered)
        _replied(answered, scene.clerk, "Done, thanks.\n\nDana")
        arrives("receipt", answered)
    leaves(silent := publish(marking="CLEAR"))
    chased(STARTED)
    with time_machine.travel(DAY + timedelta(hours=1), tick=False):
        _does_not_reach(silent, scene.members[1])
        _replied(silent, scene.contact, "Done, thanks.")
    chased(HALF)
    found["digest"] = last_to(scene.clerk)
    with time_machine.travel(END, tick=False):
        # Nobody gets more than so many mails of the chase a day: this one is to be among them.
        for over in Advisory.objects.exclude(pk=silent.pk).filter(state="live"):
            stand_down(over, scene.writer, OVER)
            leaves(over)
    chased(END)
    found["escalation"] = last_to(scene.contact)
    return found


def _replied(advisory: "Advisory", person: "Person", words: str) -> None:
    """Their reply to the mail, as a mail system brings it."""
    from email.message import EmailMessage

    from django.utils import timezone

    from alerts.delivery.deliver import addressed
    from alerts.inbound import take
    from alerts.models import Recipient
    from alerts.tokens import REPLY, make_32

    mail = EmailMessage()
    mail["From"], mail["Message-ID"] = person.email, f"<{len(words)}@{person.email}>"
    mail["To"] = addressed(make_32(Recipient.objects.get(advisory=advisory, person=person).pk, 0, REPLY))
    mail.set_content(words)
    take(mail, timezone.now())


def _does_not_reach(advisory: "Advisory", person: "Person") -> None:
    """Their mail came back."""
    from alerts.models import Recipient
    from departments.models import Person

    of = Recipient.objects.filter(advisory=advisory, person=person)
    of.update(outcome="bounced", why="550 5.1.1 no such mailbox")
    Person.objects.filter(pk=person.pk).update(bounced_at=DAY)


def _file(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((ROOT / "demo" / name).read_text())
    return read


def text_of(mail: "Received") -> str:
    """Its text part under the lines that an inbox shows. What is made of a key or of a row's number is always the same."""
    head = [f"{name}: {mail.message[name]}" for name in ("From", "Subject", "X-Exercise") if mail.message[name]]
    text = mail.text.replace("\r\n", "\n").strip()
    text = re.sub(r"/a/[0-9A-Za-z]+", "/a/7Qm2vX9cKpT4nR8sWd1yZb", text)
    text = re.sub(r"/people/\d+/", "/people/17/", text)
    return "\n".join([*head, "", re.sub(r"(Receipt code: +)[0-9A-F]{8}", r"\g<1>7F3A01BC", text)])


def page_with(texts: Mapping[str, str], page: str) -> str:
    """The page with these texts, each in the block that follows its mark."""
    for name, text in texts.items():
        before, mark, after = page.partition(f"<!-- {name} -->\n```text\n")
        _, end, after = after.partition("\n```\n")
        if not mark or not end:
            raise ValueError(f"{PAGE} has no place for {name}")
        page = f"{before}{mark}{text}{end}{after}"
    return page


def _draw(letters: Mapping[str, "Received"]) -> None:
    from tests.browser import open_page

    for width, names in ((WIDE, list(letters)), (NARROW, ["clear"])):
        with open_page(viewport={"width": width, "height": 200}, color_scheme="light") as page:
            for name in names:
                part = letters[name].message.get_body(("html",))
                assert part is not None
                page.set_content(str(part.get_content()))
                suffix = "" if width == WIDE else f"-{width}"
                (PICTURES / f"letter-{name}{suffix}.png").write_bytes(_small(page.screenshot(full_page=True)))


def _small(picture: bytes) -> bytes:
    """The same PNG in 256 colours, which a page of text hardly has: a quarter of the size. (PNG, sections 4.1 and 9.)"""
    at, chunks = 8, list[tuple[bytes, bytes]]()
    while at < len(picture):
        (length,) = struct.unpack(">I", picture[at : at + 4])
        chunks.append((picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]))
        at += length + 12
    width, height, _, kind = struct.unpack(">IIBB", dict(chunks)[b"IHDR"][:10])
    rows = _rows(zlib.decompress(b"".join(data for name, data in chunks if name == b"IDAT")), width, {2: 3, 6: 4}[kind])
    colours = Counter(one for row in rows for one in row)
    palette = [one for one, _ in colours.most_common(256)]
    nearest = {one: min(range(len(palette)), key=lambda n: _far(palette[n], one)) for one in colours}
    packed = b"".join(b"\0" + bytes(nearest[one] for one in row) for row in rows)
    return picture[:8] + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            (b"PLTE", b"".join(map(bytes, palette))),
            (b"IDAT", zlib.compress(packed, 9)),
            (b"IEND", b""),
        )
    )


def _far(one: Colour, other: Colour) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _rows(data: bytes, width: int, step: int) -> list[list[Colour]]:
    """The pixels, row by row; `step` is how many octets a pixel has."""
    rows, above, length = [], bytearray(width * step), width * step + 1
    for start in range(0, len(data), length):
        how, row = data[start], bytearray(data[start + 1 : start + length])
        for n in range(len(row)):
            left, up = row[n - step] if n >= step else 0, above[n]
            corner = above[n - step] if n >= step else 0
            row[n] = (row[n] + (0, left, up, (left + up) // 2, _paeth(left, up, corner))[how]) & 255
        rows.append([(row[n], row[n + 1], row[n + 2]) for n in range(0, len(row), step)])
        above = row
    return rows


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda one: abs(guess - one))


def _main() -> None:
    os.environ.update(SETTINGS, DEBUG="1", EMAIL_URL="smtp://127.0.0.1:1", DJANGO_SETTINGS_MODULE="config.settings")
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)  # never anybody's own
    with embedded.throwaway() as services:
        os.environ.update(DATABASE_URL=services.database_url, REDIS_URL=services.redis_url)
        import django

        django.setup()
        from django.conf import settings
        from django.core.management import call_command

        from tests.smtp import Server

        call_command("migrate", verbosity=0)
        with Server() as server:
            settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
            with time_machine.travel(DAY):
                letters = letters_of(server)
        PICTURES.mkdir(exist_ok=True)
        PAGE.write_text(page_with({name: text_of(mail) for name, mail in letters.items()}, PAGE.read_text()))
        _draw(letters)
    sys.stdout.write(f"{len(letters)} letters\n")


if __name__ == "__main__":
    _main()
