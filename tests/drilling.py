"""Drills for tests: a small country, and people in it who answer at such and such a time."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from alerts.chasing import drills
from alerts.chasing.drills import Report
from alerts.coverage.scope import Scope
from alerts.models import Advisory, Delta, Recipient, Relay, Revision
from departments.models import Body
from tests import rows

DAY = timedelta(days=1)


class Drill:
    """An exercise whose people answer at such and such a time after it was published."""

    def __init__(self, reference: str, began: timedelta = timedelta(), issuer: Body | None = None) -> None:
        # On a whole minute, so that a minute of the clock is a minute of the drill.
        self.began = timezone.now().replace(second=0, microsecond=0) + began
        officer = rows.person("Olive Officer")
        self.advisory = Advisory.objects.create(
            reference=reference,
            issuer=issuer or rows.body(f"issuer-of-{reference.lower()}"),
            written_by=officer,
            state="live",
            severity="high",
            marking="GREEN",
            published_at=self.began,
            exercise=True,
        )
        words = {"title": "Do not use Zoom", "summary": "", "what_changed": ""}
        self.advisory.current = self.advisory.material = Revision.objects.create(
            advisory=self.advisory,
            number=1,
            kind="material",
            content=words,
            by=officer,
            alone_reason="test",
            at=self.began,
        )
        self.advisory.save(update_fields=["current", "material"])
        self.answers: list[tuple[Relay, timedelta]] = []

    def place(self, body: Body, parent: Relay | None = None, purpose: str = "target") -> Relay:
        """A body's turn."""
        made = Relay.objects.create(
            advisory=self.advisory, body=body, parent=parent, purpose=purpose, state="released", stale=False
        )
        made.path = [*(parent.path if parent else []), made.pk]
        made.save(update_fields=["path"])
        return made

    def answer(self, place: Relay, *after: timedelta, silent: int = 0, unreachable: int = 0) -> None:
        """Somebody at this place for each of these; so many who say nothing, and so many whom no mail reaches."""
        for time in [*after, *[None] * silent]:
            one = rows.recipient(self.advisory, place)
            Recipient.objects.filter(pk=one.pk).update(told_revision=1)
            if time is not None:
                seen = Delta.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
                Recipient.objects.filter(pk=one.pk).update(answered_revision=1)
                Delta.objects.filter(pk__gt=seen).update(at=self.began + time)
                self.answers.append((place, time))
        for _ in range(unreachable):
            one = rows.recipient(self.advisory, place)
            Recipient.objects.filter(pk=one.pk).update(outcome="unreachable")

    def stand_down(self, after: timedelta) -> None:
        """Stood down so long after it was published."""
        self.advisory.current = Revision.objects.create(
            advisory=self.advisory,
            number=self.advisory.revisions.count() + 1,
            kind="stand-down",
            content={"title": "Do not use Zoom", "summary": "", "what_changed": ""},
            by=self.advisory.written_by,
            alone_reason="test",
            at=self.began + after,
        )
        self.advisory.state = "stood-down"
        self.advisory.save(update_fields=["current", "state"])

    def look(self, after: timedelta = 2 * DAY, of: Scope | None = None) -> Report:
        found = drills.report(self.advisory, self.began + after, of)
        assert found is not None
        return found

    def by(self, *places: Relay) -> tuple[int, ...]:
        """How many of these bodies' people had answered within each of the times, in plain Python."""
        return tuple(sum(time < within for place, time in self.answers if place in places) for within in drills.TIMES)


def lay_out() -> dict[str, Body]:
    """A government, its one cabinet, and below that a treasury with an office, health and a committee."""
    government = rows.body("government")
    cabinet = rows.body("cabinet", government)
    treasury, health = rows.body("treasury", cabinet), rows.body("health", cabinet)
    office, committee = rows.body("office", treasury), rows.body("committee", cabinet)
    return {one.slug: one for one in (government, cabinet, treasury, health, office, committee)}


def hung(drill: Drill, country: dict[str, Body]) -> dict[str, Relay]:
    """The whole country's turns in a drill."""
    places: dict[str, Relay] = {}
    for slug, body in country.items():
        above = next((place for place in places.values() if place.body_id == body.parent_id), None)
        places[slug] = drill.place(body, above, "between" if slug == "government" else "target")
    return places
