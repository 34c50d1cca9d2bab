"""The reader's page: everything that it shows, read in a constant number of queries. Writes nothing, ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from alerts import answer_form, holds, noting
from alerts.also_open import Elsewhere, also_open
from alerts.answered import Answers, Receipt, answers_of, is_unused, machine_since, receipt_of
from alerts.contract import EARLIER_SAID
from alerts.holds import Held
from alerts.models import Acknowledgement, Advisory, Office, Recipient, Relay, Revision, Seat, State
from alerts.nearest import Contact, nearest_contact
from alerts.questions import BodyAction, Question, questions_of
from alerts.since import Since, since
from alerts.viewing import Viewer, viewer


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
    contact: Contact | None
    replacing: Replacing
    holding: Holding
    viewer: Viewer
    doubt: Acknowledgement | None
    """When they last said that it looks like phishing, if ever."""
    doubt_token: str
    """The hidden value of the form that says so."""


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
    since: Since
    """What changed since their mail; of a first revision nothing."""
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
    viewer: Viewer
    """Who has it open."""
    asks_name: bool
    """Whoever answers gives their own name: several people read the mailbox, or somebody of an office answers."""
    previous: Acknowledgement | None
    """The last answer that counts, whoever gave it for them, if any."""
    receipt: Receipt | None
    """Its receipt, where it is to the last material revision or a later one."""
    earlier_answers: tuple[Acknowledgement, ...]
    """Those before it, the latest first."""
    overtaken: bool
    """Their last answer is to an earlier revision than the one that stood when it came."""
    ask_again: bool
    """Their last answer looks like a machine's: say so, and ask once more."""
    answered: bool
    """Whether nothing more is asked of whoever has it open: the last material revision is answered."""
    still_asked: bool
    """Their office answered, and they are asked all the same."""
    office_counts: bool
    """What their office answers counts as if they had."""
    answered_at: datetime | None
    """When they last answered in a way that counts; None where they never did."""
    mailed_revision: int
    """The revision that they were last mailed; 0 where none was."""
    contact_name: str
    contact_telephone: str
    contact: Contact | None
    """Whom they can ask; its name and telephone once more for short."""
    also: tuple[Elsewhere, ...]
    """Their other live advisories, those still to be answered first."""
    doubt: Acknowledgement | None
    """When they last said that it looks like phishing, if ever."""
    doubt_token: str
    """The hidden value of the form that says so."""
    form_token: str
    """The value of the hidden field `form`."""
    meanwhile: bool
    """The form that came back wrong was of an earlier revision than this one."""

    @property
    def also_asked(self) -> tuple[Elsewhere, ...]:
        """Of their other advisories, those still to be answered."""
        return tuple(one for one in self.also if not one.answered)

    @property
    def also_answered(self) -> tuple[Elsewhere, ...]:
        """Of their other advisories, those that they answered."""
        return tuple(one for one in self.also if one.answered)

    @property
    def places(self) -> dict[str, str]:
        """Each question's field, in the page's order, and what its sentences are headed with."""
        places = {"read": "Question 1"} | {one.field: f"Question {one.number}" for one in self.person_actions}
        for asked in self.body_actions:
            if asked.for_all:
                places[asked.for_all] = f"Question {asked.number}"
            places |= {one.field: f"Question {one.number}, {one.body}" for one in asked.questions}
        return places


