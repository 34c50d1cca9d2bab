"""What a reader is asked: each action of a person, and what is asked once of each body. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from alerts import answer_form
from alerts.answer_form import ActionChoice
from alerts.models import Acknowledgement, Action, ActionAnswer, Recipient, Relay, Seat
from alerts.nearest import answering_for
from departments.models import Membership, Role

# Who answers a body's actions.
ANSWERING = (Role.CONTACT, Role.DEPUTY, Role.HEAD)


@dataclass(frozen=True, slots=True)
class Question:
    """One action as this person is asked about it.

    The follow-ups are named `<field>-day` and `<field>-month` (what is wrong with them: `<field>-date`), and `<field>-why`.
    """

    number: int
    """Its place among the page's questions; those about several bodies share one."""
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

    number: int
    """Its place among the page's questions, where it is one for them."""
    action: Action
    questions: tuple[Question, ...]
    answering: tuple[tuple[str, str], ...]
    """This person's bodies for which somebody else answers: the body's name, and who that is ("" where nobody is known)."""

    @property
    def others(self) -> tuple[str, ...]:
        """Names of this person's bodies for which their contact, deputy or head answers."""
        return tuple(body for body, _ in self.answering)

    @property
    def for_all(self) -> str:
        """The field of one answer for all their bodies; "" where they answer for one or none."""
        return answer_form.field(self.action.key, answer_form.ALL) if len(self.questions) > 1 else ""


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


def questions_of(
    recipient: Recipient, actions: list[Action], seats: list[Seat], previous: Acknowledgement | None
) -> tuple[tuple[Question, ...], tuple[BodyAction, ...]]:
    """The actions of a revision as this recipient is asked about them: a person's, then those of bodies. Four queries."""
    of_bodies = [action for action in actions if action.of == Action.Of.BODY]
    mine = answers_for(recipient) if of_bodies else []
    own = _said(ActionAnswer.objects.filter(acknowledgement=previous, relay=None)) if previous else {}
    theirs = _said(ActionAnswer.objects.filter(relay__in=mine, acknowledgement__suspect=[])) if mine else {}
    of_persons = [action for action in actions if action.of == Action.Of.PERSON]
    answering = _answering([seat.relay for seat in seats], mine) if of_bodies else ()
    first = 2 + len(of_persons)
    return (
        tuple(_question(number, action, None, own) for number, action in enumerate(of_persons, 2)),
        tuple(
            BodyAction(number, action, tuple(_question(number, action, relay, theirs) for relay in mine), answering)
            for number, action in enumerate(of_bodies, first)
        ),
    )


def _answering(seated: list[Relay], mine: list[Relay]) -> tuple[tuple[str, str], ...]:
    others = [relay for relay in seated if relay.purpose == Relay.Purpose.TARGET and relay not in mine]
    names = answering_for([relay.body_id for relay in others])
    return tuple((relay.body.name, names.get(relay.body_id, "")) for relay in others)


def _question(
    number: int, action: Action, relay: Relay | None, said: Mapping[tuple[str, int | None], ActionChoice]
) -> Question:
    relay_id = relay.pk if relay else None
    return Question(
        number=number,
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
