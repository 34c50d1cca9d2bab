"""The watchdog: work that is older than it should be is found, told with what to do, written down, and closed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings as SettingsWrapper

from alerts import record
from alerts.cascading.cascade import cascade
from alerts.delivery.deliver_sql import DEFER
from alerts.models import Advisory, Batch, Delta, Heartbeat, Message, Record, Relay, Trouble
from alerts.publishing.stopping import go_on, stop
from alerts.watching import processes, watch
from alerts.watching.mail import not_leaving
from alerts.watching.view import View
from departments.models import Change
from tests import rows
from tests.office import Office
from tests.watching import WORKER, all_well, apart, audited, batch, done, kinds, only

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """A moment at which all is well."""
    apart(monkeypatch)
    now = timezone.now()
    all_well(now)
    return now


@pytest.fixture
def zoom(now: datetime) -> Advisory:
    """A live advisory in which nothing is left to do."""
    made = rows.advisory()
    done()
    made.refresh_from_db()
    return made


def test_nothing_is_found_where_all_is_well(now: datetime, zoom: Advisory) -> None:
    batch(now, zoom, age=30)
    rows.relay(zoom, "held", state="held")
    assert watch.look(now) == []


# --- mail ---


def test_mail_that_nobody_takes_is_found_after_two_minutes(now: datetime, zoom: Advisory) -> None:
    waits = batch(now, zoom, age=119)
    assert kinds(now) == []
    found = only(now + 2 * timedelta(seconds=1))
    assert (found.kind, found.subject, found.since) == ("mail", "ADV-2020-0017", waits.not_before)
    assert "restart the workers" in found.says
    assert found.whole == found.says


def test_mail_of_no_advisory_is_found_as_well(now: datetime) -> None:
    batch(now, None, age=200, rank=9)
    assert only(now).subject == ""


def test_a_lease_that_ran_out_is_as_good_as_none(now: datetime, zoom: Advisory) -> None:
    held = batch(now, zoom, age=400, leased_until=now - 3 * MINUTE)
    assert only(now).since == held.leased_until


def test_mail_in_a_queue_that_moves_is_not_called_left(now: datetime, zoom: Advisory) -> None:
    batch(now, zoom, age=500)
    in_hand = batch(now, zoom, age=500, leased_until=now + MINUTE)
    assert kinds(now) == []
    in_hand.done_at, in_hand.leased_until = now, None
    in_hand.save()
    record.write("sent", zoom.reference, mails=10)
    assert kinds(now) == []  # between two batches
    assert kinds(now + 2 * MINUTE) == ["beat", "mail ADV-2020-0017"]


def test_what_somebody_stopped_or_put_off_waits_for_nobody(now: datetime, zoom: Advisory) -> None:
    batch(now, None, age=300, not_before=now + MINUTE)
    batch(now, zoom, age=9_000)
    Advisory.objects.update(stopped_at=now - MINUTE)
    assert kinds(now) == []


@pytest.mark.parametrize(("rank", "minutes"), [(0, 10), (1, 10), (2, 60), (9, 60)])
def test_mail_that_waits_too_long_although_it_was_tried_is_found(
    rank: int, minutes: int, now: datetime, zoom: Advisory
) -> None:
    batch(now, zoom, age=60 * minutes - 5, rank=rank, not_before=now + MINUTE, attempt=4)
    assert kinds(now) == []
    found = only(now + timedelta(seconds=6))
    assert found.kind == "waiting"
    assert "tried 4 times" in found.says


def test_what_the_mail_server_said_is_told_without_its_addresses(now: datetime, zoom: Advisory) -> None:
    tried = batch(now, zoom, age=1_000, not_before=now + MINUTE, attempt=3)
    reader = rows.recipient(zoom)
    Message.objects.create(
        key="one",
        batch=tried,
        person=reader.person,
        advisory=zoom,
        recipient=reader,
        revision=zoom.current,
        kind="notice",
        error=f"452 4.2.2 <{reader.person.email}> mailbox full, see https://x.example/a/sEcret.token",
    )
    done()
    found = only(now)
    assert found.words == "452 4.2.2 <<address>> mailbox full, see https://x.example/a/<token>"
    assert "mailbox" not in found.says
    assert found.whole.endswith(found.words)


def told(zoom: Advisory, made: Batch, **fields: object) -> Message:
    """A mail of this batch that still waits."""
    reader = rows.recipient(zoom)
    values: dict[str, Any] = {"key": f"{made.pk}", "kind": "notice", "revision": zoom.current, **fields}
    message = Message.objects.create(batch=made, person=reader.person, advisory=zoom, recipient=reader, **values)
    done()
    return message


@pytest.mark.parametrize(("rank", "hours"), [(0, 2), (1, 2), (2, 12), (9, 12)])
def test_a_mailbox_that_defers_wakes_nobody_for_hours(rank: int, hours: int, now: datetime, zoom: Advisory) -> None:
    put_off = batch(now, zoom, age=3_600 * hours - 5, rank=rank, not_before=now + MINUTE, attempt=4)
    told(zoom, put_off, attempt=3, error="451 4.7.1 greylisted")
    assert kinds(now) == []
    found = only(now + timedelta(seconds=6))
    assert (found.kind, found.since) == ("waiting", put_off.made_at)
    assert "by an answer about its own address, 4 times at most" in found.says
    assert found.words == "451 4.7.1 greylisted"


def test_what_the_route_cant_take_is_found_in_minutes_beside_a_mailbox_that_defers(
    now: datetime, zoom: Advisory
) -> None:
    single = batch(now, zoom, age=9_000, not_before=now + MINUTE, attempt=5)
    told(zoom, single, attempt=4, error="451 4.7.1 greylisted")
    whole = batch(now, zoom, age=700, not_before=now + MINUTE, attempt=2)
    told(zoom, whole, error="421 4.3.2 not now")
    found = only(now)
    assert found.since == single.made_at
    assert "Up to 20 mails" in found.says
    assert "look at the mail server that EMAIL_URL names" in found.says
    assert found.words == "421 4.3.2 not now"


def test_mails_that_a_server_puts_off_one_by_one_keep_their_age(now: datetime, zoom: Advisory) -> None:
    first = batch(now, zoom, age=3_600, not_before=now + MINUTE, attempt=1)
    mail = told(zoom, first)
    assert kinds(now) == ["waiting ADV-2020-0017"]
    with connection.cursor() as cursor:
        said: dict[str, Any] = {"ids": [mail.pk], "errors": ["451 4.7.1 greylisted"]}
        cursor.execute(DEFER, {"batch": first.pk, "until": now + MINUTE, "attempt": 1, **said})
    Batch.objects.filter(pk=first.pk).update(done_at=now)
    assert kinds(now) == []
    Heartbeat.objects.filter(process="beat").update(at=now + 61 * MINUTE)
    Batch.objects.filter(done_at=None).update(not_before=now + 62 * MINUTE)
    assert "waiting ADV-2020-0017" in kinds(now + 61 * MINUTE)


# --- an advisory that goes on ---


def went_on(kind: str, at: datetime, zoom: Advisory) -> None:
    """As the verb writes it down."""
    Record.objects.create(kind=kind, subject=zoom.reference, at=at, digest="")


def stood(what: str, now: datetime, zoom: Advisory) -> None:
    """Something that was to be done hours ago."""
    if what == "mail":
        batch(now, zoom, age=9_000)
    elif what == "waiting":
        batch(now, zoom, age=9_000, not_before=now + 30 * MINUTE, attempt=3)
    elif what == "held":
        held = rows.relay(zoom, "department", state="held")
        Relay.objects.filter(pk=held.pk).update(held_until=now - timedelta(hours=3))
    else:
        top = rows.relay(zoom, "department")
        rows.relay(zoom, "agency", parent=top, state="planned")
        Relay.objects.filter(pk=top.pk).update(released_at=now - timedelta(hours=3))


@pytest.mark.parametrize("verb", ["went on", "reviewed"])
@pytest.mark.parametrize(("what", "minutes"), [("mail", 2), ("waiting", 10), ("held", 2), ("wave", 2)])
def test_what_goes_on_is_measured_from_when_it_went_on(
    what: str, minutes: int, verb: str, now: datetime, zoom: Advisory
) -> None:
    stood(what, now, zoom)
    went_on("went on", now - timedelta(hours=2), zoom)
    assert kinds(now) == [f"{what} {zoom.reference}"]
    at = now - minutes * MINUTE + timedelta(seconds=5)
    went_on(verb, at, zoom)
    record.write("acknowledged", zoom.reference)
    assert kinds(now) == []
    found = only(now + timedelta(seconds=6))
    assert (found.kind, found.since) == (what, at)


def test_that_it_went_on_is_found_below_many_answers(now: datetime, zoom: Advisory) -> None:
    stood("held", now, zoom)
    at = now - 2 * MINUTE + timedelta(seconds=5)
    went_on("went on", at, zoom)
    entries = [Record(kind="acknowledged", subject=zoom.reference, at=now, digest="") for _ in range(1_200)]
    Record.objects.bulk_create(entries)
    assert kinds(now) == []
    found = only(now + timedelta(seconds=6))
    assert (found.kind, found.since) == ("held", at)


def test_one_advisory_that_goes_on_excuses_no_other(now: datetime, zoom: Advisory) -> None:
    other = rows.advisory("ADV-2020-0018")
    done()
    for made in (zoom, other, None):
        batch(now, made, age=9_000, rank=1)
    went_on("went on", now, zoom)
    assert sorted(kinds(now)) == ["mail", "mail ADV-2020-0018"]


def test_a_press_lets_a_stopped_advisory_go_on_without_an_alarm() -> None:
    office = Office()
    advisory = office.publish().advisory
    cascade(advisory.pk)
    now = timezone.now()
    advisory.batches.update(made_at=now - timedelta(hours=3), not_before=now - timedelta(hours=3))
    stop(advisory, office.ada)
    assert rows_of_mail(timezone.now()) == []
    go_on(advisory, office.ada)
    assert rows_of_mail(timezone.now()) == []
    assert rows_of_mail(timezone.now() + 3 * MINUTE) == [advisory.reference]


def rows_of_mail(now: datetime) -> list[str]:
    """The advisories of which mail may leave, and does not."""
    return [str(row[0]) for row in not_leaving(View(now))]


# --- the wave ---


def test_a_hold_that_nobody_released_in_time_is_found(now: datetime, zoom: Advisory) -> None:
    held = rows.relay(zoom, "department", state="held")
    Relay.objects.filter(pk=held.pk).update(held_until=now - MINUTE)
    assert kinds(now) == []
    Relay.objects.filter(pk=held.pk).update(held_until=now - 3 * MINUTE)
    assert only(now).says.startswith("1 body of ADV-2020-0017 should have been released")
    Advisory.objects.update(stopped_at=now)
    assert kinds(now) == []


def test_a_body_that_the_wave_did_not_reach_is_found(now: datetime, zoom: Advisory) -> None:
    top = rows.relay(zoom, "department")
    below = rows.relay(zoom, "agency", parent=top, state="planned")
    Relay.objects.filter(pk=top.pk).update(released_at=now - MINUTE)
    assert kinds(now) == []
    Relay.objects.filter(pk=top.pk).update(released_at=now - 3 * MINUTE)
    assert kinds(now) == ["wave ADV-2020-0017"]
    Relay.objects.filter(pk=below.pk).update(purpose="left")
    assert kinds(now) == []


# --- what has no time of its own ---


def left(zoom: Advisory, what: str) -> None:
    """Something that a cascade, or a folder, has still to do."""
    relay = rows.relay(zoom, "department")
    if what in ("stale", "to_tell"):
        Relay.objects.filter(pk=relay.pk).update(**{what: True})
    elif what == "queued":
        Advisory.objects.update(queued=None)
    elif what == "note":
        relay.notes.create(text="Ask us.", by=zoom.written_by, mail_asked_at=timezone.now())
    elif what == "seen":
        Change.objects.create(xid8=5, body_id=1)
        Advisory.objects.update(seen=4)
    elif what == "put in":
        Advisory.objects.update(seen=None)
    else:
        Delta.objects.create(advisory=zoom, targeted=1)


LEFT = {
    "stale": "cascade ADV-2020-0017",
    "to_tell": "cascade ADV-2020-0017",
    "queued": "cascade ADV-2020-0017",
    "note": "cascade ADV-2020-0017",
    "seen": "changes ADV-2020-0017",
    "put in": "changes ADV-2020-0017",
    "delta": "figures ADV-2020-0017",
}


@pytest.mark.parametrize("what", LEFT)
def test_work_that_stood_still_from_one_audit_to_the_next_is_found(what: str, now: datetime, zoom: Advisory) -> None:
    Delta.objects.all().delete()
    left(zoom, what)
    assert kinds(now) == []
    audited(now)
    assert not watch.troubles().exists()
    later = now + 2 * MINUTE
    audited(later)
    assert kinds(later) == [LEFT[what]]
    trouble = watch.troubles().get()
    assert (trouble.began_at, trouble.over_at) == (now, None)


def test_work_that_moves_is_no_trouble_however_long_it_lasts(now: datetime, zoom: Advisory) -> None:
    several = [rows.relay(zoom, f"body-{n}") for n in range(4)]
    Relay.objects.update(stale=True)
    for n, relay in enumerate(several):
        audited(now + 2 * n * MINUTE)
        assert not watch.troubles().exists()
        Relay.objects.filter(pk=relay.pk).update(stale=False)
    audited(now + 8 * MINUTE)
    assert not Trouble.objects.exists()  # and the auditor's own notes are gone with it


def test_a_cascade_that_makes_way_for_a_more_severe_one_does_not_stand_still(now: datetime, zoom: Advisory) -> None:
    severe = rows.advisory("ADV-2020-0018")
    Advisory.objects.filter(pk=severe.pk).update(severity="critical")
    done()
    several = [rows.relay(severe, f"body-{n}") for n in range(3)]
    rows.relay(zoom, "department")
    Relay.objects.update(stale=True)
    audited(now)
    Relay.objects.filter(pk=several[0].pk).update(stale=False)
    audited(now + 2 * MINUTE)
    assert not watch.troubles().exists()
    audited(now + 4 * MINUTE)
    assert {trouble.subject for trouble in watch.troubles()} == {severe.reference, zoom.reference}


def test_an_audience_that_is_planned_and_seated_for_long_leaves_no_change_unseen(now: datetime, zoom: Advisory) -> None:
    Advisory.objects.update(seen=None)
    for n in range(3):
        rows.relay(zoom, f"planned-{n}")
        Relay.objects.update(stale=True)
        audited(now + 2 * n * MINUTE)
        assert not watch.troubles().exists()
    for n, relay in enumerate(list(Relay.objects.all()), start=3):
        Relay.objects.filter(pk=relay.pk).update(stale=False)
        audited(now + 2 * n * MINUTE)
        assert not watch.troubles().exists()
    audited(now + 12 * MINUTE)  # nothing was left but to note that all is planned
    assert watch.troubles().get().kind == "changes"


def test_an_audience_that_stands_still_is_told_as_one_cascade(now: datetime, zoom: Advisory) -> None:
    left(zoom, "stale")
    Advisory.objects.update(seen=None)
    audited(now)
    audited(now + 2 * MINUTE)
    assert [trouble.kind for trouble in watch.troubles()] == ["cascade"]


@pytest.mark.parametrize("seen", [None, 4])
def test_changes_wait_without_an_alarm_while_a_more_severe_advisory_moves(
    seen: int | None, now: datetime, zoom: Advisory
) -> None:
    severe = rows.advisory("ADV-2020-0018")
    Advisory.objects.filter(pk=severe.pk).update(severity="critical")
    done()
    Change.objects.create(xid8=5, body_id=1)
    Advisory.objects.filter(pk=zoom.pk).update(seen=seen)
    several = [rows.relay(severe, f"body-{n}") for n in range(3)]
    Relay.objects.update(stale=True)
    for n, relay in enumerate(several):
        audited(now + 2 * n * MINUTE)
        assert not watch.troubles().exists()
        Relay.objects.filter(pk=relay.pk).update(stale=False)
    audited(now + 6 * MINUTE)
    assert not watch.troubles().exists()
    audited(now + 8 * MINUTE)
    assert [(trouble.kind, trouble.subject) for trouble in watch.troubles()] == [("changes", zoom.reference)]


def test_a_large_body_that_is_compared_piece_by_piece_does_not_stand_still(now: datetime, zoom: Advisory) -> None:
    left(zoom, "stale")
    for n in range(3):
        Relay.objects.update(compared_upto=n or None)
        audited(now + 2 * n * MINUTE)
        assert not watch.troubles().exists()
    audited(now + 6 * MINUTE)
    assert watch.troubles().get().kind == "cascade"


def test_a_stopped_cascade_does_not_stand_still(now: datetime, zoom: Advisory) -> None:
    left(zoom, "stale")
    Advisory.objects.update(stopped_at=now)
    audited(now)
    audited(now + 2 * MINUTE)
    assert not watch.troubles().exists()


def test_changes_that_a_long_transaction_keeps_from_being_ticked_off_are_not_told(
    now: datetime, zoom: Advisory
) -> None:
    under_way = 2**61  # as if everything before it were still under way: `seen` can't come further
    Change.objects.create(xid8=under_way + 1, body_id=1)
    Advisory.objects.update(seen=under_way)
    audited(now)
    audited(now + 2 * MINUTE)
    assert not watch.troubles().exists()


# --- who does the work ---


def test_a_silent_beat_is_found_and_one_that_never_was(now: datetime) -> None:
    Heartbeat.objects.filter(process="beat").update(at=now - timedelta(seconds=29))
    assert kinds(now) == []
    Heartbeat.objects.filter(process="beat").update(at=now - timedelta(seconds=31))
    assert only(now).says.startswith("The beat has been silent for 31 s: start it anew")
    Heartbeat.objects.filter(process="beat").delete()
    assert only(now).says.startswith("No beat was ever seen")


def test_redis_that_is_away_is_said_and_workers_are_not_blamed_for_it(now: datetime, settings: SettingsWrapper) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert kinds(now) == ["broker"]


# --- writing down ---


def test_a_trouble_is_opened_once_kept_up_to_date_and_closed(now: datetime, zoom: Advisory) -> None:
    waits = batch(now, zoom, age=300)
    audited(now)
    batch(now, zoom, age=300)
    audited(now + 2 * MINUTE)
    trouble = watch.troubles().get()
    assert (trouble.kind, trouble.subject, trouble.began_at) == ("mail", zoom.reference, waits.not_before)
    assert trouble.seen_at == now + 2 * MINUTE
    assert "20 mails" in trouble.says
    zoom.batches.update(done_at=now)
    audited(now + 4 * MINUTE)
    trouble.refresh_from_db()
    assert trouble.over_at == now + 4 * MINUTE
    batch(now, zoom, age=300)
    audited(now + 6 * MINUTE)
    assert watch.troubles().count() == 2


def test_an_audit_right_after_another_leaves_it_at_that(now: datetime) -> None:
    assert watch.audit(now)
    assert not watch.audit(now + MINUTE)
    assert watch.audit(now + 2 * MINUTE)


@pytest.mark.django_db(transaction=True)
def test_one_audit_at_a_time(now: datetime) -> None:
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtext('alerts.audit'))")
            assert not watch.audit(now)
            cursor.execute("SELECT pg_advisory_unlock(hashtext('alerts.audit'))")
    finally:
        other.close()
    assert watch.audit(now)


def test_what_was_over_for_three_months_is_forgotten(now: datetime) -> None:
    old = now - timedelta(days=91)
    Trouble.objects.create(kind="mail", says="x", began_at=old, seen_at=old, over_at=old)
    audited(now)
    assert not Trouble.objects.exists()


def test_an_auditor_that_nobody_rings_for_is_found(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "audit_every", lambda: timedelta(seconds=-1))  # the worker is known for long enough
    Heartbeat.objects.create(process="audit", at=now - timedelta(hours=1))
    assert only(now).kind == "audit"
    Heartbeat.objects.filter(process="audit").delete()
    assert only(now).says.startswith("The auditor never ran")


def test_every_kind_of_finding_has_its_check() -> None:
    named = [kind for check in watch.CHECKS for kind in check.kinds]
    assert len(set(named)) == len(named)
    assert {"broker", "beat", "worker", "workers", "audit", "mail", "waiting", "held", "wave"} <= set(named)
    assert {"cascade", "changes", "figures"} <= set(named)


def test_a_look_asks_no_more_for_many_advisories_than_for_one(now: datetime, zoom: Advisory) -> None:
    with CaptureQueriesContext(connection) as few:
        watch.look(now)
    for n in range(10):
        made = rows.advisory(f"ADV-2020-1{n:03}")
        rows.relay(made, f"stale-{n}", state="planned")
        batch(now, made, age=1_000)
    with CaptureQueriesContext(connection) as many:
        assert len(watch.look(now)) == 10
    assert len(many) <= len(few) + 1 <= 12  # the auditor's notes are read where there is something to compare them with


# --- by hand ---


def test_an_operator_reads_one_line_a_finding(
    now: datetime, zoom: Advisory, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("audit")
    assert capsys.readouterr().out == "All is well.\n"
    batch(now, zoom, age=300)
    with pytest.raises(SystemExit) as ended:
        call_command("audit")
    assert ended.value.code == 1
    said = capsys.readouterr().out
    assert said.startswith("mail ADV-2020-0017: Up to 10 mails of ADV-2020-0017 may leave")
    assert said.count("\n") == 1
    assert not Trouble.objects.exists()
    assert WORKER not in said
