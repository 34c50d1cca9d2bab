"""People from files: one person an address, several places, and nobody brought back from leaving."""

from datetime import date
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from departments import readiness
from departments.addresses import canonical
from departments.loading import NotUnderstood, Report, load_people
from departments.loading.people_file import Addresses
from departments.models import Body, Membership, Person
from tests.rows import body

HEADER = "email,name,body,role\n"


@pytest.fixture
def bodies(db: None) -> tuple[Body, Body]:
    """Two bodies to sit in."""
    return body("home"), body("away")


def _file(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(content, encoding="utf-8", newline="")
    return path


def _load(tmp_path: Path, rows: str, *, dry_run: bool = False) -> Report:
    return load_people(_file(tmp_path, HEADER + rows), dry_run=dry_run)


def _everything() -> list[object]:
    rows: list[object] = []
    with connection.cursor() as cursor:
        for table in ("person", "membership", "change"):
            cursor.execute(f"SELECT t.ctid::text, t::text FROM departments_{table} t ORDER BY 1")
            rows.append(cursor.fetchall())
    return rows


def test_somebody_in_two_bodies_is_one_person(tmp_path: Path, bodies: tuple[Body, Body]) -> None:
    report = _load(
        tmp_path,
        "Ada@Home.example,Ada Ö. Lovelace,home,contact\nada@home.example,Ada Ö. Lovelace,away,member\n"
        "ada@home.example,Ada Ö. Lovelace,home,Head\n",
    )
    ada = Person.objects.get()
    assert (ada.email, ada.written, ada.name) == ("ada@home.example", "Ada@Home.example", "Ada Ö. Lovelace")
    assert set(ada.memberships.values_list("body__slug", "role")) == {
        ("home", "contact"),
        ("home", "head"),
        ("away", "member"),
    }
    assert str(report) == "3 places: 1 new, 0 changed, 0 changed places, 3 new places."
    assert not ada.has_usable_password()


def test_an_unchanged_file_of_people_writes_nothing(tmp_path: Path, bodies: tuple[Body, Body]) -> None:
    rows = "A@x.example,A,home,member\nb@x.example,B,away,officer\na@x.example,A,away,member\n"
    _load(tmp_path, rows)
    before = _everything()
    assert not _load(tmp_path, rows).changed
    assert _everything() == before


def test_a_dry_run_lists_people_and_places_and_changes_nothing(tmp_path: Path, bodies: tuple[Body, Body]) -> None:
    _load(tmp_path, "a@x.example,A,home,member\n")
    before = _everything()
    rows = "a@x.example,A. New,home,member\nb@x.example,B,away,officer\n"
    report = _load(tmp_path, rows, dry_run=True)
    assert _everything() == before
    assert report.differences == [
        "new: b@x.example (B)",
        "changed: a@x.example, from A <a@x.example> to A. New <a@x.example>",
        "new place: b@x.example in away as officer",
    ]
    assert _load(tmp_path, rows).counts == report.counts


def test_people_and_places_that_the_file_does_not_name_stay(tmp_path: Path, bodies: tuple[Body, Body]) -> None:
    _load(tmp_path, "a@x.example,A,home,member\nb@x.example,B,home,member\n")
    _load(tmp_path, "a@x.example,A,away,member\n")
    assert Membership.objects.filter(until=None).count() == 3


def test_a_leaver_is_reported_and_not_brought_back(tmp_path: Path, bodies: tuple[Body, Body]) -> None:
    _load(tmp_path, "a@x.example,A,home,member\n")
    Person.objects.update(left_at=timezone.now())
    before = _everything()
    report = _load(tmp_path, "a@x.example,Another Name,away,member\n")
    assert _everything() == before
    assert "left on" in str(report.remarks[0])


def test_a_place_that_ended_begins_anew(tmp_path: Path, bodies: tuple[Body, Body]) -> None:
    _load(tmp_path, "a@x.example,A,home,member\n")
    Membership.objects.update(until=timezone.now())
    _load(tmp_path, "a@x.example,A,home,member\n")
    assert Membership.objects.count() == 2
    assert Membership.objects.filter(until=None).count() == 1


def test_a_place_that_stands_twice_is_reported_and_loaded_once(tmp_path: Path, bodies: tuple[Body, Body]) -> None:
    report = _load(tmp_path, "a@x.example,A,home,member\nA@X.example,A,home,member\n")
    assert [str(remark) for remark in report.remarks] == ["line 3: stands at line 2 already"]
    assert Membership.objects.count() == 1


def test_an_internationalised_domain_is_one_domain(tmp_path: Path, bodies: tuple[Body, Body]) -> None:
    _load(tmp_path, "a@bücher.example,A,home,member\na@xn--bcher-kva.example,A,away,member\n")
    assert Person.objects.get().email == "a@xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("nobody,N,home,member", "line 2: 'nobody' is not a mail address"),
        ("a@x..example,N,home,member", "is not a mail address"),
        ("a@x.example,N,home,king", "line 2: the role 'king': one of member, contact"),
        ("a@x.example,N,home,", "line 2: the role ''"),
        ("a@x.example,,home,member", "line 2: no name"),
        (f"a@x.example,{'N' * 501},home,member", "line 2: a name of 501 characters"),
        ("a@x.example,N,nowhere,member", "line 2: no body 'nowhere' in the directory"),
        ("a@x.example,N,closed,member", "line 2: the body closed was closed on 2020-01-31"),
        ("a@x.example,N,home,member\nA@x.example,M,away,member", "line 3: a@x.example is M here and N at line 2"),
        ('a@x.example,"N,home,member\nb@x.example,N,home,member', "line 2: a quotation mark opened"),
    ],
)
def test_a_row_of_people_not_understood_is_named_and_nothing_is_loaded(
    tmp_path: Path, bodies: tuple[Body, Body], row: str, said: str
) -> None:
    shut = body("closed")
    Body.objects.filter(pk=shut.pk).update(closed=date(2020, 1, 31))
    before = _everything()
    path = _file(tmp_path, HEADER + row + "\nfine@x.example,Fine,home,member\n")
    with pytest.raises(CommandError) as refused:
        call_command("load_people", str(path))
    assert said in str(refused.value)
    assert _everything() == before


