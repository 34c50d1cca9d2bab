"""Loading through the page: compared first, loaded by a second press, once and whole, whatever dies in between."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import IntegrityError, OperationalError, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from structlog.testing import capture_logs

from departments import uploads
from departments.loading import load_bodies
from departments.models import Body, BodyEvent, Membership, Person, Upload
from departments.refusal import Refused
from tests.rows import body, person

pytestmark = pytest.mark.django_db

BODIES = b"slug,name,kind,parent,topics\nministry,The Ministry,department,,cyber\nagency,The Agency,agency,ministry,\n"
PEOPLE = b"email,name,body,role\nada@load.example,Ada Example,ministry,contact\n"
BROKEN = b"slug,name,kind,parent,topics\nministry,,department,,\nagency,The Agency,agency,nowhere,\n"


@pytest.fixture
def ann() -> Person:
    """An administrator."""
    return person("Ann Administrator", is_administrator=True)


def put(by: Person, content: bytes = BODIES, what: str = "bodies") -> Upload:
    return uploads.put(what, "estate.csv", content, by)


def compared(by: Person, content: bytes = BODIES, what: str = "bodies") -> Upload:
    made = put(by, content, what)
    while uploads.run_waiting():
        pass
    made.refresh_from_db()
    return made


def loaded(by: Person, content: bytes = BODIES, what: str = "bodies", **how: bool) -> Upload:
    made = compared(by, content, what)
    uploads.decide(made, True, by, **how)
    uploads.run_waiting()
    made.refresh_from_db()
    return made


def client_of(who: Person) -> Client:
    client = Client()
    client.force_login(who, "departments.signing_in.DutyBackend")
    return client


def text(client: Client, of: Upload) -> str:
    answer = client.get(reverse("uploads:one", args=[of.pk]))
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def a_turn() -> None:
    """A worker's turn, in a thread of its own."""
    try:
        uploads.run_waiting()
    finally:
        connection.close()


# --- the verbs ---


def test_a_file_is_compared_and_changes_nothing(ann: Person) -> None:
    made = compared(ann)
    assert made.state == "compared"
    assert not Body.objects.exists()
    assert made.report["lists"][0] == {
        "kind": "new",
        "count": 2,
        "lines": made.report["lists"][0]["lines"],
        "rest": 0,
    }
    assert made.report["lists"][0]["lines"][0].startswith("new: ")
    assert made.content is not None


def test_the_second_press_loads_it_in_the_name_of_who_pressed(ann: Person) -> None:
    made, other = compared(ann), person("Bob Second", is_administrator=True)
    uploads.decide(made, True, other)
    assert uploads.run_waiting() == 1
    made.refresh_from_db()
    assert (made.state, made.content, made.report["decided_by_name"]) == ("loaded", None, "Bob Second")
    assert made.settled_at is not None
    assert made.report["loaded"] == "2 new, 1 topics added."
    assert set(BodyEvent.objects.values_list("by__name", flat=True)) == {"Bob Second"}


def test_people_are_loaded_as_well(ann: Person) -> None:
    body("ministry")
    assert loaded(ann, PEOPLE, "people").state == "loaded"
    assert Membership.objects.get(person__email="ada@load.example").role == "contact"


def test_put_aside_leaves_the_directory_and_keeps_no_content(ann: Person) -> None:
    made = compared(ann)
    uploads.decide(made, False, ann)
    made.refresh_from_db()
    assert (made.state, made.content) == ("put-aside", None)
    assert uploads.run_waiting() == 0
    assert not Body.objects.exists()


def test_the_same_decision_twice_is_one(ann: Person) -> None:
    made = compared(ann)
    uploads.decide(made, True, ann)
    uploads.decide(made, True, ann)
    uploads.run_waiting()
    assert uploads.decide(made, True, ann).state == "loaded"
    assert uploads.run_waiting() == 0
    assert BodyEvent.objects.count() == 2


def test_a_decision_is_not_turned_round(ann: Person) -> None:
    one, other = compared(ann), compared(ann)
    uploads.decide(one, True, ann)
    with pytest.raises(Refused, match="was decided by Ann Administrator already"):
        uploads.decide(one, False, ann)
    uploads.decide(other, False, ann)
    with pytest.raises(Refused, match="put aside by Ann Administrator already"):
        uploads.decide(other, True, ann)


def test_nobody_decides_before_the_comparison_or_about_what_was_refused(ann: Person) -> None:
    with pytest.raises(Refused, match="still being compared"):
        uploads.decide(put(ann), True, ann)
    with pytest.raises(Refused, match="It was refused"):
        uploads.decide(compared(ann, BROKEN), True, ann)


