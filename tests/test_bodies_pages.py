"""The pages of the tree: who may see what, what stands out, and what they cost."""

from datetime import date

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from pytest_django import DjangoAssertNumQueries

from departments import panels
from departments.models import Body, BodyAlias, Membership, Person, Remit, Role, Sponsor, Topic
from departments.rules import bodies_of, is_officer_for
from tests.clients import signed_in
from tests.rows import body, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def tree() -> tuple[Body, Body, Body]:
    """A department with somebody, its agency with nobody, the agency's team with somebody."""
    top = body("department")
    middle = body("agency", top)
    bottom = body("team", middle)
    sit("Tom Team", bottom)
    return top, middle, bottom


def sit(name: str, where: Body, role: str = Role.MEMBER) -> Person:
    """Somebody new in a body."""
    made = person(name)
    Membership.objects.create(person=made, body=where, role=role)
    return made


def read(client: Client, slug: str = "", **query: str) -> str:
    """The page as text; it must be there."""
    address = reverse("departments:body", args=[slug]) if slug else reverse("departments:tree")
    answer = client.get(address, query)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_whoever_is_not_signed_in_is_asked_to_sign_in(client: Client, tree: tuple[Body, Body, Body]) -> None:
    for address in (reverse("departments:tree"), reverse("departments:body", args=["team"])):
        answer = client.get(address)
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("account_login"))


def test_a_member_without_a_duty_sees_no_tree(tree: tuple[Body, Body, Body]) -> None:
    client = signed_in(Person.objects.get(name="Tom Team"))
    assert client.get(reverse("departments:tree")).status_code == 302


def test_the_tree_opens_level_by_level(tree: tuple[Body, Body, Body]) -> None:
    client = signed_in(sit("Connie Contact", tree[0], Role.CONTACT))
    closed = read(client)
    assert ">Department</a>" in closed
    assert ">Agency</a>" not in closed
    assert 'href="?open=department"' in closed
    opened = read(client, open="department")
    assert ">Agency</a>" in opened
    assert ">Team</a>" not in opened
    assert ">Team</a>" in read(client, open="agency,department")


def test_people_of_a_body_count_once_and_leavers_not(tree: tuple[Body, Body, Body]) -> None:
    top, _, _ = tree
    contact = sit("Connie Contact", top, Role.CONTACT)
    Membership.objects.create(person=contact, body=top, role=Role.MEMBER)
    Person.objects.filter(pk=sit("Lee Left", top).pk).update(left_at=timezone.now())
    assert '<td data-l="Can it be warned">not surely, 1 person</td>' in read(signed_in(contact))


def test_a_body_with_nobody_to_tell_says_so_in_words(tree: tuple[Body, Body, Body]) -> None:
    client = signed_in(sit("Connie Contact", tree[0], Role.CONTACT))
    assert "1 of 3 bodies has nobody to tell" in read(client)
    assert "nobody to tell in 1 below" in read(client)
    assert "nobody to tell here" in read(client, open="department")
    assert "Nobody to tell." in read(client, "agency")


def test_a_dark_body_offers_its_remedy_or_says_who_has_it(tree: tuple[Body, Body, Body]) -> None:
    add = reverse("people:add", args=["agency"])
    contact = read(signed_in(sit("Connie Contact", tree[0], Role.CONTACT)), "agency")
    assert f'<a href="{add}">Name somebody</a>' in contact
    officer = read(signed_in(sit("Olga Officer", tree[0], Role.OFFICER)), "agency")
    assert add not in officer
    assert "Administrators, and the contacts, deputies and heads of a body above, name somebody." in officer
    assert "Name somebody here" not in officer


def test_a_body_whose_only_address_bounces_has_nobody_to_tell(tree: tuple[Body, Body, Body]) -> None:
    client = signed_in(sit("Connie Contact", tree[0], Role.CONTACT))
    Person.objects.filter(name="Tom Team").update(bounced_at=timezone.now())
    page = read(client, "team")
    assert "no mail reaches the addresses here" in page
    assert "the address refused mail on" in page


def test_a_closed_body_is_not_dark(tree: tuple[Body, Body, Body]) -> None:
    Body.objects.filter(slug="agency").update(closed=date(2020, 1, 31), successor=tree[2])
    client = signed_in(sit("Connie Contact", tree[0], Role.CONTACT))
    assert "Every one of 2 bodies has somebody to tell" in read(client)
    assert "closed on 31 January 2020" in read(client, open="department")
    assert "Its successor is" in read(client, "agency")


