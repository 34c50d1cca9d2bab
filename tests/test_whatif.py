"""Trying an advisory on a register of one's own: who would not hear it; nothing kept, nobody held up, nothing real read."""

import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from alerts.publishing import whatif as verb
from alerts.publishing.advisory_file import parsed
from alerts.publishing.draft import from_file
from alerts.publishing.reach import reach
from alerts.publishing.shadow import shadow
from alerts.publishing.whatif import NotTried, Sheet, whatif
from alerts.web import whatif as page_of
from departments.loading import load_bodies, load_people
from departments.models import Body, Membership, Person, Remit, Role, Topic, Upload
from departments.readiness import refresh, refresh_whole
from departments.web import upload_limit
from tests.browser import LOOKS, faults, open_page
from tests.clients import signed_in
from tests.rows import body, person

pytestmark = pytest.mark.django_db(transaction=True)

BODIES = """slug,name,kind,parent,topics,sponsors
realm,The Realm,government,,,
ministry,The Ministry,department,realm,cyber,
agency,The Agency,agency,ministry,,
mint,The Mint,public body,realm,,bank
assembly,The Assembly,parliament,,,
china-committee,China Committee,committee,assembly,china;cyber,
trade-committee,Trade Committee,committee,assembly,china,
bank,The Bank,public corporation,,,
"""
PEOPLE = """email,name,body,role,hours
ada@own.example,Ada Own,ministry,contact,out
ben@own.example,Ben Own,ministry,member,
ben@own.example,Ben Own,agency,member,
cas@own.example,Cas Own,realm,head,
"""
ADVISORY = {
    "title": "Do not use Zoom for confidential business",
    "open_title": "Advice on video meetings",
    "severity": "high",
    "marking": "AMBER",
    "summary": "Meetings may be overheard.",
    "topics": ["china", "cyber", "weather"],
    "actions": [{"text": "Move closed meetings", "due": "P7D"}],
    "audience": {"branches": ["realm"]},
}


Test = TypeVar("Test", bound=Callable[..., None])


class Files:
    """The three files of somebody who tries."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.advisory, self.bodies, self.people = (folder / name for name in ("a.json", "bodies.csv", "people.csv"))
        self.write(ADVISORY, BODIES, PEOPLE)

    def write(self, advisory: object = None, bodies: str = "", people: str = "") -> None:
        """Write those that are given."""
        if advisory is not None:
            self.advisory.write_text(json.dumps(advisory))
        if bodies:
            self.bodies.write_text(bodies)
        if people:
            self.people.write_text(people)

    def tried(self, advisory: object = None, **how: Any) -> Sheet:
        """The sheet."""
        return whatif(ADVISORY if advisory is None else advisory, self.bodies, self.people, **how)

    def command(self) -> None:
        """As on the command line."""
        call_command("whatif", str(self.advisory), "--bodies", str(self.bodies), "--people", str(self.people))

    def posted(self, client: Client, **instead: bytes) -> Any:
        """As through the page."""
        content = {name: getattr(self, name).read_bytes() for name in ("advisory", "bodies", "people")} | instead
        files = {name: SimpleUploadedFile(f"{name}.txt", held) for name, held in content.items()}
        return client.post(reverse("whatif"), files)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
def no_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables themselves stand in for their copies, and are undone all the same: where there is nothing real in them, what
    a sheet says is no other, and making two hundred tables and indexes is most of what a try costs.
    """

    @contextmanager
    def undone(first: Callable[[], None] | None = None) -> Iterator[None]:
        with transaction.atomic():
            if first is not None:
                first()
            yield
            transaction.set_rollback(True)

    monkeypatch.setattr(verb, "shadow", undone)


def in_words(test: Test) -> Test:
    """Only what is said is looked at, in one transaction without copies."""
    marked: Test = pytest.mark.django_db(pytest.mark.usefixtures("no_copy")(test))
    return marked


@pytest.fixture
def connie() -> Person:
    """Somebody with a duty."""
    who = person("Connie Contact")
    Membership.objects.create(person=who, body=body("her-body"), role=Role.CONTACT)
    return who


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def gaps(sheet: Sheet) -> list[tuple[str, str, str]]:
    return [(branch, one.slug, one.why) for branch, bodies in sheet.unheard for one in bodies]


