"""The reader's page: everything that it shows, read in a constant number of queries. Writes nothing, ever."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from alerts import answer_form, holds, noting
from alerts.answer_form import ActionChoice
from alerts.contract import EARLIER_SAID
from alerts.holds import Held
from alerts.models import Acknowledgement, Action, ActionAnswer, Advisory, Recipient, Relay, Revision, Seat, State
from departments.models import Membership, Role

# Who answers a body's actions.
ANSWERING = (Role.CONTACT, Role.DEPUTY, Role.HEAD)


@dataclass(frozen=True, slots=True)
class Question:
    """One action as this person is asked about it. The follow-ups are named `<field>-date` and `<field>-why`."""

    action: Action
    field: str
    """The form's field: `a-<key>` for a person's action, `b-<key>-<relay id>` for a body's."""
    relay_id: int | None
    body: str
    """The body's name for a body's action, "" for a person's."""
    previous: ActionChoice | None
    """What they (for a body's action: anybody for that body) last said about it."""


@dataclass(frozen=True, slots=True)
class BodyAction:
    """An action asked once of each body: what this person answers, and for which of their bodies somebody else does."""

    action: Action
    questions: tuple[Question, ...]
    others: tuple[str, ...]
    """Names of this person's bodies for which their contact, deputy or head answers."""


@dataclass(frozen=True, slots=True)
class Replacing:
    """Published advisories that stand in another one's place: their references, and nothing else of them."""

    replaces: str
    """The one whose place this one takes; "" where there is none."""
    replaced_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Holding:
    """What this person holds as a contact, and what they let go on: the same before and after the page is unlocked."""

    held: tuple[tuple[Held, str], ...]
    """Each with the hidden value of its form."""
    let_go: tuple[Relay, ...]


@dataclass(frozen=True, slots=True)
class Cover:
    """What a page says before it is unlocked: no word of the advisory but its open title."""

    advisory: Advisory
    name: str
    bodies: tuple[str, ...]
    """Names of the bodies through which this person is told."""
    contact_name: str
    contact_telephone: str
    replacing: Replacing
    holding: Holding


@dataclass(frozen=True, slots=True)
class ReaderPage:
    """What one recipient sees of one advisory."""

    advisory: Advisory
    revision: Revision
    content: Mapping[str, Any]
    marking: str
    recipient: Recipient
    name: str
    bodies: tuple[str, ...]
    """Names of the bodies through which this person is told."""
    changed: str
    """What the current revision changed; "" of a first one."""
    earlier: str
    """Of an update, whether what was said before still holds, in a sentence; "" where that was not said."""
    achieved: tuple[str, ...]
    """What it came to, a sentence each: of what was stood down, for whoever answered it."""
    replacing: Replacing
    holding: Holding
    notes: tuple[noting.Added, ...]
    """What contacts added under the original, the nearest body's first; none of what is stood down."""
    person_actions: tuple[Question, ...]
    body_actions: tuple[BodyAction, ...]
    questions: int
    """How many questions the page asks, "have you read this" among them."""
    previous: Acknowledgement | None
    """Their last answer that counts, if any."""
    ask_again: bool
    """Their answer looks like a machine's: say so, and ask once more."""
    answered: bool
    """Whether they have answered the last material revision."""
    answered_at: datetime | None
    """When they last answered in a way that counts; None where they never did."""
    mailed_revision: int
    """The revision that they were last mailed; 0 where none was."""
    contact_name: str
    contact_telephone: str
    form_token: str
    """The value of the hidden field `form`."""


def page(recipient: Recipient) -> ReaderPage:
    """What this recipient sees now: the current revision, whatever they were mailed."""
    advisory = recipient.advisory
    revision = advisory.current
    if revision is None:
        raise ValueError(f"{advisory.reference} was never published")
    seats = _seats(recipient)
    actions = list(revision.actions.all())
    person_actions, body_actions, previous = _questions(recipient, actions, [seat.relay for seat in seats])
    answered = answered_material(recipient)
    contact = _contact(recipient, [seat.relay.body_id for seat in seats])
    return ReaderPage(
        advisory=advisory,
        revision=revision,
        content=revision.content,
        marking=advisory.marking,
        recipient=recipient,
        name=recipient.person.name,
        bodies=tuple(seat.relay.body.name for seat in seats),
        changed=str(revision.content.get("what_changed") or ""),
        earlier=_earlier(advisory, revision),
        achieved=_achieved(recipient, revision),
        replacing=replacing(advisory),
        holding=_holding(recipient, seats),
        notes=tuple(noting.standing_for(recipient)) if advisory.state != State.STOOD_DOWN else (),
        person_actions=person_actions,
        body_actions=body_actions,
        questions=1 + len(person_actions) + sum(len(action.questions) for action in body_actions),
        previous=previous,
        ask_again=not answered and 0 < _material(advisory) <= recipient.suspect_revision,
        answered=answered,
        answered_at=previous.at if previous else None,
        mailed_revision=recipient.told_revision,
        contact_name=contact.person.name if contact else "",
        contact_telephone=contact.person.telephone if contact else "",
        form_token=answer_form.issue(recipient.pk, revision.number),
    )