def page(recipient: Recipient, says: str = "", sent: str = "") -> ReaderPage:
    """What this recipient sees now: the current revision, whatever they were mailed.

    `says`: who has it open, in their own word (`alerts.viewing`). `sent`: the hidden value of a form that came back wrong,
    which is kept where it can still answer.
    """
    advisory = recipient.advisory
    revision = advisory.current
    if revision is None:
        raise ValueError(f"{advisory.reference} was never published")
    seats = _seats(recipient)
    who = viewer(recipient, says)
    given = answers_of(recipient)
    previous = given.last
    person_actions, body_actions = questions_of(recipient, list(revision.actions.all()), seats, previous)
    answered = answered_material(recipient, through_office=who.is_other or advisory.office == Office.COUNTS)
    receipt = _receipt(recipient, previous)
    form, meanwhile = _form(recipient, revision, sent)
    contact = nearest_contact(recipient)
    return ReaderPage(
        advisory=advisory,
        revision=revision,
        content=revision.content,
        marking=advisory.marking,
        recipient=recipient,
        name=recipient.person.name,
        bodies=tuple(seat.relay.body.name for seat in seats),
        since=since(advisory, recipient.told_revision),
        earlier=_earlier(advisory, revision),
        achieved=_achieved(recipient, revision),
        replacing=replacing(advisory),
        holding=_holding(recipient, seats),
        notes=tuple(noting.standing_for(recipient)) if advisory.state != State.STOOD_DOWN else (),
        person_actions=person_actions,
        body_actions=body_actions,
        questions=1 + len(person_actions) + sum(bool(action.questions) for action in body_actions),
        viewer=who,
        asks_name=who.office or (recipient.person.shared and who.delegate is None),
        previous=previous,
        receipt=receipt,
        earlier_answers=given.counting[1:] if receipt else given.counting,
        overtaken=_overtaken(revision, previous),
        ask_again=_ask_again(recipient, given, answered=answered),
        answered=answered,
        still_asked=receipt is not None and not _is_told(recipient),
        office_counts=advisory.office == Office.COUNTS,
        answered_at=previous.at if previous else None,
        mailed_revision=recipient.told_revision,
        contact_name=contact.name if contact else "",
        contact_telephone=contact.telephone if contact else "",
        contact=contact,
        also=tuple(also_open(recipient)),
        doubt=given.doubt,
        doubt_token=answer_form.issue(recipient.pk, revision.number),
        form_token=form,
        meanwhile=meanwhile,
    )


def _form(recipient: Recipient, revision: Revision, sent: str) -> tuple[str, bool]:
    """The form's hidden value, the one that was sent where it can still answer; and whether it was of an earlier revision."""
    try:
        opened = answer_form.opened(sent, recipient.pk) if sent else None
    except answer_form.NotAnswered:
        opened = None
    if opened and opened.number == revision.number and opened.is_fresh and is_unused(opened.form_id):
        return sent, False
    return answer_form.issue(recipient.pk, revision.number), opened is not None and opened.number < revision.number


def _receipt(recipient: Recipient, last: Acknowledgement | None) -> Receipt | None:
    """Of an answer to the last material revision or a later one; what is older has been overtaken, and is only listed."""
    if last is None or last.revision.number < _material(recipient.advisory):
        return None
    return receipt_of(last)


def _overtaken(revision: Revision, last: Acknowledgement | None) -> bool:
    return last is not None and last.revision.number < revision.number and last.at > revision.at


def _ask_again(recipient: Recipient, given: Answers, *, answered: bool) -> bool:
    if not 0 < _material(recipient.advisory) <= recipient.suspect_revision:
        return False
    return not answered or machine_since(recipient, given.counting)


def cover(recipient: Recipient) -> Cover:
    """What this recipient sees of an advisory whose page is locked."""
    seats = _seats(recipient)
    contact = nearest_contact(recipient)
    current = recipient.advisory.current
    return Cover(
        advisory=recipient.advisory,
        name=recipient.person.name,
        bodies=tuple(seat.relay.body.name for seat in seats),
        contact_name=contact.name if contact else "",
        contact_telephone=contact.telephone if contact else "",
        contact=contact,
        replacing=replacing(recipient.advisory),
        holding=_holding(recipient, seats),
        viewer=Viewer(()),
        doubt=answers_of(recipient).doubt,
        doubt_token=answer_form.issue(recipient.pk, current.number if current else 0),
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


def answered_material(recipient: Recipient, *, through_office: bool = False) -> bool:
    """Whether their last answer that counts, or one of their office, is to the last material revision or a later one."""
    heard = max(recipient.answered_revision, recipient.office_revision if through_office else 0)
    return 0 < _material(recipient.advisory) <= heard


def _is_told(recipient: Recipient) -> bool:
    return answered_material(recipient, through_office=recipient.advisory.office == Office.COUNTS)


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