@given(
    st.from_regex(r"\A[A-Za-z0-9._+'-]{1,12}@[A-Za-z0-9.-]{1,20}\Z")
    | st.emails()
    | st.sampled_from(["a@b.test", "a@b.local", "a@xn--a.example", "a@b", "a@1.2.3.4", "a@b.c", "a@ab--c.example"])
)
def test_the_quick_way_with_addresses_says_what_the_library_says(address: str) -> None:
    def said(way: object) -> str | None:
        try:
            return str(way(address))  # type: ignore[operator]
        except ValueError:
            return None

    quick = Addresses()
    assert said(quick) == said(canonical)
    assert said(quick) == said(canonical)


def test_a_body_whose_only_address_bounces_is_dark_until_it_is_reached(
    tmp_path: Path, bodies: tuple[Body, Body]
) -> None:
    home, away = bodies
    _load(tmp_path, "a@x.example,A,home,member\n")
    assert list(readiness.dark_bodies()) == [away]
    ids = list(Person.objects.values_list("pk", flat=True))
    first = timezone.now()
    assert readiness.note_bounce(ids, first) == 1
    assert readiness.note_bounce(ids, timezone.now()) == 0
    assert Person.objects.get().bounced_at == first
    assert set(readiness.dark_bodies()) == {home, away}
    readiness.refresh()
    assert readiness.estate() == readiness.Estate(bodies=2, dark=2, weak=0)
    assert readiness.note_reached(ids) == 1
    assert list(readiness.dark_bodies([home.pk])) == []


def _further(tmp_path: Path, rows: str, columns: str = "telephone,hours,order,shared") -> Report:
    path = tmp_path / "people.csv"
    path.write_text(f"email,name,body,role,{columns}\n{rows}")
    return load_people(path)


def test_further_columns_say_telephone_hours_order_and_shared(tmp_path: Path, bodies: tuple[Body, Body]) -> None:
    _further(tmp_path, "desk@x.example,The Desk,home,contact,020 7946 0001,out,3,yes\n")
    place = Membership.objects.select_related("person").get()
    assert (place.hours, place.order, place.person.telephone, place.person.shared) == ("out", 3, "020 7946 0001", True)
    assert not _load(tmp_path, "desk@x.example,The Desk,home,contact\n").changed
    report = _further(tmp_path, "desk@x.example,The Desk,home,contact,,,1,no\n")
    assert {kind: count for kind, count in report.counts.items() if count} == {"changed": 1, "changed places": 1}
    place = Membership.objects.select_related("person").get()
    assert (place.hours, place.order, place.person.telephone, place.person.shared) == ("out", 1, "020 7946 0001", False)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("1" * 51 + ",in,0,no", "a telephone number of 51 characters"),
        (",night,0,no", "the hours 'night': in or out"),
        (",in,-1,no", "the order '-1': a number"),
        (",in," + "9" * 5000 + ",no", "the order '9999"),
        (",in,0,perhaps", "shared is 'perhaps': yes or no"),
    ],
)
def test_a_further_column_that_says_nothing_is_named(
    tmp_path: Path, bodies: tuple[Body, Body], cells: str, said: str
) -> None:
    with pytest.raises(NotUnderstood) as refused:
        _further(tmp_path, f"a@x.example,A,home,member,{cells}\n")
    assert f"line 2: {said}" in str(refused.value)
    assert not Person.objects.exists()


