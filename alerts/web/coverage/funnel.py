"""The funnel: how far the warning has come, in people and in bodies, each number with the list behind it."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.coverage.glance import Glance
from alerts.web.parts import Parts

HANDED_OVER = "handed over to their mail servers"
SENT = "of bodies, those with somebody to tell in which nobody waits"


@dataclass(frozen=True, slots=True)
class Step:
    """One row of it: so many people, so many bodies. The names are those that lists are asked for by (`?is=`)."""

    words: str
    people: int | None
    figure: str = ""
    bodies: int | None = None
    state: str = ""
    note: str = ""
    """What the number means, where its words don't say."""


def steps(glance: Glance, *, delivery: bool) -> list[Step]:
    """From whom it is for to what they did, each a part of the one before."""
    figures, states = glance.figures, glance.states
    sent = sum(states.get(state, 0) for state in ("sent", "delivered", "covered"))
    found = [
        Step("It is for", figures.targeted, "targeted", glance.bodies.targeted, "targeted"),
        Step("Sent", figures.sent, "sent", sent, "reached", note=SENT if delivery else f"{HANDED_OVER}; {SENT}"),
        Step("Delivered", figures.delivered, "delivered", sent - states.get("sent", 0), "arrived"),
        Step("Answered", figures.acknowledged, "acknowledged", states.get("covered", 0), "covered"),
        Step("Done what it asks for", figures.acted, "acted", glance.acted, "acted"),
    ]
    return [step for step in found if step.figure != "delivered" or delivery or step.people]


def beside(glance: Glance, parts: Parts) -> list[Step]:
    """What stands beside it: who is not told and why, and who is told apart. Only what there is."""
    figures = glance.figures
    found = [
        Step("Nobody to tell", None, "", glance.bodies.dark, "dark"),
        Step("Cannot be reached", parts.dark, "unreachable"),
        Step("Held by contacts", parts.held, "held", glance.bodies.held, "held"),
        Step("Waiting to be sent", parts.waiting, "waiting", glance.states.get("waiting", 0), "waiting"),
        Step("Answered like a machine", figures.suspect, "suspect", note="not counted"),
        Step("Told through their office", figures.office, "office"),
        Step("Told by telephone or in person", figures.behalf, "behalf", note="counted as their own answers"),
        Step("Answered only an earlier revision", figures.former, "former"),
        Step("Left out on purpose", None, "", glance.bodies.excluded, "excluded"),
    ]
    return [step for step in found if step.people or step.bodies]
