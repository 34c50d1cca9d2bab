"""Deciding: what becomes of what a reader said (`alerts.cascading.referrals`), by somebody who answers for the body.

Before: an open referral. After: it is decided, by name, in the record; and whoever left has left in the directory, or whoever
should see the warning is named in its audience, so that the next pass of the cascade reaches them as it reaches everybody.
Twice, or by two people at once: the second hears who decided, and nothing is done again. Raises `Refused` with a sentence;
then nothing was written. How far a marking lets a warning be passed on is kept here, whatever a page offered: from AMBER up it
stays with the reader's own bodies, whoever decides. And whether somebody has it already is said only to whoever may know
(`rules.known_to`): with everybody else the press does and says the same whether they have it or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format

from alerts import marking, officers, record, rules, spelling
from alerts.cascading.referrals import LONGEST_TEXT, Kind, why_closed
from alerts.cascading.referrals_sql import PLACES, TOLD_ANEW
from alerts.models import Advisory, Marking, Message, Named, Recipient, Referral, Seat
from alerts.publishing import desk
from alerts.statements import run
from alerts.wake import wake_cascade
from departments import people, seating
from departments.models import Body, Membership, Person, Role
from departments.noting import locked
from departments.refusal import Refused
from departments.rules import bodies_of, is_administrator

Decision = Referral.Decision


class AlreadyDecided(Refused):
    """Somebody decided it before: the sentence says who, when and what."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision did, in a sentence for whoever pressed; `hint` is what they had better look at ("" for nothing)."""

    said: str
    hint: str = ""


class _Place(NamedTuple):
    """A body in which somebody sits, as the advisory sees it."""

    name: str
    home: bool
    within: bool
    reached: bool
    left_out: bool
    may_be_warned: bool


@transaction.atomic
def confirm_left(referral_id: int, by: Person, on: date, *, successor: bool = False) -> Decided:
    """Yes, they have left, on that day; and where `successor`, whoever took over is passed the warning on."""
    held = _hold(referral_id, by, Kind.LEFT)
    # The advisory before anybody's row, as everywhere.
    passed = _pass(held, by) if successor and held.email else None
    left = _leave(held.recipient.person, by, on)
    _decide(held, by, Decision.DONE, "left, as a reader said", person=held.recipient.person_id)
    if passed is None:
        return left
    return Decided(f"{left.said} {passed.said}", " ".join(filter(None, (left.hint, passed.hint))))


@transaction.atomic
def pass_on(referral_id: int, by: Person) -> Decided:
    """Whoever was named by the reader, or says that they are somebody else, is to have the warning."""
    held = _hold(referral_id, by, Kind.ALSO, Kind.NOT_ME)
    done = _pass(held, by)
    _decide(held, by, Decision.DONE, "referral settled")
    return done


@transaction.atomic
def decline(referral_id: int, by: Person, reason: str) -> Decided:
    """No: nothing changes, and the reason stands with the referral."""
    held = _hold(referral_id, by, *Kind)
    why = spelling.lines(reason)
    if not why:
        raise Refused("Say why in a few words: whoever looks at this later asks. Nothing was decided.")
    if len(why) > LONGEST_TEXT:
        raise Refused(f"That has {len(why):,} characters; {LONGEST_TEXT:,} is the most. Shorten it.")
    _decide(held, by, Decision.DECLINED, "referral declined", reason=why)
    return Decided("Declined: nothing changed.")


def _hold(referral_id: int, by: Person, *kinds: str) -> Referral:
    """The referral, held until the transaction ends, and still open. Read once it is held, as it is then."""
    list(Referral.objects.select_for_update(no_key=True).filter(pk=referral_id).values("pk"))
    held = Referral.objects.select_related("recipient__person", "body", "decided_by").get(pk=referral_id)
    if held.decision:
        raise AlreadyDecided(decided_words(held))
    if held.kind not in kinds:
        raise Refused("That can't be done with what was said here. Nothing was decided.")
    if not by.has_perm("alerts.decide_referral", held):
        raise Refused("This is not yours to decide any more. Nothing was decided.")
    return held


