"""Finding bodies and people: by a piece of a name, by what they are called for short, and with a slip of the finger."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from departments.closing import close
from departments.models import Body, BodyAlias, Person
from departments.search import bodies_like, people_like
from tests.rows import body, person

pytestmark = pytest.mark.django_db

NAMES = (
    "Foreign, Commonwealth & Development Office",
    "Ministry of Defence",
    "HM Revenue & Customs",
    "HM Treasury",
    "Department for Science, Innovation and Technology",
    "Department for Work and Pensions",
    "Foreign Affairs Committee",
    "Defence Committee",
)


@pytest.fixture(autouse=True)
def government() -> None:
    """A few bodies, none with an abbreviation of its own."""
    for number, name in enumerate(NAMES):
        made = body(f"body-{number}")
        Body.objects.filter(pk=made.pk).update(name=name)


def first(words: str) -> str | None:
    best = bodies_like(words).first()
    return best.name if best else None


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("fcdo", "Foreign, Commonwealth & Development Office"),
        ("fcd", "Foreign, Commonwealth & Development Office"),
        ("MoD", "Ministry of Defence"),
        ("mod", "Ministry of Defence"),
        ("HMRC", "HM Revenue & Customs"),
        ("dsit", "Department for Science, Innovation and Technology"),
        ("DWP", "Department for Work and Pensions"),
        ("Tresury", "HM Treasury"),
        ("minstry of defense", "Ministry of Defence"),
        ("comittee defence", "Defence Committee"),
        ("foriegn afairs", "Foreign Affairs Committee"),
        ("  revenue   customs ", "HM Revenue & Customs"),
        ("body-3", "HM Treasury"),
    ],
)
def test_a_body_is_found_by_what_people_type(words: str, name: str) -> None:
    assert first(words) == name


@pytest.mark.parametrize(
    "words", ["", "   ", "\0", "100%", "_", "\\", "'; DROP TABLE x; --", "\U0001f9ff", "zzzzqqqq" * 50]
)
def test_odd_words_find_nothing_and_break_nothing(words: str) -> None:
    assert list(bodies_like(words)) == []
    assert list(people_like(words)) == []


def test_an_abbreviation_stands_before_a_name_that_is_only_alike() -> None:
    known = body("other")
    BodyAlias.objects.create(body=known, text="DEFCOM")
    assert first("defcom") == "Other"


def test_a_closed_body_stands_behind_the_open_ones() -> None:
    Body.objects.filter(name="Defence Committee").update(closed=timezone.localdate())
    assert [one.name for one in bodies_like("defence")][-1] == "Defence Committee"


def test_a_person_is_found_by_name_by_address_and_with_a_slip() -> None:
    wanted = person("Bethan Llewelyn-Price")
    person("Somebody Else")
    assert list(people_like("llewelyn")) == [wanted]
    assert people_like("Bethan Lewelyn Price").first() == wanted
    assert list(people_like(wanted.email.upper())) == [wanted]
    assert people_like(wanted.email[:10]).first() == wanted


def test_whoever_left_stands_behind() -> None:
    gone, here = person("Ada Gone"), person("Ada Here")
    Person.objects.filter(pk=gone.pk).update(left_at=timezone.now())
    assert list(people_like("ada")) == [here, gone]


def test_while_one_types_only_the_result_is_sent_and_without_scripts_a_page() -> None:
    client = Client()
    client.force_login(person(is_administrator=True), "departments.signing_in.DutyBackend")
    part = client.get(reverse("departments:tree"), {"q": "mod"}, headers={"HX-Request": "true", "HX-Target": "found"})
    assert part.content.decode().strip().startswith('<div id="found"')
    assert "Ministry of Defence" in part.content.decode()
    whole = client.get(reverse("departments:tree"), {"q": "mod"}).content.decode()
    assert "<h1>Find a body</h1>" in whole
    assert "Ministry of Defence" in whole
    empty = client.get(reverse("departments:tree"), {"q": "<b>nothing like it</b>"}).content.decode()
    assert "&lt;b&gt;" in empty


def test_every_way_of_finding_has_its_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # a table of eight rows is read as a whole otherwise
        plans = []
        for condition in (
            "name %> 'tresury'",
            "name ILIKE '%reven%'",
            "lower(regexp_replace(name, '[^A-Z0-9]', '', 'g')) = 'hmrc'",
            "lower(regexp_replace(name, '(\\y\\w|[A-Z])|.', '\\1', 'g')) = 'mod'",
        ):
            cursor.execute(f"EXPLAIN SELECT id FROM departments_body WHERE {condition}")
            plans.append("\n".join(row[0] for row in cursor.fetchall()))
    for plan, index in zip(plans, ["trigram", "trigram", "capitals", "initials"], strict=True):
        assert f"body_name_{index}" in plan or f"body_{index}" in plan, plan


@pytest.mark.parametrize(
    "words", ["f", "fo", "f.c.d.o.", "F C", "foreign o", "{name}", "%(words)s", "a b c d e f g h i j k"]
)
def test_a_letter_or_two_begin_a_word_and_odd_pieces_break_nothing(words: str) -> None:
    names = [found.name for found in bodies_like(words)]
    if words[0] in "fF":
        assert "Foreign, Commonwealth & Development Office" in names
    assert "HM Treasury" not in names


def test_a_merged_body_leads_to_its_successor_by_its_old_name() -> None:
    old, heir = body("food-agency"), body("health-agency")
    close(old, by=None, on=timezone.localdate(), why="One agency.", successor=heir)
    assert [found.slug for found in bodies_like("food agency")][:2] == ["health-agency", "food-agency"]


def test_clearing_the_words_while_typing_clears_what_was_found() -> None:
    client = Client()
    client.force_login(person(is_administrator=True), "departments.signing_in.DutyBackend")
    page = client.get(reverse("departments:tree")).content.decode()
    assert 'hx-select="#found &gt; *"' in page or 'hx-select="#found > *"' in page
    part = client.get(reverse("departments:tree"), {"q": ""}, headers={"HX-Request": "true", "HX-Target": "found"})
    assert 'id="found"' not in part.content.decode()


@pytest.mark.parametrize("words", ["defence", "minstry of defense", "mod", "de"])
def test_no_table_is_read_as_a_whole_to_find_a_body_or_a_person(words: str) -> None:
    with CaptureQueriesContext(connection) as asked:
        list(bodies_like(words)), list(people_like(words))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for statement in (query["sql"] for query in asked if "WITH named" in query["sql"]):
            cursor.execute(f"EXPLAIN {statement}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert "Seq Scan" not in plan, plan
