"""Referrals: what a reader says about who should have a warning. Whoever answers for the body decides.

Before: a recipient's link, and whoever holds it. After `say`: one open referral, and a mail to those who decide
(`alerts.cascading.deciding`); where somebody says that they are another recipient of the same warning, that one's own link is
mailed to them once more (`alerts.own_links`). Nothing else changed: not the directory, not the audience, no figure. Twice, from
one form: the first stands, and nothing is written. A press that bears the signs of a machine writes nothing. Nothing here says
whether an address is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

from django.core import signing
from django.db import transaction
from django.utils import timezone

from alerts import own_links, record, spelling, suspicion
from alerts.answer_form import DAMAGED
from alerts.cascading.referrals_sql import DECIDERS
from alerts.models import Advisory, Marking, Message, Recipient, Referral, State
from alerts.publishing import desk
from alerts.statements import run
from departments.models import Person, Role
from departments.noting import address_of, name_of
from departments.refusal import Refused
from departments.rules import bodies_of

Kind = Referral.Kind

MOST_OPEN = 5  # a recipient's, not decided yet
MOST_A_DAY = 20
LONGEST_TEXT = 2_000  # characters
LONGEST_ADDRESS = 320
# Whoever looks at a page that lay open for longer looks at it once more.
FRESH = timedelta(hours=24)
AN_HOUR = timedelta(hours=1)

STALE = (
    "This page had been open for more than a day. Look at it once more and send it again: all that you typed is here."
)
NOT_PRESSED = "That looked like a machine's press, so nothing was sent. Type the four characters, and press once more."
_FORM = "alerts.cascading.referrals.form"


class NotSaid(Exception):
    """Nothing was written. `errors`: a field's name, and a sentence that says what to do.

    "form" is the form itself, "proof" that it was pressed as a machine presses.
    """

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


class TooMany(Refused):
    """As much as may be was said through this link for now."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A posted form. `text`: why somebody should see it; of whoever left, since when."""

    form: str
    name: str = ""
    email: str = ""
    text: str = ""


def issue_form(recipient: Recipient, kind: str) -> str:
    """A fresh hidden value, for one recipient and one kind; it says one thing once."""
    return signing.dumps([recipient.pk, kind, uuid4().hex, timezone.now().timestamp()], salt=_FORM)


def why_closed(advisory: Advisory) -> str:
    """Why nobody is put in on a reader's word, as a sentence; "" where somebody may be."""
    if advisory.marking == Marking.RED:
        return (
            f"{advisory.reference} is marked TLP:RED: it is for those alone to whom it was sent, and nobody passes it on. "
            f"If somebody else needs it, ask {advisory.issuer.name}, which issued it."
        )
    if advisory.state == State.STOOD_DOWN:
        return (
            f"{advisory.reference} is stood down: it asks nothing of anybody any more, and nobody else is told of it."
        )
    if advisory.state != State.LIVE:
        return f"{advisory.reference} has expired: nobody else is told of it until an officer says that it still holds."
    return ""


def say(recipient: Recipient, kind: str, typed: Typed, client: suspicion.Client) -> Referral:
    """Take what whoever holds this link says. Raises `NotSaid`, `TooMany` or `Refused`; then nothing was written."""
    form_id, seconds = _opened(recipient, kind, typed.form)
    if before := Referral.objects.filter(form_id=form_id).first():
        return before
    if seconds > FRESH.total_seconds():
        raise NotSaid({"form": STALE})
    name, email, text = _checked(kind, typed)
    if suspicion.signs(client.evidence(seconds)):
        raise NotSaid({"proof": NOT_PRESSED})
    return _write(recipient, kind, form_id, name, email, text)


@transaction.atomic
def _write(recipient: Recipient, kind: str, form_id: UUID, name: str, email: str, text: str) -> Referral:
    # One after another for a recipient: the second finds what the first one wrote.
    held = (
        Recipient.objects.select_for_update(of=("self",), no_key=True)
        .select_related("person", "advisory__issuer")
        .get(pk=recipient.pk)
    )
    if before := Referral.objects.filter(form_id=form_id).first():
        return before
    if kind == Kind.ALSO and (says := why_closed(held.advisory)):
        raise Refused(says)
    now = timezone.now()
    _check_limits(held, now)
    body_id, people = _deciders(held, kind, email)
    made = Referral.objects.create(
        recipient=held, body_id=body_id, kind=kind, name=name, email=email, text=text, form_id=form_id, at=now
    )
    own_link = kind == Kind.NOT_ME and own_links.send(_told_as(email, held.advisory), held.advisory_id, now)
    _tell(held.advisory, body_id, people, now)
    record.write(
        "referred", held.advisory.reference, None, recipient=held.pk, referral=made.pk, said=kind, own_link=own_link
    )
    return made


def _told_as(email: str, advisory: Advisory) -> int:
    """The recipient with this address, where they were told; else 0. Who waits behind a hold was not, and is not by this."""
    told = Recipient.objects.filter(advisory=advisory, told_revision__gt=0, person__email=email, person__left_at=None)
    return told.values_list("pk", flat=True).first() or 0