def decided_words(referral: Referral) -> str:
    """Who decided it, when and how, as a sentence."""
    who = referral.decided_by.name if referral.decided_by else ""
    at = _moment(referral.decided_at) if referral.decided_at else ""
    if referral.decision == Decision.DECLINED:
        return f"{who} declined this on {at}."
    what = "said that they have left" if referral.kind == Kind.LEFT else "saw to it that they have it"
    return f"{who} {what}, on {at}."


def _moment(at: datetime) -> str:
    local = timezone.localtime(at)
    return f"{date_format(local, 'j F Y, H:i')} {local.tzname()}"


def _decide(held: Referral, by: Person, decision: str, kind: str, *, reason: str = "", **details: object) -> None:
    now = timezone.now()
    Referral.objects.filter(pk=held.pk).update(decision=decision, decided_by=by, decided_at=now, reason=reason)
    advisory = Advisory.objects.get(pk=held.recipient.advisory_id)
    record.write(kind, advisory.reference, by, referral=held.pk, recipient=held.recipient_id, said=held.kind, **details)
    if not Referral.objects.filter(recipient__advisory=advisory, decision="").exists():
        desk.call_off(advisory, Message.Kind.REFERRAL)


# --- whoever left ---


def _leave(person: Person, by: Person, on: date) -> Decided:
    """They left the directory, as far as `by` answers for them: of places elsewhere, those who answer there say so."""
    person = locked(person)
    if person.left_at is not None:
        return Decided(f"{person.name} had left already.")
    if not is_administrator(by):
        sits = Body.objects.filter(pk__in=bodies_of(person)).order_by("name", "pk")
        mine = [body for body in sits if by.has_perm("departments.change_people", body)]
        others = [body.name for body in sits if body not in mine]
        if not mine:
            return Decided(f"{person.name} has no place any more for which you answer: nothing was to be changed.")
        if not by.has_perm("departments.change_person", person):
            raise Refused(
                f"That {person.name} has left is for an administrator to say, since they may do more than others. Nothing was "
                "decided; an administrator sees this too."
            )
        if others:
            return _end_places(person, by, mine, others)
    done = people.leave(person, by, on)
    return Decided(done.said, done.hint)


def _end_places(person: Person, by: Person, mine: list[Body], others: list[str]) -> Decided:
    hints = [
        seating.unseat(place, by).hint
        for place in Membership.objects.filter(person=person, body__in=mine, until=None).select_related("person")
    ]
    where = ", ".join(body.name for body in mine)
    said = f"{person.name} has no place in {where} any more. They still have one in {_list(others)}: that is for others to say."
    return Decided(said, next(filter(None, hints), ""))


# --- whoever else should see it ---


def _pass(held: Referral, by: Person) -> Decided:
    """Name whoever has the address in the audience; somebody who sits nowhere is given a place first."""
    advisory = officers.hold(held.recipient.advisory_id)
    person = Person.objects.filter(email=held.email).first()
    known = person is not None and _known(person, by, advisory)
    if person and known and Recipient.objects.filter(advisory=advisory, person=person, targeted=True).exists():
        return Decided(f"{person.name} is told of {advisory.reference} already: nothing more is sent to them.")
    if says := why_closed(advisory):
        raise Refused(f"{says} Nothing was passed on.")
    homes = homes_of(held.recipient)
    hint = ""
    if person is None or not bodies_of(person):
        person, hint = _give_a_place(held, by, advisory, homes, person)
        known = True
    _check_places(advisory, person, homes, known=known)
    why = f"passed on in {(held.body or homes[0]).name}, on a reader's word" if held.body or homes else ""
    _, new = Named.objects.get_or_create(advisory=advisory, person=person, defaults={"by": by, "why": why})
    if new:
        run(TOLD_ANEW, person=person.pk)
        wake_cascade(advisory)
    details = {"body": held.body.slug} if held.body else {}
    record.write("passed on", advisory.reference, by, referral=held.pk, person=person.pk, **details)
    if known and person.bounced_at is not None:
        hint = f"Mail does not reach {person.name}: see their page."
    return Decided(_passed(advisory, person, known=known), hint)


def _known(person: Person, by: Person, advisory: Advisory) -> bool:
    """Whether `by` may hear who this is, where they sit and whether they have it."""
    return bool(rules.known_to(by, [person.pk])) or rules.sees_everything(by, advisory)


