"""Links work as long as their advisory, across a change of keys; and nothing starts with keys that would break one."""

import subprocess
import sys
from datetime import timedelta

import pytest
from django.core import checks
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from alerts import links, tokens
from alerts.answering import acknowledge
from alerts.cascading.cascade import cascade
from alerts.delivery.deliver import deliver
from alerts.models import Advisory, LinkKey, Recipient, State
from config.start import refuse_what_breaks
from tests import rows
from tests.office import Office
from tests.smtp import Server

pytestmark = pytest.mark.django_db

OLD, NEW = "the key of last year, long enough", "the key of this year, long enough"


def live(reference: str = "ADV-2020-0017", key: str = OLD) -> Advisory:
    advisory = rows.advisory(reference)
    LinkKey.objects.create(advisory=advisory, fingerprint=tokens.fingerprint(key))
    return advisory


def found() -> list[str]:
    return [str(one.msg) for one in checks.run_checks(tags=[links.TAG], databases=["default"])]


def ended(advisory: Advisory, state: str, ago: timedelta) -> None:
    when = timezone.now() - ago
    if state == State.STOOD_DOWN:
        with connection.cursor() as cursor:  # a revision never changes, but in a test that makes time pass
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("UPDATE alerts_revision SET at = %s WHERE id = %s", [when, advisory.current_id])
            cursor.execute("SET LOCAL session_replication_role = origin")
    Advisory.objects.filter(pk=advisory.pk).update(state=state, review_by=when)


@override_settings(SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=[])
def test_taking_away_the_key_of_a_live_advisory_is_an_error_that_names_it_and_says_what_to_do() -> None:
    live()
    assert len(found()) == 1
    assert "ADV-2020-0017" in found()[0]
    with pytest.raises(SystemExit, match="SECRET_KEY_FALLBACKS"):
        refuse_what_breaks()


@override_settings(SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=[OLD])
def test_a_key_that_was_rotated_into_the_fallbacks_breaks_nothing() -> None:
    live()
    assert found() == []
    refuse_what_breaks()


@override_settings(SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=[])
def test_what_is_over_for_longer_than_its_grace_needs_its_key_no_more() -> None:
    young, old = live("ADV-2020-0018"), live("ADV-2020-0019")
    for state in (State.STOOD_DOWN, State.EXPIRED):
        ended(young, state, links.GRACE - timedelta(days=1))
        ended(old, state, links.GRACE + timedelta(days=1))
        assert len(found()) == 1
        assert "ADV-2020-0018" in found()[0]
        assert "ADV-2020-0019" not in found()[0]


@override_settings(SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=[])
def test_many_broken_advisories_are_not_all_named() -> None:
    for number in range(8):
        live(f"ADV-2020-01{number:02}")
    assert "and 3 more" in found()[0]


def test_without_a_database_to_ask_the_check_says_nothing() -> None:
    live()
    assert checks.run_checks(tags=[links.TAG]) == []


def test_a_link_works_through_the_grace_and_then_no_more() -> None:
    advisory = rows.advisory()
    reader = rows.recipient(advisory, rows.relay(advisory, "treasury"))
    token = tokens.make(reader.pk, 0)
    for state in (State.STOOD_DOWN, State.EXPIRED):
        ended(advisory, state, links.GRACE - timedelta(days=1))
        assert acknowledge.find(token) == reader
        ended(advisory, state, links.GRACE + timedelta(days=1))
        assert acknowledge.find(token) is None


@pytest.mark.django_db(transaction=True)
def test_the_key_is_noted_once_before_the_first_mail_leaves(office: Office, server: Server) -> None:
    advisory = office.publish().advisory
    cascade(advisory.pk)
    assert not LinkKey.objects.exists()
    noted: list[bool] = []

    def look() -> None:
        noted.append(LinkKey.objects.exists())
        connection.close()  # this thread's own

    server.on_mail = look
    while deliver():
        pass
    assert noted
    assert all(noted)
    assert LinkKey.objects.get().advisory == advisory
    assert found() == []
    with override_settings(SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=[]):
        assert len(found()) == 1
        assert acknowledge.find(tokens.make(Recipient.objects.all()[0].pk, 0)) is not None


def test_a_fingerprint_says_nothing_of_the_key_and_differs_from_every_token() -> None:
    one, other = tokens.fingerprint(OLD), tokens.fingerprint(NEW)
    assert one != other
    assert len(one) == len(other) == tokens.SIGNATURE
    assert tokens.read("1" + one) is None


def test_web_does_not_start_where_links_would_break() -> None:
    """The very door that gunicorn goes through."""
    code = (
        "import config.start as s\n"
        "def refuse(): raise SystemExit('alerts.E001: no')\n"
        "s.refuse_what_breaks = refuse\n"
        "import config.wsgi"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            "DEBUG": "1",
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            "REDIS_URL": "redis://127.0.0.1:1/0",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "alerts.E001" in done.stderr
