"""Whose bank holidays a body keeps: said on its page, changed there with everything below it, and taken from a file."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from departments import changing, checks
from departments.changing import Particulars, particulars_of
from departments.loading import NotUnderstood, load_bodies
from departments.models import Body, BodyEvent, Person
from departments.web.words import told
from departments.working_time import known_until
from tests import rows
from tests.clients import signed_in

pytestmark = pytest.mark.django_db

HEADER = "slug,name,kind,parent,topics,calendar\n"


@pytest.fixture
def administrator() -> Person:
    return rows.person("Adam Administrator", is_administrator=True)


@pytest.fixture
def office() -> Body:
    """An office with a commission, the commission's team, and a team that has closed; and a body beside it."""
    top = rows.body("office")
    commission = rows.body("commission", top)
    rows.body("team", commission)
    Body.objects.filter(pk=rows.body("old-team", commission).pk).update(closed=date(2020, 1, 1))
    rows.body("elsewhere")
    return top


def kept() -> dict[str, str]:
    return dict(Body.objects.values_list("slug", "calendar"))


def load(tmp_path: Path, content: str, *, dry_run: bool = False) -> list[str]:
    path = tmp_path / "bodies.csv"
    path.write_text(content)
    found = load_bodies(path, dry_run=dry_run).differences
    return [one for one in found if not one.startswith("proposed for closing")]


def test_a_body_and_everything_open_below_it_keep_other_bank_holidays_and_the_history_says_so(
    office: Body, administrator: Person
) -> None:
    scottish = replace(particulars_of(office), calendar="scotland")
    said = changing.change(office, by=administrator, particulars=scottish, below=True)
    assert said == ["its bank holidays", "the bank holidays of 2 bodies below it"]
    usual = "england-and-wales"
    assert kept() == {
        **dict.fromkeys(("office", "commission", "team"), "scotland"),
        **dict.fromkeys(("old-team", "elsewhere"), usual),
    }
    steps = {(step.body.slug, step.what): step for step in BodyEvent.objects.select_related("body")}
    assert set(steps) == {
        ("office", "bank holidays"),
        ("office", "bank holidays below"),
        ("commission", "bank holidays"),
        ("team", "bank holidays"),
    }
    assert {step.by for step in steps.values()} == {administrator}
    assert told(steps["office", "bank holidays"]) == (
        "keeps the bank holidays of Scotland; those of England and Wales before"
    )
    assert told(steps["office", "bank holidays below"]) == "2 bodies below keep the bank holidays of Scotland too"
    assert told(steps["team", "bank holidays"]) == (
        "keeps the bank holidays of Scotland; those of England and Wales before, with everything below office"
    )
    assert changing.change(office, by=administrator, particulars=scottish, below=True) == []
    assert BodyEvent.objects.count() == 4


def test_a_body_alone_keeps_other_bank_holidays_than_what_is_below_it(office: Body, administrator: Person) -> None:
    changing.change(office, by=administrator, particulars=replace(particulars_of(office), calendar="scotland"))
    assert (kept()["office"], kept()["commission"]) == ("scotland", "england-and-wales")
    # Later, for those below too, though its own are what they were.
    said = changing.change(
        office, by=administrator, particulars=particulars_of(Body.objects.get(slug="office")), below=True
    )
    assert said == ["the bank holidays of 2 bodies below it"]


def test_everything_below_is_one_statement_however_much_there_is(office: Body, administrator: Person) -> None:
    def asked(calendar: str) -> int:
        now = replace(particulars_of(Body.objects.get(slug="office")), calendar=calendar)
        with CaptureQueriesContext(connection) as queries:
            changing.change(office, by=administrator, particulars=now, below=True)
        return len(queries)

    few = asked("scotland")
    for number in range(30):
        rows.body(f"team-{number}", office)
    assert asked("northern-ireland") == few
    assert set(kept().values()) == {"northern-ireland", "england-and-wales"}


def test_a_new_body_keeps_the_bank_holidays_of_the_one_above_it(office: Body, administrator: Person) -> None:
    Body.objects.filter(slug="office").update(calendar="northern-ireland")
    office.refresh_from_db()
    new = Particulars(name="New", kind="team")
    assert changing.add(office, slug="new", by=administrator, particulars=new).slug == "new"
    changing.add(office, slug="other", by=administrator, particulars=replace(new, calendar="scotland"))
    changing.add(None, slug="top", by=administrator, particulars=new)
    assert [kept()[slug] for slug in ("new", "other", "top")] == ["northern-ireland", "scotland", "england-and-wales"]


