"""The words of the calling list: how far it has come, what to say on the telephone within the marking, what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format

from alerts import marking, rules
from alerts.calling.calling import Noted, clock
from alerts.calling.to_call import Listing
from alerts.models import Advisory, Call, Marking
from alerts.web.numbers import count
from departments.models import Membership, Person

RESULT: Mapping[Call.Result, str] = {
    Call.Result.TOLD: "They were told, and know what is asked of them",
    Call.Result.NO_ANSWER: "Nobody answered",
    Call.Result.WRONG: "The number is wrong",
    Call.Result.AGAIN: "To be rung again",
}
ROLE: Mapping[str, str] = {
    "contact": "contact",
    "deputy": "deputy",
    "head": "head",
    "officer": "security officer",
    "member": "member",
}

STILL_DARK = "Nobody there can be told by mail still: in coverage it stays dark, until somebody is named there."


def stands(*, reports: bool) -> dict[str, str]:
    """How a body stands from which nobody was heard. `reports`: every route says what arrived."""
    sent = "sent, and no word that it arrived" if reports else "handed over: whether it arrived is not reported"
    return {
        "dark": "nobody there can be told by mail",
        "unsent": "not sent yet",
        "sent": sent,
        "delivered": "delivered, and nobody answered",
    }


def progress(listing: Listing) -> str:
    """ "12 of 40 bodies heard from, 1 of them dark still; 3 in hand"."""
    if not listing.bodies:
        return "It is for no body here."
    told = f"{listing.told:,} of {count(listing.bodies, 'body', 'bodies')} heard from"
    if listing.dark_told:
        told += f", {listing.dark_told:,} of them dark still"
    return f"{told}; {listing.in_hand:,} in hand" if listing.in_hand else told


@dataclass(frozen=True, slots=True)
class Hand:
    """How the call stands whose form is on the page."""

    says: str
    dark: bool = False
    """It is not theirs any more, or will not be for long."""


def hand(held: Call, after: Call | None, now: datetime, *, answered: bool) -> Hand:
    """`after`: whoever took the body after them. `answered`: somebody there has answered meanwhile."""
    body = held.relay.body.name
    if held.ended_at is not None and after is not None and held.result == Call.Result.LET_GO:
        since = f"{after.caller.name} took {body} over at {clock(after.taken_at)}, when your time had run out."
        return Hand(
            f"{since} What you typed stays here, but it can't be noted any more: tell them what you know.", True
        )
    if held.ended_at is not None:
        return Hand(f"You have done with {body}: {Call.Result(held.result).label}, at {clock(held.ended_at)}.", True)
    if answered:
        heard = f"{body} was heard from meanwhile: somebody there has answered, and it is off the list."
        return Hand(f"{heard} Let it go, or note your call.")
    if held.until <= now:
        out = f"Your time ran out at {clock(held.until)}: anybody may take {body} over."
        return Hand(f"{out} Until somebody does, what you note is still taken.", True)
    return Hand(f"{body} is yours until {clock(held.until)}; nobody else rings it.")


def noted(done: Noted) -> str:
    """What a result did, for whoever noted it."""
    call = done.call
    body, who = call.relay.body.name, call.person.name if call.person else ""
    if call.result != Call.Result.TOLD:
        of = f" ({who})" if who else ""
        return f"Noted of {body}{of}: {Call.Result(call.result).label}. It stays on the list."
    later = f" Revision {done.later} has come since: ring them about that as well." if done.later else ""
    # Whoever was rung about it may sit in a body above it.
    place = f" of {body}" if call.person and _sits(call.person, call) else ""
    off = f"{body} counts as heard from, and is off the list."
    if done.dark:
        off = f"{body} was told by telephone, and is off the list. {STILL_DARK}"
    if done.answer is not None:
        heard = "" if place and not done.dark else f" {off}"
        return f"Put down for {who}{place}: told by telephone. Receipt {done.answer.receipt}.{heard}{later}"
    if done.themselves:
        stays = f" {off}" if done.dark else ""
        return f"{who}{place} had answered themselves, so nothing was put down: their own answer stands.{stays}{later}"
    named = f"{who} is not among those it is for" if who else "Whom the note names is nobody of the directory"
    return f"{off} {named}, so that coverage does not count it; the call is kept.{later}"


def longer(call: Call) -> str:
    """What *I need longer* did."""
    return f"You have {call.relay.body.name} for longer: until {clock(call.until)}. What you typed is still here."


def _sits(person: Person, call: Call) -> bool:
    return Membership.objects.filter(person=person, until=None, body=call.relay.body_id).exists()


@dataclass(frozen=True, slots=True)
class Script:
    """What to say on the telephone."""

    begins: str
    """After the caller's name."""
    says: str
    asks: Sequence[str]
    """What it asks for; nothing where the telephone is no place for that."""
    withholds: str
    """What is not to be said, and why; "" where all may be."""
    proof: str
    exercise: bool


def script(advisory: Advisory, caller: Person) -> Script:
    """From AMBER up a telephone hears what a mail may say: the open title, and where the words themselves are."""
    host = urlsplit(settings.SITE_URL).netloc
    content = advisory.current.content if advisory.current else {}
    begins = f"for {advisory.issuer.name}. It is about a critical warning, {advisory.reference}."
    proof = f"They can see that it is genuine at {host}/check, by {advisory.reference}."
    if marking.text_in_mail(advisory.marking) and rules.sees_text(caller, advisory):
        actions = advisory.current.actions.all() if advisory.current else []
        says = " ".join(f"{str(content.get('title', '')).rstrip('.')}. {content.get('summary', '')}".split())
        asked = [f"{action.text}, by {clock_and_day(action.due)}" for action in actions]
        return Script(begins, says, asked, "", proof, advisory.exercise)
    page = "What it says stands on your own page: open the link in your mail while I wait."
    says = f"It is called: {advisory.open_title.rstrip('.')}. {page}"
    withholds = f"At TLP:{advisory.marking} say no more of it by telephone than this."
    if advisory.marking == Marking.RED:
        withholds += " Speak to nobody but those to whom it is addressed."
    return Script(begins, says, [], withholds, proof, advisory.exercise)


def clock_and_day(moment: datetime) -> str:
    """ "17:00 BST on Tuesday 28 April"."""
    return f"{clock(moment)} on {date_format(timezone.localtime(moment), 'l j F')}"


def typed(values: Mapping[str, str]) -> str:
    """What stood in a form that can't be taken any more, to be read out or copied."""
    result = values.get("result", "")
    said = [RESULT[Call.Result(result)]] if result in RESULT else []
    if values.get("needs-help") == "1":
        said.append("They need help with it")
    if values.get("told-at"):
        said.append(f"Told at {values['told-at'].replace('T', ' ')}")
    return "\n".join([*(f"{one}." for one in said), values.get("note", "")]).strip()