def everything() -> dict[str, Any]:
    """How many rows each table has, where each sequence stands, and which temporary tables there are."""
    models = [model for app in apps.get_app_configs() for model in app.get_models(include_auto_created=True)]
    with connection.cursor() as cursor:
        found: dict[str, Any] = {}
        for model in models:
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(model._meta.db_table)}")
            found[model._meta.db_table] = cursor.fetchone()
        cursor.execute("SELECT sequencename, last_value FROM pg_sequences ORDER BY 1, 2")
        found["sequences"] = cursor.fetchall()
        cursor.execute("SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()")
        found["temporary"] = cursor.fetchone()
        cursor.execute("SELECT current_setting('search_path'), current_setting('statement_timeout')")
        found["settings"] = cursor.fetchone()
    return found


def beside(act: Callable[[], object]) -> bool:
    """Whether this comes to an end on a connection of its own while we wait."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(20)
    assert failed == []
    return not thread.is_alive()


# --- what the sheet says ---


def test_those_who_would_not_hear_stand_first_by_branch_the_strongest_match_first(files: Files) -> None:
    sheet = files.tried()
    assert gaps(sheet) == [
        ("China Committee", "china-committee", "remit: china, cyber"),
        ("The Bank", "bank", "sponsors The Mint, which is told"),
        ("Trade Committee", "trade-committee", "remit: china"),
        ("The Mint", "mint", "nobody to tell"),
    ]
    assert (sheet.missed, sheet.outside, sheet.dark) == (4, 3, 1)
    assert (sheet.people, sheet.bodies, sheet.no_night) == (3, 4, 3)
    assert (sheet.title, sheet.severity, sheet.marking) == (ADVISORY["title"], "high", "AMBER")
    assert sheet.audience == ["The Realm, and everything below it"]
    assert (sheet.register.bodies, sheet.register.people, sheet.register.places) == (8, 3, 4)


def test_a_register_of_ones_own_gives_the_gaps_that_publishing_there_would_give(files: Files) -> None:
    tried = files.tried()
    load_bodies(files.bodies)
    load_people(files.people)
    refresh_whole()
    issuer, officer = body("centre"), person("Olive Officer")
    Body.objects.filter(pk=issuer.pk).update(may_issue=True)
    real = reach(from_file(ADVISORY, officer, issuer).advisory)
    assert gaps(tried) == [(gap.branch.name, gap.body.slug, gap.why) for gap in real.gaps]
    assert (tried.people, tried.bodies, tried.no_night) == (real.people, real.bodies, real.no_night)


@in_words
def test_a_subject_that_nobody_has_as_remit_is_said(files: Files) -> None:
    assert files.tried().unknown == ["weather"]


@in_words
def test_roles_topics_names_and_those_left_out_are_said(files: Files) -> None:
    audience = {
        "branches": ["realm"],
        "roles": ["contact"],
        "topics": ["cyber"],
        "people": ["CAS@own.example"],
        "exclusions": [{"body": "agency", "reason": "told otherwise"}],
    }
    sheet = files.tried({**ADVISORY, "audience": audience})
    assert sheet.audience == [
        "The Realm, and everything below it",
        "there, only people in these roles: contact (is told, relays, chases)",
        "there, only bodies with this remit: cyber",
        "by name: Cas Own",
    ]
    assert sheet.left_out == [("The Agency", "told otherwise")]
    assert (sheet.people, sheet.bodies) == (2, 1)


@in_words
def test_what_the_loaders_remarked_is_on_the_sheet(files: Files) -> None:
    files.write(people=PEOPLE + "cas@own.example,Cas Own,realm,head,\n")
    assert files.tried().remarks == [("people", ["line 6: stands at line 5 already"])]


@in_words
def test_an_advisory_that_replaces_another_is_tried_all_the_same(files: Files) -> None:
    sheet = files.tried({**ADVISORY, "supersedes": "ADV-1999-0001"})
    assert sheet.unknowable[-1] == "Whether it may replace ADV-1999-0001."


@in_words
def test_a_register_whose_bodies_sponsor_each_other_comes_to_an_end(files: Files) -> None:
    files.write(bodies=BODIES.replace("bank,The Bank,public corporation,,,", "bank,The Bank,public corporation,,,mint"))
    assert files.tried().bodies == 5


def test_the_real_directory_is_not_seen(files: Files) -> None:
    real = body("real-committee")
    Remit.objects.create(body=real, topic=Topic.objects.create(slug="china"))
    Membership.objects.create(person=person("Rita Real"), body=body("realm"), role=Role.MEMBER)
    sheet = files.tried()
    assert "real-committee" not in [slug for _, slug, _ in gaps(sheet)]
    assert (sheet.register.bodies, sheet.register.people) == (8, 3)
    with pytest.raises(NotTried, match="'real-committee' is not in the directory"):
        files.tried({**ADVISORY, "audience": {"branches": ["real-committee"]}})


# --- nothing is kept, and nobody waits ---


def test_nothing_is_kept(files: Files) -> None:
    load_bodies(files.bodies)
    load_people(files.people)
    before = everything()
    files.tried()
    files.tried(within=timedelta(seconds=30))
    assert everything() == before


@pytest.mark.parametrize("last", ["people: new", "counting who can be told", "writing the sheet"])
def test_nothing_is_kept_when_it_fails_in_the_middle(files: Files, last: str) -> None:
    before = everything()

    def fail(step: str) -> None:
        if step == last:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        files.tried(progress=fail)
    assert everything() == before


def test_nothing_is_kept_when_a_file_or_the_database_refuses(files: Files) -> None:
    before = everything()
    files.write(people="email,name,body,role\nx,y,z,king\n")
    with pytest.raises(NotTried):
        files.tried()

    def spoil(step: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    with pytest.raises(Exception, match="division by zero"):
        files.tried(progress=spoil)
    assert everything() == before


def test_a_real_load_a_refresh_and_a_draft_run_meanwhile_and_wait_for_nothing(files: Files) -> None:
    issuer, officer = body("centre"), person("Olive Officer")
    done: list[str] = []

    def meanwhile(step: str) -> None:
        if step == "writing the sheet":
            for name, act in (
                ("bodies", lambda: load_bodies(files.bodies)),
                ("people", lambda: load_people(files.people)),
                ("standings", refresh),
                ("draft", lambda: from_file(ADVISORY, officer, issuer)),
            ):
                assert beside(act), name
                done.append(name)

    sheet = files.tried(progress=meanwhile)
    assert done == ["bodies", "people", "standings", "draft"]
    assert Body.objects.filter(slug="mint").exists()
    assert sheet.register.bodies == 8


def test_what_is_held_meanwhile_keeps_nobody_from_writing(files: Files) -> None:
    held: list[tuple[str, str, str]] = []

    def look(step: str) -> None:
        if step == "writing the sheet":
            with connection.cursor() as cursor:
                cursor.execute(
                    """
                    SELECT l.locktype, c.relname, l.mode
                    FROM pg_locks l
                    JOIN pg_class c ON c.oid = l.relation
                    WHERE l.pid = pg_backend_pid() AND l.mode <> 'AccessShareLock' AND c.relpersistence <> 't'
                        AND (c.relname LIKE 'departments%' OR c.relname LIKE 'alerts%')
                    """
                )
                held.extend(cursor.fetchall())

    files.tried(progress=look)
    assert held == []


def test_a_role_that_looks_at_temporary_tables_last_still_sees_only_the_register(files: Files) -> None:
    body("real-body")
    with connection.cursor() as cursor:
        cursor.execute("SET search_path = public, pg_temp")
    try:
        with shadow():
            assert not Body.objects.exists()
        assert Body.objects.count() == 1
    finally:
        connection.close()


def test_it_is_ended_when_its_time_is_over(files: Files) -> None:
    before = everything()
    with pytest.raises(NotTried, match="longer than 0 seconds"):
        files.tried(within=timedelta(microseconds=1))

    def sleep(step: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(20)")

    with pytest.raises(NotTried, match="longer than 1 seconds"):
        files.tried(progress=sleep, within=timedelta(seconds=1))
    assert everything() == before


def test_through_the_page_one_is_tried_at_a_time(files: Files) -> None:
    said: list[str] = []

    def another() -> None:
        try:
            files.tried(within=timedelta(seconds=20))
        except NotTried as error:
            said.append(str(error))

    files.tried(progress=lambda step: step == "writing the sheet" and beside(another), within=timedelta(seconds=30))
    assert said == [verb.BUSY]


def test_whoever_waits_for_their_turn_makes_no_tables(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    def made() -> None:
        raise AssertionError("tables were made before it was anybody's turn")

    def another() -> None:
        monkeypatch.setattr("alerts.publishing.shadow._put_in_front", made)
        with pytest.raises(NotTried, match="Somebody else"):
            files.tried(within=timedelta(seconds=20))

    files.tried(progress=lambda step: step == "writing the sheet" and beside(another), within=timedelta(seconds=30))


# --- what is wrong is said ---


@in_words
@pytest.mark.parametrize(
    ("advisory", "bodies", "people", "where", "said"),
    [
        ({**ADVISORY, "title": ""}, BODIES, PEOPLE, ["advisory"], "title: is missing"),
        ([], BODIES, PEOPLE, ["advisory"], "one JSON object"),
        ({**ADVISORY, "supersedes": 7}, BODIES, PEOPLE, ["advisory"], "supersedes: must be the reference"),
        (
            {**ADVISORY, "audience": {"branches": ["realm"], "topics": ["opera"]}},
            BODIES,
            PEOPLE,
            ["advisory"],
            "audience.topics: 'opera' is not in the directory",
        ),
        ({**ADVISORY, "marking": "RED"}, BODIES, PEOPLE, ["advisory"], "named people"),
        (ADVISORY, "slug,name\na,A\n", PEOPLE, ["bodies"], "line 1: the first line must be slug,name,kind"),
        (ADVISORY, BODIES + "x,X,team,nowhere,,\n", PEOPLE, ["bodies"], "line 10: x is under nowhere"),
        (ADVISORY, BODIES, "email,name,body,role\nx,y,z,king\n", ["people"], "line 2: 'x' is not a mail address"),
        (
            {**ADVISORY, "severity": "awful"},
            BODIES,
            "email,name\n",
            ["advisory", "people"],
            "severity: must be one of.*\n.*the first line must be email",
        ),
    ],
)
def test_a_wrong_file_gets_a_sentence_with_its_place(
    files: Files, advisory: object, bodies: str, people: str, where: list[str], said: str
) -> None:
    files.write(bodies=bodies, people=people)
    with pytest.raises(NotTried, match=said) as refused:
        files.tried(advisory)
    assert list(refused.value.wrong) == where


def test_a_circle_is_refused_where_no_trigger_does_it(files: Files) -> None:
    files.write(bodies="slug,name,kind,parent,topics\na,A,team,b,\nb,B,team,a,\n")
    with pytest.raises(NotTried, match="a circle, each under the next: a -> b -> a") as refused:
        files.tried()
    assert list(refused.value.wrong) == ["bodies"]


@in_words
def test_of_many_lines_that_are_wrong_the_first_are_named(files: Files) -> None:
    files.write(people="email,name,body,role\n" + "x,y,z,king\n" * 99)
    with pytest.raises(NotTried) as refused:
        files.tried()
    assert (len(refused.value.wrong["people"]), refused.value.wrong["people"][-1]) == (51, "... and 49 more.")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{\n\n", "is not JSON: .*line 3"),
        (b"\n\xff", r"is not UTF-8 text \(line 2\)"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": [{"b\\u0000": 1}]}', "holds a NUL"),
        (b'["\\ud800"]', "half a character"),
        (b"[" * 100_000, "is not JSON"),
        (b"1" * 10_000, "is not JSON"),
    ],
)
def test_an_advisory_that_cannot_be_read_or_kept_is_one_sentence(content: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parsed(content)


# --- the command ---


def test_the_command_prints_a_sheet_that_fits_a_page(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    files.write(bodies=BODIES.replace("The Bank", "The Bank \x1b[31m" + "of Somewhere Else " * 9))
    before = everything()
    files.command()
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert max(map(len, lines)) <= 78
    assert (lines[0], lines[-1]) == ("TLP:AMBER", "TLP:AMBER")
    assert "\x1b" not in out
    said = " ".join(out.split())
    assert "It would reach 3 people in 4 bodies. 4 bodies would not hear it." in said
    assert "Of these 4, 3 are not in the audience, and 1 is in it, with nobody to tell." in said
    assert "Severity: High. As at " in said
    assert "China Committee (china-committee): not in the audience (remit: china, cyber)" in said
    assert "The Mint (mint): in the audience, but nobody to tell" in said
    assert "nobody out of hours: 3 of the 4 bodies" in said
    assert said.index("WHO WOULD NOT HEAR THIS") < said.index("WHOM IT IS FOR") < said.index("THE REGISTER")
    assert everything() == before


@in_words
def test_the_command_says_so_where_nobody_is_left_out(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    files.write({**ADVISORY, "exercise": True, "topics": [], "audience": {"branches": ["ministry"]}})
    files.command()
    out = capsys.readouterr().out
    assert "Nobody who ought to hear it is left out" in out
    assert "EXERCISE" in out
    assert "0 bodies would not hear it." in out


@in_words
def test_the_command_names_the_file_the_line_and_the_reason(files: Files) -> None:
    files.write({**ADVISORY, "title": ""}, people="email,name,body,role\nx,y,z,king\n")
    with pytest.raises(CommandError) as refused:
        files.command()
    lines = str(refused.value).splitlines()
    assert lines[:3] == ["Not tried.", f"The advisory ({files.advisory}):", "title: is missing."]
    assert lines[3] == f"The people ({files.people}):"
    assert lines[4].startswith("line 2: ")


@in_words
def test_a_file_that_is_missing_or_too_large_is_a_sentence(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    files.bodies.unlink()
    with pytest.raises(CommandError, match=r"bodies\.csv: cannot be read \(No such file"):
        files.command()
    files.write(bodies=BODIES)
    monkeypatch.setattr("departments.loading.files.LARGEST_FILE", 10)
    with pytest.raises(CommandError, match=r"bodies\.csv: more than 0 MB"):
        files.command()
    monkeypatch.setattr("alerts.management.files.LARGEST", 10)
    with pytest.raises(CommandError, match="larger than 10 bytes"):
        files.command()
    files.advisory.unlink()
    with pytest.raises(CommandError, match="can't be read: No such file"):
        files.command()


# --- the page ---


def test_the_page_shows_the_sheet_and_keeps_nothing(
    files: Files, connie: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(kept))
    client = signed_in(connie)
    form = client.get(reverse("whatif"))
    assert form.status_code == 200
    assert "no-store" in form["Cache-Control"]
    before = everything()
    answer = files.posted(client)
    assert answer.status_code == 200
    said = text(answer)
    assert said.count("TLP:AMBER") == 2
    assert 'class="narrow sheet tlp-amber"' in said
    assert "4 bodies would not hear this.</em> It would reach 3 people in 4 bodies." in said
    assert "<b>China Committee</b>: not in the audience (remit: china, cyber)" in said
    assert "Subjects that nobody here has as remit, so that they match nothing: weather" in said
    assert said.index("Who would not hear this</h2>") < said.index("Whom it is for")
    assert everything() == before
    assert not Upload.objects.exists()
    assert list(kept.iterdir()) == []


@in_words
def test_large_files_leave_nothing_on_the_disk_either(
    files: Files, connie: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(kept))
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 10
    answer = files.posted(signed_in(connie))
    assert answer.status_code == 200
    answer.close()
    assert list(kept.iterdir()) == []


@in_words
def test_words_out_of_the_files_are_no_markup(files: Files, connie: Person) -> None:
    files.write({**ADVISORY, "title": "<script>alert(1)</script>"}, BODIES.replace("The Bank", "<script>x</script>"))
    page = files.posted(signed_in(connie)).content.decode()
    assert "<script>alert" not in page
    assert "<script>x" not in page


@in_words
def test_the_page_shows_the_first_of_very_many(files: Files, connie: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_of, "MOST", 2)
    said = text(files.posted(signed_in(connie)))
    assert "The Bank" in said
    assert "Trade Committee" not in said
    assert "And 2 more." in said


@in_words
def test_what_is_wrong_is_said_above_the_form_and_at_its_file(files: Files, connie: Person) -> None:
    files.write({**ADVISORY, "title": ""}, people="email,name,body,role\nx,y,z,king\nx,y,z,king\n")
    answer = files.posted(signed_in(connie))
    assert answer.status_code == 422
    said = text(answer)
    assert "This was not tried" in said
    assert '<a href="#id_advisory">The advisory: title: is missing.</a>' in said
    assert '<a href="#id_people">The people: 2 lines say what to mend</a>' in said
    assert "line 3: " in said


@in_words
@pytest.mark.parametrize(
    ("instead", "said"),
    [
        ({"advisory": b"{"}, "The file is not JSON"),
        ({"advisory": b" " * 1_000_001}, "It has more than 1 MB. For larger ones use the command"),
        ({"people": b" " * 10_000_001}, "It has more than 10 MB. For larger ones use the command"),
        ({"bodies": b""}, "The file is empty"),
        ({"bodies": b"PK\x03\x04"}, "bodies: a spreadsheet or another packed file"),
    ],
)
def test_a_file_that_the_page_does_not_take_is_a_sentence(
    files: Files, connie: Person, instead: dict[str, bytes], said: str
) -> None:
    answer = files.posted(signed_in(connie), **instead)
    assert answer.status_code == 422
    assert said in text(answer)


@in_words
def test_without_files_each_one_is_asked_for(connie: Person) -> None:
    answer = signed_in(connie).post(reverse("whatif"))
    assert answer.status_code == 422
    assert text(answer).count(": No file was chosen. Choose one.</a>") == 3


def test_a_request_that_is_too_large_is_never_kept(
    files: Files, connie: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_limit, "LARGEST", 10)
    monkeypatch.setattr(upload_limit, "AROUND", 20)
    answer = files.posted(signed_in(connie))
    assert answer.status_code == 413
    assert "too large for this page" in text(answer)


@in_words
def test_one_that_takes_too_long_is_told_of_the_command(
    files: Files, connie: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_of, "WITHIN", timedelta(microseconds=1))
    answer = files.posted(signed_in(connie))
    assert answer.status_code == 422
    assert "use the command: manage.py whatif" in text(answer)


def test_the_page_is_for_those_with_a_duty(files: Files, client: Client) -> None:
    member = person("Mel Member")
    Membership.objects.create(person=member, body=body("her-body"), role=Role.MEMBER)
    for who in (client, signed_in(member)):  # whoever has no duty is not signed in at all
        assert files.posted(who)["Location"].startswith(reverse("account_login"))
        assert who.get(reverse("whatif"))["Location"].startswith(reverse("account_login"))
    assert signed_in(person("Audrey Auditor", is_auditor=True)).get(reverse("whatif")).status_code == 200


# --- in a browser ---


@contextmanager
def sheet_in_a_browser(live_server: LiveServer, files: Files, who: Person, **context: Any) -> Iterator[Page]:
    """The form filled in and sent, and the sheet that comes back."""
    cookie = signed_in(who).cookies["sessionid"].value
    with open_page(**context) as page:
        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        page.goto(live_server.url + reverse("whatif"))
        for name in ("advisory", "bodies", "people"):
            page.get_by_label(f"The {name}").set_input_files(getattr(files, name))
        page.get_by_role("button", name="Show who would not hear it").click()
        page.get_by_role("heading", name="Who would not hear this").wait_for()
        yield page


def test_without_scripts_a_browser_gets_the_sheet(live_server: LiveServer, files: Files, connie: Person) -> None:
    with sheet_in_a_browser(live_server, files, connie, java_script_enabled=False) as page:
        page.get_by_text("not in the audience (remit: china, cyber)").wait_for()


@pytest.mark.usefixtures("no_copy")
@pytest.mark.parametrize("look", LOOKS)
def test_everybody_can_read_the_form_and_the_sheet(
    live_server: LiveServer, files: Files, connie: Person, look: str
) -> None:
    files.write(bodies=BODIES.replace("The Bank", "The" + "Bank" * 100))
    with sheet_in_a_browser(live_server, files, connie, **LOOKS[look]) as page:
        assert faults(page, "") == []
        page.goto(live_server.url + reverse("whatif"))
        page.get_by_role("button", name="Show who would not hear it").click()
        page.get_by_role("heading", name="This was not tried").wait_for()
        assert faults(page, "") == []