def test_the_page_says_whose_they_are_and_its_form_changes_them_with_everything_below(
    office: Body, administrator: Person
) -> None:
    client = signed_in(administrator)
    page, form = (reverse(f"departments:{name}", args=["office"]) for name in ("body", "change"))
    assert "Bank holidays: England and Wales" in client.get(page).content.decode()
    html = client.get(form).content.decode()
    assert '<option value="england-and-wales" selected>' in html
    assert "The same bank holidays for everything below it too" in html
    seen = html.split('name="seen" value="')[1].split('"')[0]
    typed = {"name": "Office", "kind": "team", "calendar": "scotland", "below": "on", "seen": seen}
    answer = client.post(form, typed, follow=True)
    html = answer.content.decode()
    assert "Changed: its bank holidays, the bank holidays of 2 bodies below it." in html
    assert "Bank holidays: Scotland" in html
    assert "2 bodies below keep the bank holidays of Scotland too" in html
    assert kept()["team"] == "scotland"
    assert client.post(form, {**typed, "calendar": "cornwall"}).status_code == 422
    added = client.get(reverse("departments:add", args=["office"])).content.decode()
    assert '<option value="scotland" selected>' in added
    assert "everything below" not in added
    # Somebody else changed them while this form was open.
    assert client.post(form, {**typed, "calendar": "northern-ireland"}).status_code == 422
    assert kept()["office"] == "scotland"


def test_a_form_that_says_nothing_of_bank_holidays_leaves_them(office: Body, administrator: Person) -> None:
    Body.objects.filter(slug="office").update(calendar="scotland")
    client, form = signed_in(administrator), reverse("departments:change", args=["office"])
    seen = client.get(form).content.decode().split('name="seen" value="')[1].split('"')[0]
    assert client.post(form, {"name": "Renamed", "kind": "team", "seen": seen}).status_code == 303
    assert Body.objects.get(slug="office").name == "Renamed"
    assert kept()["office"] == "scotland"


def test_the_admin_shows_them(office: Body, administrator: Person) -> None:
    Body.objects.filter(slug="office").update(calendar="scotland")
    client = signed_in(administrator)
    assert "Scotland" in client.get("/admin/departments/body/").content.decode()
    assert "Scotland" in client.get(f"/admin/departments/body/{office.pk}/change/").content.decode()


def test_a_file_may_say_them_and_what_it_says_nothing_of_keeps_those_above_it(tmp_path: Path) -> None:
    load(tmp_path, "slug,name,kind,parent,topics\nold,Old,team,,\n")
    Body.objects.update(calendar="northern-ireland")
    load(
        tmp_path,
        # A child may stand before its parent.
        f"{HEADER}child,C,team,parent,,\nparent,P,team,top,,\ntop,T,team,,,Scotland\n"
        "own,O,team,parent,,england-and-wales\nbelow,B,team,own,,\nunder-old,U,team,old,,\nroot,R,team,,,\n",
    )
    assert kept() == {
        "old": "northern-ireland",
        "under-old": "northern-ireland",
        "top": "scotland",
        "parent": "scotland",
        "child": "scotland",
        "own": "england-and-wales",
        "below": "england-and-wales",
        "root": "england-and-wales",
    }
    assert load(tmp_path, f"{HEADER}top,T,team,,,\nold,Old,team,,,\n") == []
    newer = f"{HEADER}top,T,team,,,Northern Ireland\nnew,N,team,top,,\n"
    assert load(tmp_path, newer, dry_run=True) == [
        "new: new (N) under top",
        "bank holidays: top, from scotland to northern-ireland",
    ]
    load(tmp_path, newer)
    assert (kept()["top"], kept()["new"], kept()["parent"]) == ("northern-ireland", "northern-ireland", "scotland")
    step = BodyEvent.objects.get(what="bank holidays")
    assert (step.before, step.after) == ({"calendar": "scotland"}, {"calendar": "northern-ireland"})
    before = BodyEvent.objects.count()
    load(tmp_path, newer)
    assert BodyEvent.objects.count() == before


def test_words_of_a_file_that_are_nobodys_bank_holidays_are_reported_by_their_line(tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood) as refused:
        load(tmp_path, f"{HEADER}a,A,team,,,Scotland\nb,B,team,,,Cornwall\nc,C,team,,,!\n")
    known = "england-and-wales, scotland, northern-ireland are known"
    assert f"line 3: the bank holidays of 'Cornwall': {known}" in str(refused.value)
    assert f"line 4: the bank holidays of '!': {known}" in str(refused.value)
    assert not Body.objects.exists()


# --- how far they are known ---


def test_a_check_warns_while_there_are_still_ninety_days_and_not_before() -> None:
    last = known_until()
    assert checks.holidays_end(last - checks.IN_GOOD_TIME) == ""
    for day in (last - checks.IN_GOOD_TIME + (last.resolution), last, last.replace(year=last.year + 2)):
        said = checks.holidays_end(day)
        assert f"known until 31 December {last.year}" in said
        assert "govuk-bank-holidays" in said


def test_the_check_is_one_of_the_systems_and_the_operations_page_says_the_same(
    administrator: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in(administrator)
    assert [one.id for one in checks.check_holidays()] == []
    assert "Bank holidays are known" not in client.get(reverse("operations")).content.decode()
    monkeypatch.setattr(checks, "known_until", lambda: date(2020, 12, 31))
    (found,) = checks.check_holidays()
    assert (found.id, found.is_serious()) == ("departments.W001", False)
    assert "Bank holidays are known until 31 December 2020" in client.get(reverse("operations")).content.decode()