def test_with_htmx_only_the_tree_is_sent(tree: tuple[Body, Body, Body]) -> None:
    client = signed_in(sit("Connie Contact", tree[0], Role.CONTACT))
    answer = client.get(reverse("departments:tree"), {"open": "department"}, headers={"HX-Request": "true"})
    assert answer.content.decode().strip().startswith('<div id="outline">')


def test_a_body_is_found_by_name_slug_or_abbreviation(tree: tuple[Body, Body, Body]) -> None:
    client = signed_in(sit("Connie Contact", tree[0], Role.CONTACT))
    BodyAlias.objects.create(body=tree[1], text="AGY")
    assert ">Agency</a>" in read(client, q="agy")
    assert ">Team</a>" in read(client, q="TEA")
    assert "No body is called anything like “100%”" in read(client, q="100%")
    assert "&lt;b&gt;" in read(client, q="<b>")


def test_a_body_page_shows_its_place_its_people_and_its_remit(tree: tuple[Body, Body, Body]) -> None:
    _, middle, bottom = tree
    sponsor = body("sponsor")
    Sponsor.objects.create(body=bottom, sponsor=sponsor)
    Remit.objects.create(body=bottom, topic=Topic.objects.create(slug="china"))
    Body.objects.filter(pk=bottom.pk).update(policy="hold", hold_hours=4)
    page = read(signed_in(sit("Connie Contact", middle, Role.CONTACT)), "team")
    for words in ("Tom Team", "sponsored by", "Remit: china", "for up to 4 hours"):
        assert words in page
    assert page.index(">Department</a>") < page.index(">Agency</a>") < page.index("<h1>Team</h1>")


def test_addresses_are_for_those_whose_branch_it_is_and_for_who_runs_or_audits_it(
    tree: tuple[Body, Body, Body],
) -> None:
    top, middle, bottom = tree
    address = Person.objects.get(name="Tom Team").email
    assert address in read(signed_in(sit("Above", middle, Role.CONTACT)), "team")
    assert address in read(signed_in(sit("At the top", top, Role.OFFICER)), "team")
    assert address in read(signed_in(person("Adam", is_administrator=True)), "team")
    assert address in read(signed_in(person("Audrey", is_auditor=True)), "team")
    beside = read(signed_in(sit("Beside", body("beside", top), Role.HEAD)), "team")
    assert address not in beside
    assert "Tom Team" in beside
    below = sit("Below", bottom, Role.CONTACT)
    assert Person.objects.get(name="At the top").email not in read(signed_in(below), "department")


def test_a_body_that_is_not_there_is_not_found() -> None:
    client = signed_in(person("Adam", is_administrator=True))
    assert client.get(reverse("departments:body", args=["nowhere"])).status_code == 404


def test_an_officer_is_one_for_the_branch_and_not_beside_it(tree: tuple[Body, Body, Body]) -> None:
    top, middle, bottom = tree
    officer = sit("Olive", middle, Role.OFFICER)
    assert [is_officer_for(officer, one.pk) for one in (top, middle, bottom)] == [False, True, True]
    assert bodies_of(officer) == {middle.pk}
    assert bodies_of(officer, [Role.CONTACT]) == set()
    Person.objects.filter(pk=officer.pk).update(left_at=timezone.now())
    assert not is_officer_for(Person.objects.get(pk=officer.pk), bottom.pk)


def test_only_an_administrator_may_change_bodies(tree: tuple[Body, Body, Body]) -> None:
    assert person(is_administrator=True).has_perm("departments.change_body", tree[0])
    assert not person(is_auditor=True).has_perm("departments.change_body", tree[0])
    assert not sit("Olive", tree[0], Role.OFFICER).has_perm("departments.change_body", tree[0])


def test_other_apps_show_panels_on_a_body_page(tree: tuple[Body, Body, Body], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panels, "_panels", [])
    panels.register(lambda request, of: format_html("<h2>Warnings for {}</h2>", of.name))
    page = read(signed_in(person("Adam", is_administrator=True)), "team")
    assert "<section><h2>Warnings for Team</h2></section>" in page


def test_a_larger_tree_costs_no_more_queries(
    tree: tuple[Body, Body, Body], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = signed_in(person("Adam", is_administrator=True))
    for address in (f"{reverse('departments:tree')}?open=department", reverse("departments:body", args=["department"])):
        client.get(address)  # and bring readiness up to date
        with django_assert_max_num_queries(40) as few:
            client.get(address)
        allowed = len(few.captured_queries)
        for number in range(20):
            sit(f"Person {number}", body(f"more-{len(address)}-{number}", tree[0]))
            sit(f"Head {number}", tree[0], Role.HEAD)
        client.get(address)
        with django_assert_max_num_queries(allowed):
            client.get(address)
