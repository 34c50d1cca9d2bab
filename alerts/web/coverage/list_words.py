"""What the lists behind the numbers of a coverage page are called, and how one person on them stands, in words."""

from __future__ import annotations

import re
from collections.abc import Mapping

from alerts.coverage.lists import BODY_LISTS, Listed
from alerts.coverage.selection import FIGURES_LISTED
from alerts.coverage.standings import Standing
from alerts.models import Relay
from alerts.web import standing_words
from alerts.web.answer_words import at
from alerts.web.coverage.scoping import Looked
from alerts.web.numbers import count
from alerts.web.person_words import ADDRESS, LONGEST_REPLY
from config.logs import scrub

# Behind "1 person" and "346 people".
OF_PEOPLE: Mapping[str, tuple[str, str]] = {
    "targeted": ("is to be told", "are to be told"),
    "sent": ("was sent it", "were sent it"),
    "delivered": ("received it", "received it"),
    "acknowledged": ("has answered", "have answered"),
    "acted": ("has done all that it asks for", "have done all that it asks for"),
    "silent": ("was told and has not answered", "were told and have not answered"),
    "unsure": ("was sent it, with no word since", "were sent it, with no word since"),
    "untold": ("has not been told", "have not been told"),
    "waiting": ("waits to be sent it", "wait to be sent it"),
    "held": ("waits behind a hold", "wait behind a hold"),
    "unreachable": ("cannot be reached", "cannot be reached"),
    "suspect": ("answered like a machine", "answered like a machine"),
    "office": ("was told through their office", "were told through their office"),
    "behalf": ("had their answer put down for them", "had their answers put down for them"),
    "former": ("answered only an earlier revision", "answered only an earlier revision"),
    "late": ("is delayed by their mail server", "are delayed by their mail servers"),
    "complained": ("reported it as spam", "reported it as spam"),
}

THEIR_SERVER = "Their mail server said"
# What the codes of mail servers mean (RFC 3463, section 3), of those that are met.
_CODE = re.compile(r"\b[45]\.([0-9]{1,3}\.[0-9]{1,3})\b")
_PLAINLY: Mapping[str, str] = {
    "1.1": "There is no such mailbox",
    "1.2": "There is no such mail domain",
    "1.3": "The address is not written as one",
    "1.6": "The mailbox has moved, and nobody says where to",
    "1.10": "Their mail domain takes no mail",
    "2.1": "Their mailbox is closed",
    "2.2": "Their mailbox is full",
    "2.3": "The mail is too long for their mailbox",
    "3.4": "The mail is too long for their server",
    "4.1": "Their mail server did not answer",
    "4.4": "Their mail server cannot be found",
    "4.7": "Their mail server did not take it in time",
    "7.1": "Their mail server takes no mail from here",
    "7.26": "Their mail server does not believe that it is from here",
}

# Behind "1 body" and "12 bodies".
OF_BODIES: Mapping[str, tuple[str, str]] = {
    "dark": ("has nobody to tell", "have nobody to tell"),
    "held": ("holds it", "hold it"),
    "waiting": ("is not sent to everybody yet", "are not sent to everybody yet"),
    "sent": ("was sent it, with no word since", "were sent it, with no word since"),
    "delivered": ("received it, and is still to answer", "received it, and are still to answer"),
    "covered": ("has answered", "have answered"),
    "information": ("has it for information", "have it for information"),
    "excluded": ("was left out on purpose", "were left out on purpose"),
    "undecided": ("may be concerned and is undecided", "may be concerned and are undecided"),
    "targeted": ("is to be told", "are to be told"),
    "reached": ("was sent it", "were sent it"),
    "arrived": ("received it", "received it"),
    "acted": ("has done all that it asks for", "have done all that it asks for"),
}


def where(looked: Looked) -> str:
    """ ", in Parliament", ", in Parliament itself"; "" for everything that somebody sees."""
    if looked.body is None:
        return "" if looked.everything else ", in your branches"
    return f", in {looked.body.name}{' itself' if looked.scope.own else ''}"


def people_heading(figure: str, number: int, looked: Looked) -> str:
    """ "346 people cannot be reached, in Parliament"."""
    if not number:
        said = FIGURES_LISTED[figure]
        return f"{said[0].upper()}{said[1:]}{where(looked)}: nobody"
    one, many = OF_PEOPLE[figure]
    return f"{count(number, f'person {one}', f'people {many}')}{where(looked)}"


def bodies_heading(state: str, number: int, looked: Looked) -> str:
    """ "12 bodies have nobody to tell, in Parliament"."""
    if not number:
        said = BODY_LISTS[state]
        return f"{said[0].upper()}{said[1:]}{where(looked)}: no body"
    one, many = OF_BODIES[state]
    return f"{count(number, f'body {one}', f'bodies {many}')}{where(looked)}"


def stands(one: Listed) -> str:
    """How they stand, in a few words."""
    return standing_words.ROW[one.standing]


def is_dark(one: Listed) -> bool:
    """Whether that is set in the warm red."""
    return one.standing in standing_words.DARK


def said(one: Listed, holder: Relay | None, *, asks: bool) -> str:
    """Why they stand so, what was last heard of them, and when they were reminded."""
    parts = [standing_words.said(_standing(one), holder, asks=asks)]
    if one.reminded_at:
        by = f" by {one.reminded_by}" if one.reminded_by else ""
        parts.append(f"Reminded{by} {at(one.reminded_at)}")
    return ". ".join(part for part in parts if part)


def refused(one: Listed) -> str:
    """Their server's own words, for whoever sees how people stand: no address, and no link of theirs that would answer."""
    if one.standing != "unreachable" or not one.why:
        return ""
    shown = scrub(ADDRESS.sub("(the address)", " ".join(one.why.split())))
    return shown if len(shown) <= LONGEST_REPLY else f"{shown[:LONGEST_REPLY]}…"


def refused_as(one: Listed) -> str:
    """The same in plain words, as far as its code says it; whoever reads it need not know the codes."""
    found = _CODE.search(one.why)
    return _PLAINLY.get(found[1], THEIR_SERVER) if found else THEIR_SERVER


def _standing(one: Listed) -> Standing:
    return Standing(
        recipient_id=one.recipient_id,
        person_id=one.person_id,
        name=one.name,
        telephone=one.telephone,
        standing=one.standing,
        counts=True,
        contact=any(place.contact for place in one.places),
        outcome=one.outcome,
        told_revision=one.told_revision,
        answered_revision=one.answered_revision,
        needs_help=one.needs_help,
        acknowledged=one.acknowledged,
        waiting=one.waiting,
        themselves=one.themselves,
        mailed_at=one.mailed_at,
        word=one.word,
    )
