"""Whatever somebody says of an action, and when: believed while it may be true, and chased once it is not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import override_settings
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from alerts.models import ActionAnswer, Advisory, Recipient
from tests.chased import LONDON, answer, at, chase, publish, team
from tests.office import Office

pytestmark = pytest.mark.django_db

START = at("2026-11-30 10:00")  # a Monday
DAYS = [date(2026, 11, 30) + timedelta(days=day) for day in range(12)]
END = at("2026-12-11 18:00")
Word = tuple[datetime, str, date | None]


def looks() -> Iterator[datetime]:
    """Each working hour, and once a night."""
    for day in DAYS:
        for hour in (3, *range(9, 18)):
            when = datetime.combine(day, time(hour), LONDON)
            if START < when <= END:
                yield when


@st.composite
def words(draw: st.DrawFn) -> list[Word]:
    """What they say, at half past some hours of the first week: done, or later, or by a day."""
    said: list[Word] = []
    hours = draw(st.lists(st.integers(1, 9 * 24), min_size=1, max_size=4, unique=True))
    for hour in sorted(hours):
        when = START + timedelta(hours=hour, minutes=30)
        choice = draw(st.sampled_from(("by", "by", "by", "done", "later", "na")))
        day = when.astimezone(LONDON).date() + timedelta(days=draw(st.integers(0, 5))) if choice == "by" else None
        said.append((when, choice, day))
    return said


def opening(day: date) -> datetime:
    """Nine o'clock of that day, or of the next working one; there is no holiday in these weeks where they are."""
    while day.weekday() > 4:
        day += timedelta(days=1)
    return datetime.combine(day, time(9), LONDON)


def last(said: list[Word], when: datetime) -> Word | None:
    """What they had said last by then."""
    return max((word for word in said if word[0] <= when), default=None, key=lambda word: word[0])


@settings(
    max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)
@given(said=words(), within=st.sampled_from(("PT4H", "P1D", "P2D", "P3D")))
def test_what_is_said_is_believed_until_it_is_not_true_and_then_it_climbs(said: list[Word], within: str) -> None:
    due, mails = play(said, within)
    for number, (when, _) in enumerate(mails):
        to_tom, raised = (kind in mails[number][1] for kind in ("reminder", "escalation"))
        word, today = last(said, when), when.astimezone(LONDON).date()
        if word and word[1] in ("done", "na"):
            assert not to_tom, f"{when}: reminded of what is done"
            assert not raised, f"{when}: escalated, though it is done"
        if word and word[2] and today < word[2]:
            assert not to_tom, f"{when}: reminded before the day for which it was promised"
            assert not raised, f"{when}: escalated before that day"
    for word in said:
        if word[1] != "by" or word[2] is None or last(said, END) != word:
            continue
        made = word[0].astimezone(LONDON).date()
        later = word[2] > due.astimezone(LONDON).date()
        broken = opening(word[2] + timedelta(days=1))
        first = [when for when, kinds in mails if when > word[0] and "reminder" in kinds]
        back = opening(word[2])
        if back < END and made < word[2]:
            assert first[:1] == [back], "it comes back on the morning of its day"
        if later and broken < END and made < word[2]:
            raised_at = [when for when, kinds in mails if when >= broken and "escalation" in kinds]
            assert raised_at[:1] == [broken], "broken, it climbs from the next morning on"
    if not any(word[0] < due for word in said):
        raised_at = [when for when, kinds in mails if when >= due and "escalation" in kinds]
        assert raised_at, "silent about it, it climbs"


def play(said: list[Word], within: str) -> tuple[datetime, list[tuple[datetime, set[str]]]]:
    """The due, and each look with what was mailed at it: to Tom a reminder, to Tess an escalation."""
    with transaction.atomic(), override_settings(CHASE_MAILS_A_DAY=100):
        office = Office()
        body = team(office, f"t{uuid4().hex[:8]}", office.department, ("tess", "contact"), ("tom", "member"))
        action = {"text": "Move", "due": within, "key": "move"}
        advisory = publish(office, START, actions=[action], audience={"branches": [body.slug]})
        for name in ("Tess", "Tom"):
            answer(advisory, name, START)
        assert advisory.current is not None
        number = advisory.current.number
        Recipient.objects.filter(advisory=advisory, person__name="Tess").update(acted_revision=number)
        due, found = advisory.current.actions.get().due, list[tuple[datetime, set[str]]]()
        waits = list(said)
        for when in looks():
            while waits and waits[0][0] <= when:
                say(advisory, waits.pop(0), number)
            of = {"Tom": "reminder", "Tess": "escalation"}
            mails = chase(when)
            assert len(mails) == len(set(mails))
            found.append((when, {kind for kind, name in mails if of.get(name) == kind}))
        transaction.set_rollback(True)
    return due, found


def say(advisory: Advisory, word: Word, number: int) -> None:
    when, choice, day = word
    assert advisory.current is not None
    made = answer(advisory, "Tom", when)
    ActionAnswer.objects.create(acknowledgement=made, action=advisory.current.actions.get(), choice=choice, by_date=day)
    acted = number if choice in ("done", "na") else 0
    Recipient.objects.filter(advisory=advisory, person__name="Tom").update(acted_revision=acted)
