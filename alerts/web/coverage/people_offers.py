"""What is offered about the people of a list: what fits its figure and is this viewer's to press; otherwise, who can."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from alerts import rules
from alerts.answer_form import LONGEST_NAME
from alerts.answering import behalf_many
from alerts.chasing import chase
from alerts.coverage import readdressing
from alerts.coverage.lists import bodies, number_of
from alerts.coverage.scope import Scope
from alerts.coverage.selection import Selection
from alerts.models import Acknowledgement, Advisory, Relay, State
from alerts.routing.routes import reports_delivery
from alerts.web.coverage.scoping import Looked
from departments.models import Person, Role
from departments.rules import bodies_of, is_administrator

MOST_CHOSEN = 200
"""People ticked in one press: more than a page of a list has."""

# Whom a remedy is for, by the figure of the list. Whoever is chosen by name is looked at once more by the verb itself.
REMINDED = ("silent", "unsure", "former", "suspect", "office", "sent", "delivered", "late", "targeted")
TRIED_AGAIN = ("unreachable", "untold")
READDRESSED = ("unreachable", "late", "untold")
TOLD = (*REMINDED, "untold", "waiting", "held", "unreachable", "complained")
BEHIND_HOLDS = ("held", "untold")

TOLD_FIELDS = ("told-how", "told-at", "told-by", "all-there")
DOMAIN_FIELDS = ("old", "new")
TYPED = (*TOLD_FIELDS, *DOMAIN_FIELDS)


def asks(advisory: Advisory) -> bool:
    """It is live and not stopped: mail of it leaves."""
    return advisory.state == State.LIVE and not advisory.stopped


def may_remind(viewer: Person, advisory: Advisory) -> bool:
    """Whether there is anybody whom this person may remind of it, as `chase.remind` allows. A constant number of queries."""
    return asks(advisory) and chase.bodies_reminded_by(viewer, advisory) != set()


def offered(
    viewer: Person, advisory: Advisory, looked: Looked, selection: Selection, typed: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The remedies that fit this list and that this viewer may press, for `people_remedies.html`.

    The list's boxes are named `recipient`, their values are recipients' ids, and they belong to the form `remedies`. With
    `corrects`, whoever is on the list has a link to the form that corrects their address in the directory. `typed`: what
    stood in the form that could not be taken.
    """
    figure, administrator = selection.figure, bool(is_administrator(viewer))
    readdressed = administrator and figure in READDRESSED
    puts_down = advisory.current_id is not None and figure in TOLD and bool(_own_here(viewer, looked))
    may = {
        "remind": figure in REMINDED and may_remind(viewer, advisory),
        "retry": asks(advisory) and administrator and figure in TRIED_AGAIN,
        "told": puts_down,
        "domain": readdressed,
    }
    now = timezone.localtime().strftime("%Y-%m-%dT%H:%M")
    domains = readdressing.domains(selection) if readdressed else []
    return {
        **may,
        "any": any(may.values()),
        "corrects": readdressed,
        "others": "" if any(may.values()) else who_can(figure, advisory),
        "most": MOST_CHOSEN,
        "form": behalf_many.issue_form(advisory, viewer) if puts_down else "",
        "ways": Acknowledgement.Told.choices,
        "now": now,
        "longest_name": LONGEST_NAME,
        "domains": domains,
        **_stands({"told-how": "meeting", "told-at": now, "old": domains[0] if domains else ""}, typed),
    }


def _stands(first: Mapping[str, str], typed: Mapping[str, str] | None) -> dict[str, str]:
    """What stands in the fields: what was typed, in whatever form that was; `opened`: in which."""
    stands = {**first, **(typed or {})}
    fields = {name.replace("-", "_"): stands.get(name, "") for name in TYPED}
    opened = "told" if typed and "told-at" in typed else "domain" if typed else ""
    return {**fields, "opened": opened}


def who_can(figure: str, advisory: Advisory) -> str:
    """Who may do something about the people of such a list, in sentences; "" where there is nothing to be done."""
    said = []
    if figure in REMINDED and asks(advisory):
        said.append(
            "Officers of the issuer, administrators, and the contacts, deputies and heads of a branch send reminders."
        )
    if figure in READDRESSED:
        again = " and have mail tried again" if figure in TRIED_AGAIN and asks(advisory) else ""
        said.append(f"Administrators correct addresses{again}.")
    if figure in TOLD:
        said.append(
            "The contacts and deputies of a body put down who of its people was told by telephone or in a meeting."
        )
    return " ".join(said)


def behind(figure: str, here: Scope, looked: Looked, advisory: Advisory, viewer: Person) -> dict[str, Any]:
    """Where the remedy of a list is on another one: the bodies that hold it, and why else people were not told.

    `held`: how many bodies; `releases`: whether this viewer may let one of them go on; `lists`: figures and their numbers.
    """
    if figure not in BEHIND_HOLDS:
        return {}
    held = bodies(looked.scope, "held", size=1).total
    lists = ("unreachable", "waiting", *(["unsure"] if reports_delivery() else [])) if figure == "untold" else ()
    numbers = {one: number_of(Selection(here, one))[1] for one in lists}
    return {
        "held": held,
        "releases": bool(held) and advisory.state == State.LIVE and _may_release(viewer, advisory),
        "lists": {one: number for one, number in numbers.items() if number},
    }


def _may_release(viewer: Person, advisory: Advisory) -> bool:
    if rules.is_officer_of_issuer(viewer, advisory):
        return True
    own = bodies_of(viewer, [Role.CONTACT, Role.DEPUTY]) if viewer.left_at is None else set()
    held = Relay.objects.filter(advisory=advisory, state=Relay.State.HELD, body__in=own)
    return held.exclude(purpose=Relay.Purpose.LEFT).exists()


def _own_here(viewer: Person, looked: Looked) -> set[int]:
    """The bodies for whose people this viewer puts down answers, as far as the list shows any."""
    own = behalf_many.may_answer_for(viewer)
    return own if looked.scope.bodies is None else own & looked.scope.bodies
