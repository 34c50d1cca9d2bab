"""Threads: what a reader asks, and what the issuer says to it. The queue of those who wait for that.

Before: somebody whose last word asks for help, or says that it looks like phishing. After `answer`: one more reply, never
changed, an entry in the record with no word of it, and the reader has a mail that leads to it; after `settle` the same without
words and without a mail. Then nothing more waits, until they ask again. Twice, the same press: the first stands, and nothing is
written. Where the reader, or another officer, has said more than was on the screen, nothing is written either: `Overtaken`.

Officers of the issuer or of a body above it, and the advisory's owner, answer for the issuer. Whoever sees everything of the
advisory reads along; contacts, deputies and heads see those of their own bodies (`rules.people_seen`) and write nothing: what
they hear from somebody whom they rang they put down as that person's own answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db import transaction
from django.utils import timezone

from alerts import links, outbox, record, rules, spelling
from alerts.answering.threads_sql import COUNT, MAIL, ONE, QUEUE, SAID
from alerts.models import Acknowledgement, Advisory, Message, Recipient, Reply
from alerts.officers import may_approve
from alerts.outbox_sql import ANSWER_RANK
from alerts.statements import run
from departments.models import Person
from departments.refusal import Refused

LONGEST = 2_000  # characters of an answer, as of what is answered
ON_A_PAGE = 20
SHOWN = 30
"""Entries of one thread, the latest."""


class Overtaken(Exception):
    """More was said meanwhile than was on the screen, and nothing was written."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What somebody had on the screen when they wrote: the reader's last word and the last reply, by their ids (0: none)."""

    word: int
    reply: int

    @classmethod
    def of(cls, typed: str) -> Seen:
        """As a form's hidden field has it; of what it can't be, nothing was seen."""
        parts = [
            int(part) if part.isascii() and part.isdecimal() and len(part) < 19 else -1 for part in typed.split(".")
        ]
        return cls(*parts) if len(parts) == 2 else cls(-1, -1)

    def __str__(self) -> str:
        return f"{self.word}.{self.reply}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was said, on either side."""

    at: datetime
    is_reply: bool
    read: str
    """Of the reader's: as `Acknowledgement.Read` has it."""
    text: str
    how: str
    """Of the reader's: how it came."""
    by: str | None
    """Who replied; or who spoke for the reader, where somebody did."""
    name_given: str
    number: int | None
    """Of the reader's: the revision of which they spoke."""
    settles: bool


@dataclass(frozen=True, slots=True)
class Thread:
    """All that was said, in order."""

    entries: Sequence[Entry]
    earlier: int = 0
    """How many came before these."""

    @property
    def replied(self) -> bool:
        """Whether the issuer ever said or settled anything."""
        return any(entry.is_reply for entry in self.entries)

    @property
    def waits(self) -> bool:
        """Whether the reader spoke last, so that the issuer has it and has not answered."""
        return bool(self.entries) and not self.entries[-1].is_reply

    def __bool__(self) -> bool:
        return bool(self.entries)


@dataclass(frozen=True, slots=True)
class Asker:
    """One person who asked, with what stands of it."""

    recipient_id: int
    person_id: int
    name: str
    body: str | None
    """One body through which they are told; None where they sit nowhere."""
    slug: str | None
    relay_id: int | None
    word_id: int
    read: str
    """Their last word."""
    at: datetime
    text: str
    number: int
    how: str
    by: str | None
    name_given: str
    telephone: str
    contact: str | None
    """A contact of that body, to be rung where they have no number of their own; None where there is none with one."""
    contact_telephone: str | None
    waits: bool
    """Nobody answered or settled it since."""
    reachable: bool
    """Mail reaches them, for all that is known."""
    reply_id: int
    thread: Thread

    @property
    def asks(self) -> bool:
        """Their last word still asks for somebody."""
        return self.read != Acknowledgement.Read.YES

    @property
    def is_open(self) -> bool:
        """They wait for an answer."""
        return self.asks and self.waits

    @property
    def seen(self) -> Seen:
        """What stands here, for the form."""
        return Seen(self.word_id, self.reply_id)