def cover(recipient: Recipient) -> Cover:
    """What this recipient sees of an advisory whose page is locked."""
    seats = _seats(recipient)
    contact = _contact(recipient, [seat.relay.body_id for seat in seats])
    return Cover(
        advisory=recipient.advisory,
        name=recipient.person.name,
        bodies=tuple(seat.relay.body.name for seat in seats),
        contact_name=contact.person.name if contact else "",
        contact_telephone=contact.person.telephone if contact else "",
        replacing=replacing(recipient.advisory),
        holding=_holding(recipient, seats),
    )


def _holding(recipient: Recipient, seats: list[Seat]) -> Holding:
    """What this recipient holds, and what they let go on; two queries, however much that is, and none for most people."""
    if not any(seat.contact for seat in seats):
        return Holding((), ())
    held = tuple((one, holds.issue_form(recipient, one.relay_id)) for one in holds.held_by(recipient))
    return Holding(held, tuple(holds.let_go_by(recipient)))


def replacing(advisory: Advisory) -> Replacing:
    """What this advisory replaces, and what replaces it. A draft is nobody's to know of; a drill replaces nothing real."""
    found = list(
        Advisory.objects.filter(
            Q(supersedes=advisory) | Q(pk=advisory.supersedes_id), current__isnull=False, exercise=advisory.exercise
        )
        .order_by("pk")
        .values_list("pk", "reference")
    )
    return Replacing(
        replaces=next((reference for pk, reference in found if pk == advisory.supersedes_id), ""),
        replaced_by=tuple(reference for pk, reference in found if pk != advisory.supersedes_id),
    )


def answered_material(recipient: Recipient) -> bool:
    """Whether their last answer that counts is to the last material revision or a later one."""
    return 0 < _material(recipient.advisory) <= recipient.answered_revision


def answers_for(recipient: Recipient) -> list[Relay]:
    """The targeted relays for whose bodies this person answers now, as contact, deputy or head."""
    return list(
        Relay.objects.filter(
            advisory_id=recipient.advisory_id,
            purpose=Relay.Purpose.TARGET,
            body__in=Membership.objects.filter(person_id=recipient.person_id, role__in=ANSWERING, until=None).values(
                "body"
            ),
        )
        .select_related("body")
        .order_by("body__name", "pk")
    )


def _seats(recipient: Recipient) -> list[Seat]:
    return list(
        Seat.objects.filter(recipient=recipient, ended_at=None)
        .select_related("relay__body")
        .order_by("relay__body__name")
    )


def _earlier(advisory: Advisory, revision: Revision) -> str:
    # Of what is stood down or was not looked at in time, its own card says whether it holds.
    if revision.number == 1 or advisory.state != State.LIVE:
        return ""
    return EARLIER_SAID.get(str(revision.content.get("earlier") or ""), "")


def _achieved(recipient: Recipient, revision: Revision) -> tuple[str, ...]:
    if revision.kind != Revision.Kind.STAND_DOWN or not recipient.answered_revision:
        return ()
    return tuple(revision.content.get("achieved") or ())


def _material(advisory: Advisory) -> int:
    return advisory.material.number if advisory.material else 0


def _questions(
    recipient: Recipient, actions: list[Action], seated: list[Relay]
) -> tuple[tuple[Question, ...], tuple[BodyAction, ...], Acknowledgement | None]:
    previous = recipient.acknowledgements.filter(suspect=[]).order_by("-pk").first()
    of_bodies = [action for action in actions if action.of == Action.Of.BODY]
    mine = answers_for(recipient) if of_bodies else []
    own = _said(ActionAnswer.objects.filter(acknowledgement=previous, relay=None)) if previous else {}
    theirs = _said(ActionAnswer.objects.filter(relay__in=mine, acknowledgement__suspect=[])) if mine else {}
    others = tuple(relay.body.name for relay in seated if relay.purpose == Relay.Purpose.TARGET and relay not in mine)
    return (
        tuple(_question(action, None, own) for action in actions if action.of == Action.Of.PERSON),
        tuple(
            BodyAction(action, tuple(_question(action, relay, theirs) for relay in mine), others)
            for action in of_bodies
        ),
        previous,
    )


def _question(action: Action, relay: Relay | None, said: Mapping[tuple[str, int | None], ActionChoice]) -> Question:
    relay_id = relay.pk if relay else None
    return Question(
        action=action,
        field=answer_form.field(action.key, relay_id),
        relay_id=relay_id,
        body=relay.body.name if relay else "",
        previous=said.get((action.key, relay_id)),
    )


def _said(answers: Any) -> dict[tuple[str, int | None], ActionChoice]:
    """The last thing said about each action, by its key: keys survive revisions."""
    rows: Iterable[tuple[str, int | None, str, Any, str]] = (
        answers.order_by("relay_id", "action__key", "-acknowledgement_id")
        .distinct("relay_id", "action__key")
        .values_list("action__key", "relay_id", "choice", "by_date", "text")
    )
    return {(key, relay_id): ActionChoice(choice, by_date, text) for key, relay_id, choice, by_date, text in rows}


def _contact(recipient: Recipient, bodies: list[int]) -> Membership | None:
    """Whom they can ask: the first contact (or deputy) of one of their bodies that is not themselves."""
    return (
        Membership.objects.filter(
            body__in=bodies, role__in=(Role.CONTACT, Role.DEPUTY), until=None, person__left_at=None
        )
        .exclude(person=recipient.person_id)
        .select_related("person")
        .order_by("role", "hours", "order", "pk")
        .first()
    )