def test_rows_of_one_address_that_contradict_each_other_are_refused(tmp_path: Path, bodies: tuple[Body, Body]) -> None:
    rows = "a@x.example,A,home,member,1\na@x.example,A,away,member,2\n"
    with pytest.raises(NotUnderstood, match=r"line 3: a@x\.example has another telephone number here and at line 2"):
        _further(tmp_path, rows, "telephone")
    rows = "a@x.example,A,home,member,in\na@x.example,A,home,member,out\n"
    with pytest.raises(NotUnderstood, match="line 3: stands at line 2 already, with other hours"):
        _further(tmp_path, rows, "hours")


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_people_from_any_spreadsheet_are_read(
    tmp_path: Path, bodies: tuple[Body, Body], mark: str, ending: str
) -> None:
    rows = 'Role,BODY,name,email\nMEMBER,home,"Ada  ""Ö""",ada@x.example\n\n'
    load_people(_file(tmp_path, mark + rows.replace("\n", ending)))
    assert Person.objects.get().name == 'Ada "Ö"'


def test_a_name_over_two_lines_is_one_name_and_later_lines_keep_their_numbers(
    tmp_path: Path, bodies: tuple[Body, Body]
) -> None:
    rows = 'a@x.example,"Ada\nLovelace",home,member\n'
    _load(tmp_path, rows)
    assert Person.objects.get().name == "Ada Lovelace"
    with pytest.raises(NotUnderstood, match="line 4: the role 'king'"):
        _load(tmp_path, rows + "b@x.example,B,home,king\n")


def test_everything_wrong_with_a_row_is_said_at_once(tmp_path: Path, bodies: tuple[Body, Body]) -> None:
    with pytest.raises(NotUnderstood) as refused:
        _load(tmp_path, "nobody,,nowhere,king\n")
    (remark,) = refused.value.remarks
    for said in ("is not a mail address", "no name", "the role 'king'", "no body 'nowhere'"):
        assert said in remark.reason


def test_of_very_many_wrong_people_fifty_are_shown_and_reading_stops(tmp_path: Path, bodies: tuple[Body, Body]) -> None:
    before = _everything()
    with pytest.raises(NotUnderstood) as refused:
        _load(tmp_path, "nobody,N,home,member\n" * 200_000)
    assert len(str(refused.value).splitlines()) == 52
    assert "10,000 errors. The rest of the file was not read." in str(refused.value)
    assert _everything() == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04" + b"x" * 100, "a spreadsheet or another packed file: save it as CSV"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "line 1: byte 0x89 is not UTF-8"),
        (HEADER.encode() + b"a," * 600_000, "line 2: a line of 1,200,000 characters"),
        (HEADER.encode() + "a,\ud800,home,member\n".encode("utf-8", "surrogatepass"), "line 2: byte 0xed is not UTF-8"),
        (b'{"results": []}', "line 1: the first line must be email,name,body,role"),
        (b"email,name,body,role,email\n", "line 1: the first line must be email,name,body,role"),
        (b"email,name,body,role,salary\n", "telephone, hours, order, shared may stand there as well"),
    ],
)
def test_a_file_that_is_no_list_of_people_is_refused(
    tmp_path: Path, bodies: tuple[Body, Body], content: bytes, said: str
) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(content)
    with pytest.raises(NotUnderstood) as refused:
        load_people(path)
    assert said in str(refused.value)


def test_a_long_list_of_people_says_how_far_it_is(tmp_path: Path, bodies: tuple[Body, Body]) -> None:
    said: list[str] = []
    rows = "".join(f"p{number}@x.example,P,home,member\n" for number in range(20_001))
    load_people(_file(tmp_path, HEADER + rows), dry_run=True, progress=said.append)
    assert "read 20,000 rows" in said
    assert "comparing 20,001 people and 20,001 places" in said
    assert not Person.objects.exists()


def test_a_dry_run_lists_what_changes_of_a_place(tmp_path: Path, bodies: tuple[Body, Body]) -> None:
    _further(tmp_path, "a@x.example,A,home,contact,in,0\n", "hours,order")
    path = _file(tmp_path, "email,name,body,role,hours,order\na@x.example,A,home,contact,out,2\n")
    report = load_people(path, dry_run=True)
    assert report.differences == ["changed place: a@x.example in home as contact, out of hours, order 2"]
    assert Membership.objects.get().hours == "in"