@dataclass(frozen=True, slots=True)
class Queue:
    """One page of those who ask."""

    askers: Sequence[Asker]
    waiting: int
    """How many wait, on all pages."""
    count: int
    page: int

    @property
    def pages(self) -> int:
        """How many there are; one at least."""
        return max(-(-self.count // ON_A_PAGE), 1)

    @property
    def done(self) -> int:
        """How many were answered, and have not said anything since."""
        return self.count - self.waiting


# --- who may ---


def may_answer(person: Person, advisory: Advisory) -> bool:
    """Whether this person speaks for the issuer here: an officer of it or above it, or whoever looks after the advisory.

    Nobody does who may not read the text: what is asked about it is kept from them too.
    """
    return (may_approve(person, advisory) or _owns(person, advisory)) and rules.sees_text(person, advisory)


def may_look(person: Person, advisory: Advisory) -> bool:
    """Whether the page is there for this person at all; whom they see on it says `seen_by`."""
    return advisory.current_id is not None and (
        person.has_perm("alerts.view_advisory", advisory) or _owns(person, advisory)
    )


def seen_by(person: Person, advisory: Advisory) -> set[int] | None:
    """The ids of the bodies whose askers this person sees; None: of every body."""
    return None if _owns(person, advisory) else rules.people_seen(person, advisory)


def _owns(person: Person, advisory: Advisory) -> bool:
    return person.left_at is None and person.pk is not None and person.pk == advisory.owner_id


# --- reading ---


def queue(advisory: Advisory, bodies: Collection[int] | None, page: int) -> Queue:
    """A page of everybody whose last word asks for somebody: who waits the longest first, then who was answered.

    Four statements, however many there are. `bodies`: as `seen_by` says.
    """
    scope = {"advisory": advisory.pk, "bodies": None if bodies is None else sorted(bodies)}
    waiting, count = run(COUNT, **scope)[0]
    page = min(max(page, 1), max(-(-count // ON_A_PAGE), 1))
    found = run(QUEUE, **scope, most=ON_A_PAGE, before=(page - 1) * ON_A_PAGE) if count else []
    return Queue(_askers(found), waiting, count, page)


def one(advisory: Advisory, bodies: Collection[int] | None, recipient_id: int) -> Asker | None:
    """One person who asked at some time, whatever they said since; None where nobody does whom one sees."""
    scope = {"advisory": advisory.pk, "bodies": None if bodies is None else sorted(bodies)}
    found = _askers(run(ONE, **scope, recipient=recipient_id))
    return found[0] if found else None


def thread_of(recipient: Recipient) -> Thread:
    """What was said by and to this recipient; empty where they never asked. One statement."""
    return _threads([recipient.pk]).get(recipient.pk, Thread(()))


def _askers(found: Sequence[tuple[Any, ...]]) -> list[Asker]:
    threads = _threads([row[0] for row in found])
    return [Asker(*(*row, threads.get(row[0], Thread(())))) for row in found]


def _threads(recipients: Sequence[int]) -> dict[int, Thread]:
    if not recipients:
        return {}
    threads = {}
    rows = run(SAID, recipients=list(recipients), most=SHOWN)
    for recipient, said in groupby(rows, key=lambda row: row[0]):
        entries = list(said)
        threads[recipient] = Thread([Entry(*row[1:10]) for row in entries], entries[0][-1] - len(entries))
    return threads


# --- writing ---


def answer(recipient_id: int, by: Person, text: str, seen: Seen) -> Reply:
    """Answer what this reader asked, for the issuer; what stands for this press. `by` may (`may_answer`).

    Raises `Refused` where it can't be taken, and `Overtaken`; then nothing was written.
    """
    clean = spelling.lines(text)
    if not clean:
        raise Refused("There are no words to send. Write the answer, or settle it without words.")
    if len(clean) > LONGEST:
        raise Refused(f"That has {len(clean):,} characters; {LONGEST:,} is the most. Shorten it.")
    return _reply(recipient_id, by, clean, seen)


def settle(recipient_id: int, by: Person, text: str, seen: Seen) -> Reply:
    """Say that nothing more is to be done, without a word to the reader; what stands for this press. `by` may (`may_answer`).

    Raises `Refused` where something was typed all the same, and `Overtaken`; then nothing was written.
    """
    if spelling.lines(text):
        raise Refused(
            "You wrote something, and settling sends no words. Send it as an answer, or empty the field first."
        )
    return _reply(recipient_id, by, "", seen)


@transaction.atomic
def _reply(recipient_id: int, by: Person, text: str, seen: Seen) -> Reply:
    # One after another: the second finds what the first one wrote.
    held = Recipient.objects.select_for_update(of=("self",), no_key=True).select_related("advisory__current")
    recipient = held.get(pk=recipient_id)
    advisory, now = recipient.advisory, timezone.now()
    asked = one(advisory, None, recipient.pk)
    if asked is None:
        raise Refused("They never asked for anything, so there is nothing to answer.")
    if asked.seen != seen:
        # A second press of the same form: it is there already.
        last = Reply.objects.filter(pk=asked.reply_id, pk__gt=seen.reply, by=by, text=text).first()
        if last is not None and asked.word_id == seen.word:
            return last
        raise Overtaken
    if not text and not asked.is_open:
        raise Refused("Nothing waits here any more: it was answered or settled before.")
    if text and links.are_over(advisory, now):
        raise Refused(f"The links of {advisory.reference} work no more, so nobody would read it. Ring them.")
    made = Reply.objects.create(recipient=recipient, to_id=asked.word_id, text=text, settles=not text, by=by, at=now)
    digest = {"text_digest": hashlib.sha256(text.encode()).hexdigest()} if text else {}
    record.write(
        "replied",
        advisory.reference,
        by,
        recipient=recipient.pk,
        reply=made.pk,
        to=asked.word_id,
        settles=not text,
        **digest,
    )
    if text:
        outbox.put(Message.Kind.ANSWERED, MAIL, {"reply": made.pk}, now, about=advisory.pk, rank=ANSWER_RANK)
    return made
