"""Whoever was heard from was told: the bar's parts, whatever became of the mail."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from django.core.management import call_command

from alerts import coverage
from alerts.models import Advisory, Recipient
from alerts.web.coverage.view import CoverageView, view_of
from alerts.web.parts import Parts
from departments.models import Person
from tests import rows

pytestmark = pytest.mark.django_db


@pytest.fixture(params=[True, False], ids=["a route that reports delivery", "one that does not"])
def reports(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr("alerts.web.coverage.view.reports_delivery", lambda: request.param)
    return bool(request.param)


def view(of: Advisory, *opened: str) -> CoverageView:
    return view_of(of, Person(pk=0, is_auditor=True), opened)


def change(recipient: Recipient, **fields: object) -> None:
    Recipient.objects.filter(pk=recipient.pk).update(**fields)


def test_somebody_out_of_reach_and_told_by_telephone_leaves_the_others_where_they_were(reports: bool) -> None:
    of = rows.advisory()
    place = rows.relay(of, "treasury")
    for answered in (1, 1, 0, 0, 0):
        change(
            rows.recipient(of, place),
            told_revision=1,
            answered_revision=answered,
            outcome="delivered" if reports else "",
        )
    change(rows.recipient(of, place), outcome="bounced", told_revision=1, answered_revision=1, behalf_revision=1)
    parts = view(of).parts
    assert parts == (Parts(answered=3, told=3) if reports else Parts(answered=3, sent=3))
    assert view(of).not_told == 0
    assert view(of).lines[0].parts == parts


def test_somebody_in_a_held_body_who_was_told_by_telephone_waits_no_more(reports: bool) -> None:
    of = rows.advisory()
    held = rows.relay(of, "held", rows.relay(of, "top", purpose="between"), state="held")
    change(rows.recipient(of, held), answered_revision=1, behalf_revision=1)
    rows.recipient(of, held)
    change(rows.recipient(of, rows.relay(of, "agency")), told_revision=1)
    assert view(of).parts == Parts(answered=1, held=1, sent=1)
    lines = {line.row.body: line.parts for line in view(of, "top").lines}
    assert lines["held"] == lines["top"] == Parts(answered=1, held=1)


def test_somebody_told_through_their_office_is_silent_and_not_untold(reports: bool) -> None:
    of = rows.advisory()
    place = rows.relay(of, "treasury")
    change(rows.recipient(of, place), outcome="bounced", office_revision=1)
    assert view(of).parts == Parts(told=1)
    assert view(of).not_told == 0
    assert view(of).apart == ["1 told through their office, not counted as their own answers"]


def test_the_command_says_apart_who_was_told_through_somebody_else_and_its_json_stays(
    capsys: pytest.CaptureFixture[str],
) -> None:
    of = rows.advisory()
    place = rows.relay(of, "treasury")
    change(rows.recipient(of, place), told_revision=1, office_revision=1)
    change(rows.recipient(of, place), answered_revision=1, behalf_revision=1)
    change(rows.recipient(of, place), told_revision=1, suspect_revision=1)
    call_command("coverage", of.reference)
    printed = capsys.readouterr().out
    assert "1 told through their office, not counted as their own answers.\n" in printed
    assert "1 told by telephone or in person, put down for them and counted as their own answers.\n" in printed
    assert "1 answered like a machine, not counted: their page asks once more.\n" in printed
    call_command("coverage", of.reference, "--json")
    whole = json.loads(capsys.readouterr().out)[0]["branch"]
    assert set(whole) == {*coverage.CONTRACT, "bodies"}


@pytest.mark.parametrize("seed", range(4))
def test_the_parts_are_those_of_the_people_whatever_they_are(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.web.coverage.view.reports_delivery", lambda: True)
    chance = random.Random(seed)
    of = rows.advisory(office="counts" if seed % 2 else "apart")
    if seed > 1:
        rows.revise(of, "minor")
    place = rows.relay(of, "treasury")
    latest = 1 + (seed > 1)
    expected = [0] * 6
    for n in range(40):
        row: dict[str, Any] = {
            "told_revision": (now := chance.choice([0, latest])),
            # What was answered by their own mail is taken for delivered.
            "outcome": chance.choice(["delivered", "deferred", "bounced", "unreachable"]) if now else "",
            "answered_revision": chance.choice([0, 1]),
            "office_revision": chance.choice([0, 0, 1]),
        }
        row["behalf_revision"] = 1 if n == 0 else row["answered_revision"] * chance.choice([0, 1])
        if n == 0:
            row["answered_revision"] = 1
        change(rows.recipient(of, place), **row)
        heard = row["answered_revision"] or row["office_revision"]
        bounced = row["outcome"] in ("bounced", "unreachable")
        if row["answered_revision"] or (of.office == "counts" and heard):
            expected[0] += 1
        elif heard or row["outcome"] == "delivered":
            expected[1] += 1
        elif bounced:
            expected[5] += 1
        else:
            expected[2 if now else 4] += 1
    assert view(of).parts == Parts(*expected)