def _passed(advisory: Advisory, person: Person, *, known: bool) -> str:
    who = f"{person.name} is put in" if known else f"{person.email} is put in, if they were not before"
    if advisory.stopped:
        return f"{who}. {advisory.reference} is stopped: they are told once it goes on."
    return f"{who}, and told within two minutes, or once whoever holds it lets it go on."


def homes_of(recipient: Recipient) -> list[Body]:
    """The open bodies through which they are told, those that count first; or were, where they are told through none now."""
    seats = Seat.objects.filter(recipient=recipient, relay__body__closed=None).select_related("relay__body")
    found = list(seats.order_by("-counts", "pk"))
    current = [seat for seat in found if seat.ended_at is None]
    return [seat.relay.body for seat in current or found]


def _give_a_place(
    held: Referral, by: Person, advisory: Advisory, homes: list[Body], person: Person | None
) -> tuple[Person, str]:
    """A place as a member of the body, for somebody who sits nowhere: no warning would find them.

    Whoever is in the directory already keeps what is written of them: a reader's words are no correction.
    """
    if not marking.text_in_mail(advisory.marking):
        raise Refused(_not_among(advisory, homes))
    mine = [
        body for body in [*homes, *([held.body] if held.body else [])] if by.has_perm("departments.change_people", body)
    ]
    if not mine:
        raise Refused(
            "There is no body of yours to give them a place in. Nothing was passed on; an administrator may do it."
        )
    if person is None:
        done = people.add(mine[0], by, held.email, held.name, Role.MEMBER)
    else:
        done = seating.add_place(person, mine[0], by, Role.MEMBER)
    return done.person, done.hint


def _check_places(advisory: Advisory, person: Person, homes: list[Body], *, known: bool) -> None:
    """Refused where the marking, whoever signed for leaving a body out, or the issuer's own reach stands against it.

    A warning that reaches somebody passes through every body in which they sit, and its contact hears of it: from AMBER up
    they may sit nowhere else than it may go. Who they are and where they sit is said where that is `known`.
    """
    own = officers.own_branch(advisory.issuer)
    strict = advisory.marking == Marking.AMBER_STRICT
    found = run(
        PLACES,
        person=person.pk,
        advisory=advisory.pk,
        homes=[one.pk for one in homes],
        own=None if own is None else advisory.issuer_id,
    )
    places = [_Place(*row) for row in found]
    if not marking.text_in_mail(advisory.marking):
        inside = [place.home if strict else place.within for place in places]
        beyond = [place.name for place, is_in in zip(places, inside, strict=True) if not is_in and not place.reached]
        if not any(inside) or beyond:
            sits = f"{person.name} sits in {_list(beyond or [place.name for place in places])}"
            raise Refused(_not_among(advisory, homes, sits if known else ""))
    who = person.name if known else person.email
    if left_out := [place.name for place in places if place.left_out and not place.reached]:
        where = f"{_list(left_out)} was" if known else "Some body was"
        raise Refused(
            f"{where} left out of {advisory.reference} on purpose, by name, and {who} sits there. Nothing was passed on; ask "
            f"{advisory.issuer.name}, which issued it."
        )
    if not any(place.may_be_warned for place in places):
        raise Refused(
            f"{who} sits beyond the branch that {advisory.issuer.name} may warn. Nothing was passed on; ask an issuing "
            "authority."
        )


def _not_among(advisory: Advisory, homes: list[Body], but: str = "") -> str:
    """Why the marking keeps it from them. Without `but` the same of whoever sits elsewhere, nowhere, or is unknown."""
    within = _limits(advisory, homes)
    start = f"{advisory.reference} is marked TLP:{advisory.marking}, so it goes to people {within} alone, and "
    ask = f"ask {advisory.issuer.name}, which issued it."
    if but:
        return f"{start}{but}. Nothing was passed on; {ask}"
    return (
        f"{start}nobody with that address is one of them. Nothing was passed on. If they work there, give them a place on the "
        f"body's page first; if not, {ask}"
    )


def _limits(advisory: Advisory, homes: list[Body]) -> str:
    """How far it may go, after "people": "in A Department or below". Never beyond the reader's own, whoever decides."""
    below = "" if advisory.marking == Marking.AMBER_STRICT else " or below"
    return f"in {_list([one.name for one in homes]) or 'the body through which they were told'}{below}"


def _list(names: list[str]) -> str:
    return ", ".join(names[:5]) + (" and others" if len(names) > 5 else "")