def _opened(recipient: Recipient, kind: str, form: str) -> tuple[UUID, float]:
    """The form's own value, and for how many seconds it was open. Raises `NotSaid` for one that is not of these two."""
    try:
        whose, which, form_id, issued = signing.loads(form, salt=_FORM)
    except (signing.BadSignature, ValueError, TypeError):
        raise NotSaid({"form": DAMAGED}) from None
    if (whose, which) != (recipient.pk, kind):
        raise NotSaid({"form": DAMAGED})
    return UUID(form_id), timezone.now().timestamp() - issued


def _check_limits(recipient: Recipient, now: datetime) -> None:
    said = Referral.objects.filter(recipient=recipient)
    if said.filter(decision="").count() >= MOST_OPEN:
        raise TooMany(
            f"{MOST_OPEN} things that were said through this link are not decided yet, and no more fit. All that you typed is "
            "here: send it once some of them are decided, or tell the contact yourself."
        )
    if said.filter(at__gt=now - timedelta(days=1)).count() >= MOST_A_DAY:
        raise TooMany(
            f"{MOST_A_DAY} things were said through this link within a day, and no more for now. Send it tomorrow, or tell the "
            "contact yourself."
        )


# --- what was typed ---


def _checked(kind: str, typed: Typed) -> tuple[str, str, str]:
    """Name, canonical address and text, fit to be kept. Raises `NotSaid` with every sentence there is to say at once."""
    errors: dict[str, str] = {}

    def read(field: str, check: Callable[[str], str], value: str) -> str:
        try:
            return check(value)
        except Refused as refused:
            errors[field] = str(refused)
            return ""

    name = email = ""
    if kind != Kind.LEFT or typed.name.strip() or typed.email.strip():
        name = read("name", _name, typed.name)
        email = read("email", _address, typed.email)
    text = read("text", _since if kind == Kind.LEFT else _words, typed.text)
    if errors:
        raise NotSaid(errors)
    return name, email, text


def _name(typed: str) -> str:
    if not typed.strip():
        raise Refused("Type the name.")
    return name_of(typed)


def _address(typed: str) -> str:
    if not typed.strip():
        raise Refused("Type the e-mail address.")
    if len(typed) > LONGEST_ADDRESS:
        raise Refused(f"That has {len(typed):,} characters; an address has {LONGEST_ADDRESS} at most.")
    return address_of(typed.replace("\x00", ""))


def _words(typed: str) -> str:
    words = spelling.lines(typed)
    if len(words) > LONGEST_TEXT:
        raise Refused(f"That has {len(words):,} characters; {LONGEST_TEXT:,} is the most. Shorten it.")
    return words


def _since(typed: str) -> str:
    """A day, as ISO 8601 writes it; may stay empty."""
    if not typed.strip():
        return ""
    try:
        day = date.fromisoformat(typed.strip())
    except ValueError:
        raise Refused("Give the day, such as 2026-04-01, or leave it empty.") from None
    if day > timezone.localdate():
        raise Refused("That day is still to come. Say it once they have left.")
    if day.year < 1900:
        raise Refused("That is too long ago. Correct the year, or leave it empty.")
    return day.isoformat()


# --- who decides, and that they are told ---


def _deciders(recipient: Recipient, kind: str, email: str) -> tuple[int | None, list[int]]:
    """The body whose people decide (None: an administrator), and who of them is told."""
    whose = recipient.person
    spoken_of = "" if kind == Kind.LEFT else email
    powers = whose.is_administrator or whose.is_auditor or bodies_of(whose, [Role.HEAD, Role.OFFICER])
    if not (kind == Kind.LEFT and powers):
        found = run(DECIDERS, recipient=recipient.pk, person=whose.pk, email=spoken_of)
        if found:
            return found[0][0], found[0][1]
    # Those who may do much leave by an administrator's hand.
    administrators = Person.objects.filter(is_administrator=True, left_at=None)
    others = list(administrators.exclude(pk=whose.pk).exclude(email=spoken_of).values_list("pk", flat=True))
    return None, others or list(administrators.values_list("pk", flat=True))


def _tell(advisory: Advisory, body_id: int | None, people: list[int], now: datetime) -> None:
    """One mail an hour for a body, however much is said: at once, and for what comes after it in the next hour."""
    waiting = Message.objects.filter(
        batch__done_at=None, batch__about=advisory, kind=Message.Kind.REFERRAL, state=Message.State.WAITING
    )
    if set(people) <= set(waiting.filter(person__in=people).values_list("person", flat=True)):
        return
    hour = now.replace(minute=0, second=0, microsecond=0)
    stem = f"{body_id or 'none'}:{{:%Y%m%d%H}}"
    if not desk.put(Message.Kind.REFERRAL, advisory, people, stem.format(hour), now):
        later = hour + AN_HOUR
        desk.put(Message.Kind.REFERRAL, advisory, people, stem.format(later), later)