def test_a_file_that_is_not_understood_says_each_line_and_loads_nothing(ann: Person) -> None:
    made = compared(ann, BROKEN)
    assert (made.state, made.content) == ("refused", None)
    assert made.report["wrong"]["count"] == 2
    assert [where for where, _ in made.report["wrong"]["lines"]] == ["line 2", "line 3"]
    assert not Body.objects.exists()


@pytest.mark.parametrize(
    "content",
    [b"\x89PNG\r\n\x1a\n\x00\x00", b"slug,name\0,kind,parent,topics\n", b"\xff\xfeh\0", b"{", b'{"results": 3}', b"\n"],
)
def test_binary_and_strange_files_are_refused_in_words(ann: Person, content: bytes) -> None:
    made = compared(ann, content)
    assert made.state == "refused"
    assert made.report["wrong"]["count"] > 0


@pytest.mark.parametrize(("what", "content"), [("bodies", b""), ("cats", BODIES), ("", BODIES)])
def test_an_empty_file_or_an_unknown_kind_is_not_taken_in(ann: Person, what: str, content: bytes) -> None:
    with pytest.raises(Refused, match="Nothing was taken in"):
        uploads.put(what, "x.csv", content, ann)
    assert not Upload.objects.exists()


def test_a_file_that_is_too_large_is_not_taken_in(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LARGEST", len(BODIES) - 1)
    with pytest.raises(Refused, match="split it"):
        put(ann)
    monkeypatch.setattr(uploads, "LARGEST", len(BODIES))
    assert put(ann).size == len(BODIES)


@pytest.mark.parametrize("name", ["a\0b\n" + "ü" * 400 + ".csv", "", "\u202egpj.exe", "<script>"])
def test_any_name_of_a_file_is_kept_readable(ann: Person, name: str) -> None:
    made = uploads.put("bodies", name, BODIES, ann)
    made.refresh_from_db()
    assert 0 < len(made.name) <= 255
    assert made.name.isprintable()


@pytest.mark.parametrize("fields", [{}, {"is_auditor": True}])
def test_only_administrators_load(ann: Person, fields: dict[str, bool]) -> None:
    other = person("Somebody Else", **fields)
    with pytest.raises(Refused, match="Only administrators"):
        put(other)
    with pytest.raises(Refused, match="Only administrators"):
        uploads.decide(compared(ann), True, other)


def test_a_long_list_is_cut_and_the_rest_counted(ann: Person) -> None:
    rows = "".join(f"team-{number},Team {number},team,,\n" for number in range(700))
    made = compared(ann, b"slug,name,kind,parent,topics\n" + rows.encode())
    new = made.report["lists"][0]
    assert (new["count"], len(new["lines"]), new["rest"]) == (700, 500, 200)
    assert "... and 200 more" in text(client_of(ann), made)


def test_a_file_that_nobody_decides_about_is_put_aside_after_a_week(ann: Person) -> None:
    old, fresh = compared(ann), compared(ann)
    Upload.objects.filter(pk=old.pk).update(at=timezone.now() - timedelta(days=8))
    uploads.run_waiting()
    old.refresh_from_db()
    fresh.refresh_from_db()
    assert (old.state, old.content, fresh.state) == ("put-aside", None, "compared")
    assert "nobody had decided for a week" in text(client_of(ann), old)


REDUCED = b"slug,name,kind,parent,topics\nministry,The Ministry,department,,cyber\n"


def test_bodies_that_are_missing_are_closed_only_where_the_box_was_ticked(ann: Person) -> None:
    loaded(ann)
    stays = loaded(ann, REDUCED)
    assert (stays.state, stays.close_missing) == ("loaded", False)
    assert stays.report["loaded"] == (
        "Nothing differed any more, so nothing was written. 1 missing from the file stayed as they are."
    )
    assert Body.objects.get(slug="agency").closed is None
    closes = loaded(ann, REDUCED, close_missing=True)
    assert closes.report["loaded"] == "1 closed."
    assert Body.objects.get(slug="agency").closed is not None
    assert "not in estate.csv any more" in str(BodyEvent.objects.get(what="closed").after)


def test_what_nobody_saw_is_not_closed(ann: Person) -> None:
    loaded(ann)
    made = compared(ann, REDUCED)
    Body.objects.create(
        slug="newcomer", name="The Newcomer", kind="agency", register=Body.objects.get(slug="agency").register
    )
    uploads.decide(made, True, ann, close_missing=True)
    uploads.run_waiting()
    assert not Body.objects.exclude(closed=None).exists()
    uploads.run_waiting()
    made.refresh_from_db()
    assert (made.state, made.report["missing"]["count"], made.close_missing) == ("compared", 2, False)
    assert "decide once more" in text(client_of(ann), made)
    uploads.decide(made, True, ann, close_missing=True)
    uploads.run_waiting()
    made.refresh_from_db()
    assert (made.state, made.report["loaded"]) == ("loaded", "2 closed.")


def test_a_file_that_uses_up_its_time_harms_no_other(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    slow, innocent = put(ann), put(ann, PEOPLE, "people")
    with monkeypatch.context() as patch:
        patch.setattr(uploads, "load_bodies", die(SoftTimeLimitExceeded()))
        uploads.run_waiting()
    innocent.refresh_from_db()
    slow.refresh_from_db()
    assert (slow.state, innocent.state, innocent.report) == ("refused", "comparing", {})
    uploads.run_waiting()
    innocent.refresh_from_db()
    assert "no body" in str(innocent.report["wrong"])  # for what it says, and not for the time of another


def test_the_tick_box_is_there_only_where_something_is_missing(ann: Person) -> None:
    client = client_of(ann)
    assert "close_missing" not in text(client, compared(ann))
    loaded(ann)
    made = compared(ann, REDUCED)
    page = text(client, made)
    assert "Also close the 1 body that is missing from the file" in page
    assert "The Agency</a> (agency)" in page
    client.post(reverse("uploads:decide", args=[made.pk]), {"do": "load", "close_missing": "yes"})
    uploads.run_waiting()
    assert "They were closed with the load." in text(client, made)


@pytest.mark.parametrize("name", ["../../etc/passwd", "...", "a/" * 100, "ü" * 255])
def test_any_name_of_a_file_can_be_loaded(ann: Person, name: str) -> None:
    made = uploads.put("bodies", name, BODIES, ann)
    uploads.run_waiting()
    made.refresh_from_db()
    assert made.state == "compared"


# --- what goes wrong in the middle ---


class Killed(BaseException):
    """The worker is gone."""


def die(error: BaseException) -> Any:
    """A loader that writes a body and then fails so."""

    def load(*args: object, **options: object) -> None:
        body("half-a-load")
        raise error

    return load


def test_a_worker_killed_in_the_middle_leaves_everything_as_it_was(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = compared(ann)
    uploads.decide(made, True, ann)
    with monkeypatch.context() as patch:
        patch.setattr(uploads, "load_bodies", die(Killed()))
        with pytest.raises(Killed):
            uploads.run_waiting()
    made.refresh_from_db()
    assert made.state == "loading"
    assert not Body.objects.exists()
    assert uploads.run_waiting() == 1
    assert set(Body.objects.values_list("slug", flat=True)) == {"ministry", "agency"}


def test_an_unexpected_error_refuses_the_file_and_names_only_its_class_in_the_log(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = compared(ann)
    uploads.decide(made, True, ann)
    monkeypatch.setattr(uploads, "load_bodies", die(IntegrityError("(email)=(ada@secret.example)")))
    with capture_logs() as lines:
        uploads.run_waiting()
    made.refresh_from_db()
    assert (made.state, made.content) == ("refused", None)
    assert f"upload {made.pk}" in made.report["refused"]
    assert not Body.objects.exists()
    assert "IntegrityError" in str(lines)
    assert "secret" not in str(lines) + str(made.report)


def test_a_database_that_was_busy_lets_the_file_wait_and_the_next_one_pass(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = put(ann), put(ann, PEOPLE, "people")
    monkeypatch.setattr(uploads, "load_bodies", die(OperationalError("deadlock detected")))
    uploads.run_waiting()
    one.refresh_from_db()
    other.refresh_from_db()
    assert (one.state, other.state) == ("comparing", "refused")
    monkeypatch.undo()


def test_no_file_waits_for_ever(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    made = put(ann)
    monkeypatch.setattr(uploads, "load_bodies", die(Killed()))
    for _ in range(uploads.MOST_STARTS):
        with pytest.raises(Killed):
            uploads.run_waiting()
    uploads.run_waiting()
    made.refresh_from_db()
    assert made.state == "refused"
    assert "begun 5 times" in made.report["refused"]


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_load_one_file_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    ann = person("Ann Administrator", is_administrator=True)
    made = compared(ann)
    uploads.decide(made, True, ann)
    inside, go_on, really = threading.Event(), threading.Event(), load_bodies
    calls = []

    def slow(*args: Any, **options: Any) -> Any:
        calls.append(threading.current_thread().name)
        inside.set()
        assert go_on.wait(20)
        return really(*args, **options)

    monkeypatch.setattr(uploads, "load_bodies", slow)

    first = threading.Thread(target=a_turn)
    first.start()
    assert inside.wait(20)
    assert uploads.run_waiting() == 0
    assert uploads.decide(made, True, ann).state == "loading"  # a further press does not wait for the worker
    go_on.set()
    first.join(20)
    made.refresh_from_db()
    assert made.state == "loaded"
    assert len(calls) == 1
    assert BodyEvent.objects.count() == 2
