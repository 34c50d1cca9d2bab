"""Adding, moving, correcting and holding: the verbs, their history, and the pages on which it is done."""

import threading
from dataclasses import replace
from datetime import date

import pytest
from django.db import IntegrityError, NotSupportedError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from departments import changing, holding
from departments.changing import Particulars, particulars_of
from departments.models import Body, BodyAlias, BodyEvent, HoldRequest, Membership, Person, Role, Sponsor
from departments.refusal import Refused
from tests.clients import signed_in
from tests.rows import body, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def tree() -> tuple[Body, Body, Body]:
    """A department, its agency, the agency's team."""
    top = body("top")
    middle = body("middle", top)
    return top, middle, body("bottom", middle)


@pytest.fixture
def administrator() -> Person:
    return person("Adam Administrator", is_administrator=True)


def sit(where: Body, role: str = Role.CONTACT) -> Person:
    return Membership.objects.create(person=person(f"{role} of {where.name}"), body=where, role=role).person


def history(of: Body) -> list[str]:
    return list(BodyEvent.objects.filter(body=of).order_by("pk").values_list("what", flat=True))


# --- moving ---


def test_a_moved_body_says_from_where_to_where_and_by_whom(
    tree: tuple[Body, Body, Body], administrator: Person
) -> None:
    top, _, bottom = tree
    assert changing.move(bottom, under=top, by=administrator, why="a new Act")
    event = BodyEvent.objects.get(body=bottom)
    assert (event.what, event.by) == ("moved", administrator)
    assert (event.before, event.after) == ({"parent": "middle"}, {"parent": "top", "why": "a new Act"})
    assert not changing.move(bottom, under=top, by=administrator)
    assert changing.move(bottom, under=None, by=administrator)
    assert history(bottom) == ["moved", "moved"]


def test_a_sponsor_that_becomes_the_parent_is_no_sponsor_any_more(
    tree: tuple[Body, Body, Body], administrator: Person
) -> None:
    top, _, bottom = tree
    Sponsor.objects.create(body=bottom, sponsor=top)
    changing.move(bottom, under=top, by=administrator)
    assert not Sponsor.objects.exists()


def test_a_body_moves_neither_under_itself_nor_below_nor_under_what_is_closed(
    tree: tuple[Body, Body, Body], administrator: Person
) -> None:
    top, middle, bottom = tree
    shut = body("shut")
    Body.objects.filter(pk=shut.pk).update(closed=timezone.localdate())
    for what, under, said in ((top, top, "under itself"), (top, bottom, "hangs below"), (bottom, shut, "is closed")):
        with pytest.raises(Refused, match=said):
            changing.move(what, under=under, by=administrator)
    with pytest.raises(Refused, match="stays where it was"):
        changing.move(shut, under=top, by=administrator)
    assert not BodyEvent.objects.exists()
    assert Body.objects.get(pk=middle.pk).parent == top


@pytest.mark.django_db(transaction=True)
def test_two_movers_who_would_make_a_circle_together_are_told_one_after_the_other() -> None:
    left, right = body("left"), body("right")
    who = person(is_administrator=True)
    start = threading.Barrier(2)
    refused: list[str] = []

    def move(what: Body, under: Body) -> None:
        try:
            start.wait(timeout=20)
            changing.move(what, under=under, by=who)
        except Refused as error:
            refused.append(str(error))
        finally:
            connection.close()

    movers = [threading.Thread(target=move, args=pair) for pair in ((left, right), (right, left))]
    for mover in movers:
        mover.start()
    for mover in movers:
        mover.join(timeout=60)
    assert len(refused) == 1
    assert "hangs below" in refused[0]


@pytest.mark.django_db(transaction=True)
def test_no_body_moves_where_a_snapshot_would_hide_what_others_moved() -> None:
    top, bottom = body("top"), body("bottom")

    def move() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("UPDATE departments_body SET parent_id = %s WHERE id = %s", [top.pk, bottom.pk])

    with pytest.raises(NotSupportedError, match="READ COMMITTED"):
        move()


# --- adding and correcting ---


def test_a_new_body_is_there_with_all_that_was_said_of_it(tree: tuple[Body, Body, Body], administrator: Person) -> None:
    said = Particulars(
        name="Team  of\nTwo",
        kind="TEAM",
        domain="Exämple.gov.uk",
        opened=date(2020, 4, 1),
        aliases=("TT",),
        topics=("Foreign Affairs",),
        sponsors=("top",),
    )
    made = changing.add(tree[1], slug="two", by=administrator, particulars=said)
    assert particulars_of(Body.objects.get(pk=made.pk)) == Particulars(
        name="Team of Two",
        kind="team",
        domain="xn--exmple-cua.gov.uk",
        opened=date(2020, 4, 1),
        aliases=("TT",),
        topics=("foreign-affairs",),
        sponsors=("top",),
        calendar="england-and-wales",
    )
    assert history(made)[0] == "created"
    with pytest.raises(Refused, match="called two already"):
        changing.add(tree[1], slug="two", by=administrator, particulars=said)


def test_each_thing_that_changes_is_a_step_in_the_history_and_nothing_twice(
    tree: tuple[Body, Body, Body], administrator: Person
) -> None:
    bottom = tree[2]
    new = replace(particulars_of(bottom), name="New Name", aliases=("NN",), topics=("china",), may_issue=True)
    assert changing.change(bottom, by=administrator, particulars=new) == [
        "the name",
        "whether it may warn beyond its own branch",
        "its other names",
        "its remit",
    ]
    assert changing.change(bottom, by=administrator, particulars=new) == []
    assert history(bottom) == ["renamed", "may issue", "other names", "remit"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": " "}, "no name"),
        ({"name": "x" * 501}, "501 characters"),
        ({"kind": ""}, "no kind"),
        ({"domain": "not a domain"}, "not a mail domain"),
        ({"domain": "a@b.example"}, "not a mail domain"),
        ({"sponsors": ("bottom",)}, "its own sponsor"),
        ({"sponsors": ("nowhere",)}, "no open body 'nowhere'"),
        ({"sponsors": ("middle",)}, "not its sponsor as well"),
        ({"aliases": tuple(f"alias {n}" for n in range(51))}, "at most 50"),
        ({"topics": ("x" * 101,)}, "a topic of 101 characters"),
        ({"calendar": "cornwall"}, "'cornwall' are nobody's bank holidays"),
    ],
)
def test_what_is_wrong_with_a_body_is_said_and_nothing_is_changed(
    tree: tuple[Body, Body, Body], administrator: Person, wrong: dict[str, object], said: str
) -> None:
    bottom = tree[2]
    before = particulars_of(bottom)
    with pytest.raises(Refused, match=said):
        changing.change(bottom, by=administrator, particulars=replace(before, **wrong))  # type: ignore[arg-type]
    assert particulars_of(Body.objects.get(pk=bottom.pk)) == before
    assert history(bottom) == []


def test_whoever_changes_what_somebody_else_changed_meanwhile_is_told_so(
    tree: tuple[Body, Body, Body], administrator: Person
) -> None:
    bottom = tree[2]
    seen = particulars_of(bottom)
    changing.change(bottom, by=administrator, particulars=replace(seen, kind="unit"))
    with pytest.raises(Refused, match="while you were writing"):
        changing.change(bottom, by=administrator, particulars=replace(seen, name="Mine"), seen=seen)
    assert Body.objects.get(pk=bottom.pk).name == seen.name


def test_a_body_with_more_names_than_may_be_typed_can_still_be_changed(
    tree: tuple[Body, Body, Body], administrator: Person
) -> None:
    bottom = tree[2]
    BodyAlias.objects.bulk_create([BodyAlias(body=bottom, text=f"name {n}") for n in range(51)])
    now = particulars_of(bottom)
    assert changing.change(bottom, by=administrator, particulars=replace(now, kind="unit")) == ["the kind"]
    with pytest.raises(Refused, match="at most 50"):
        changing.change(bottom, by=administrator, particulars=replace(now, aliases=(*now.aliases, "one more")))


def test_whoever_moves_what_somebody_else_moved_meanwhile_is_told_so(
    tree: tuple[Body, Body, Body], administrator: Person
) -> None:
    other = body("other")
    client, address = signed_in(administrator), reverse("departments:move", args=["bottom"])
    assert '<input type="hidden" name="seen" value="under:middle">' in client.get(address).content.decode()
    changing.move(tree[2], under=tree[0], by=administrator)
    answer = client.post(address, {"under": "other", "why": "", "seen": "under:middle"})
    assert (answer.status_code, "hangs under Top now" in answer.content.decode()) == (422, True)
    assert 'value="under:middle"' in answer.content.decode()
    assert Body.objects.get(pk=tree[2].pk).parent == tree[0]
    assert client.post(address, {"under": "other", "why": "", "seen": "under:top"}).status_code == 303
    assert Body.objects.get(pk=tree[2].pk).parent == other
    changing.move(tree[2], under=None, by=administrator)
    assert 'value="under:"' in client.get(address).content.decode()
    assert client.post(address, {"under": "other", "why": "", "seen": "under:"}).status_code == 303


# --- holding ---


def test_holding_needs_the_consent_of_the_body_above_and_of_somebody_else(tree: tuple[Body, Body, Body]) -> None:
    _, middle, bottom = tree
    asker, above = sit(bottom), sit(middle)
    asked = holding.ask(bottom, hours=3, reason="We translate first.", by=asker)
    assert asked is not None
    assert Body.objects.get(pk=bottom.pk).policy == "automatic"
    with pytest.raises(Refused, match="open already"):
        holding.ask(bottom, hours=4, reason="Once more.", by=above)
    with pytest.raises(Refused, match="you asked for it yourself"):
        holding.decide(asked, granted=True, by=asker)
    with pytest.raises(IntegrityError), transaction.atomic():
        HoldRequest.objects.filter(pk=asked.pk).update(granted=True, decided_by=asker, decided_at=timezone.now())
    holding.decide(asked, granted=True, by=above)
    row = Body.objects.get(pk=bottom.pk)
    assert (row.policy, row.hold_hours) == ("hold", 3)
    with pytest.raises(Refused, match="decided already"):
        holding.decide(asked, granted=False, by=above)
    with pytest.raises(Refused, match="up to 3 h already"):
        holding.ask(bottom, hours=3, reason="The same.", by=asker)
    assert holding.ask(bottom, hours=2, reason="Less.", by=asker) is None
    assert Body.objects.get(pk=bottom.pk).hold_hours == 2
    holding.stop(bottom, by=asker)
    assert Body.objects.get(pk=bottom.pk).policy == "automatic"
    with pytest.raises(Refused, match="at once already"):
        holding.stop(bottom, by=asker)
    assert history(bottom) == ["asked to hold", "may hold", "holds for less", "holds no more"]


def test_a_refused_request_changes_nothing_but_the_history(tree: tuple[Body, Body, Body]) -> None:
    bottom = tree[2]
    asked = holding.ask(bottom, hours=3, reason="We translate first.", by=sit(bottom))
    assert asked is not None
    holding.decide(asked, granted=False, by=sit(tree[1]))
    assert Body.objects.get(pk=bottom.pk).policy == "automatic"
    assert history(bottom) == ["asked to hold", "may not hold"]
    holding.ask(bottom, hours=1, reason="Less.", by=sit(bottom))


@pytest.mark.parametrize(("hours", "reason"), [(0, "x"), (25, "x"), (2, " "), (2, "x" * 501)])
def test_a_request_says_for_how_long_and_why(tree: tuple[Body, Body, Body], hours: int, reason: str) -> None:
    with pytest.raises(Refused):
        holding.ask(tree[2], hours=hours, reason=reason, by=sit(tree[2]))


# --- the pages ---


def test_only_an_administrator_opens_the_pages_that_change_a_body(
    tree: tuple[Body, Body, Body], administrator: Person
) -> None:
    contact, auditor = signed_in(sit(tree[1])), signed_in(person(is_auditor=True))
    names = ("change", "move", "close", "add", "reopen")
    for address in [reverse(f"departments:{name}", args=["bottom"]) for name in names] + [reverse("directory:add")]:
        assert signed_in(administrator).get(address).status_code == 200
        for client in (contact, auditor):
            assert client.get(address).status_code == 403
            assert client.post(address, {"name": "x"}).status_code == 403
        assert Client().get(address).status_code == 302
    assert not BodyEvent.objects.exists()


def test_a_body_is_added_moved_and_changed_on_its_pages(tree: tuple[Body, Body, Body], administrator: Person) -> None:
    client = signed_in(administrator)
    answer = client.post(reverse("departments:add", args=["top"]), {"name": "Fresh", "slug": "fresh", "kind": "unit"})
    assert (answer.status_code, answer["Location"]) == (303, reverse("departments:body", args=["fresh"]))
    answer = client.post(reverse("departments:move", args=["fresh"]), {"under": "Middle", "why": "reform"}, follow=True)
    assert "hangs under Middle now" in answer.content.decode()
    page = client.get(reverse("departments:change", args=["fresh"]))
    seen = page.context["seen"]
    form = {"name": "Fresher", "kind": "unit", "aliases": "FR\n\nFrsh\n", "seen": seen}
    answer = client.post(reverse("departments:change", args=["fresh"]), form, follow=True)
    assert "Changed: the name, its other names." in answer.content.decode()
    fresh = Body.objects.get(slug="fresh")
    assert (fresh.name, fresh.parent) == ("Fresher", tree[1])
    words = answer.content.decode()
    for told in ("renamed from Fresh to Fresher", "moved from top to middle (reform)", "by Adam Administrator"):
        assert told in words


def test_a_wrong_form_comes_back_with_all_that_was_typed(tree: tuple[Body, Body, Body], administrator: Person) -> None:
    client = signed_in(administrator)
    answer = client.post(reverse("departments:move", args=["bottom"]), {"under": "no such body", "why": "<reform>"})
    words = answer.content.decode()
    assert answer.status_code == 422
    assert "No body is called “no such body”" in words
    assert "&lt;reform&gt;" in words
    assert 'href="#id_under"' in words
    answer = client.post(reverse("departments:move", args=["top"]), {"under": "bottom"})
    assert (answer.status_code, "hangs below Top" in answer.content.decode()) == (422, True)
    answer = client.post(reverse("departments:change", args=["bottom"]), {"name": "x", "kind": "y", "seen": "forged"})
    assert (answer.status_code, "came back damaged" in answer.content.decode()) == (422, True)
    answer = client.post(reverse("departments:add", args=["top"]), {"name": "x", "kind": "y", "slug": "a/b"})
    assert (answer.status_code, "letters a to z" in answer.content.decode()) == (422, True)


def test_closing_shows_first_what_will_happen(tree: tuple[Body, Body, Body], administrator: Person) -> None:
    _, middle, bottom = tree
    sit(middle)
    client, address = signed_in(administrator), reverse("departments:close", args=["middle"])
    form = {"on": timezone.localdate().isoformat(), "why": "Abolished.", "successor": ""}
    words = client.post(address, form).content.decode()
    assert "1 person sits nowhere else" in words
    assert "contact of Middle" in words
    assert Body.objects.get(pk=middle.pk).closed is None
    answer = client.post(address, {**form, "sure": "yes"}, follow=True)
    assert "1 of its people now sit nowhere" in answer.content.decode()
    assert Body.objects.get(pk=middle.pk).closed == timezone.localdate()
    answer = client.post(address, {**form, "sure": "yes"})
    assert (answer.status_code, "already" in answer.content.decode()) == (422, True)
    client.post(reverse("departments:reopen", args=["middle"]), {"why": "The wrong one."})
    assert Body.objects.get(pk=middle.pk).closed is None
    assert Body.objects.get(pk=bottom.pk).parent == tree[0]


def test_a_merger_on_the_page_names_who_takes_over(tree: tuple[Body, Body, Body], administrator: Person) -> None:
    client, address = signed_in(administrator), reverse("departments:close", args=["bottom"])
    sit(tree[2])
    form = {"on": timezone.localdate().isoformat(), "why": "Merged.", "successor": "top"}
    Body.objects.filter(slug="bottom").update(may_issue=True)
    words = client.post(address, form).content.decode()
    assert "1 person goes to Top in the same role" in words
    assert "Top may then warn beyond its own branch" in words
    client.post(address, {**form, "sure": "yes"})
    assert Body.objects.get(slug="bottom").successor == tree[0]
    assert "Took over from" in client.get(reverse("departments:body", args=["top"])).content.decode()
    assert "Merged. (1 place ended)" in client.get(reverse("departments:body", args=["bottom"])).content.decode()


def test_the_people_above_consent_on_the_bodys_page_and_others_cannot(tree: tuple[Body, Body, Body]) -> None:
    _, middle, bottom = tree
    asker, above, beside = sit(bottom), sit(middle), sit(body("beside"))
    address = reverse("departments:hold", args=["bottom"])
    assert signed_in(beside).post(address, {"hours": 2, "reason": "x"}).status_code == 403
    assert signed_in(asker).post(address, {"hours": 99, "reason": "x"}).status_code == 422
    answer = signed_in(asker).post(address, {"hours": 2, "reason": "We translate first."}, follow=True)
    assert "until Middle consents" in answer.content.decode()
    asked = HoldRequest.objects.get()
    decide = reverse("departments:decide_hold", args=["bottom", asked.pk])
    assert signed_in(asker).post(decide, {"answer": "grant"}).status_code == 403
    assert signed_in(beside).post(decide, {"answer": "grant"}).status_code == 403
    assert signed_in(above).get(decide).status_code == 405
    page = signed_in(above).get(reverse("departments:body", args=["bottom"])).content.decode()
    assert "We translate first." in page
    assert ">Consent</button>" in page
    signed_in(above).post(decide, {"answer": "perhaps"})
    assert HoldRequest.objects.get().granted is None
    signed_in(above).post(decide, {"answer": "grant"})
    assert Body.objects.get(pk=bottom.pk).hold_hours == 2
    stop = reverse("departments:stop_holding", args=["bottom"])
    assert signed_in(beside).post(stop).status_code == 403
    signed_in(asker).post(stop)
    assert Body.objects.get(pk=bottom.pk).hold_hours == 0


def test_bodies_are_offered_while_one_types(tree: tuple[Body, Body, Body], administrator: Person) -> None:
    words = signed_in(administrator).get(reverse("directory:suggest"), {"under": "mid"}).content.decode()
    assert '<option value="middle">Middle, under Top</option>' in words
    assert "option" not in signed_in(administrator).get(reverse("directory:suggest")).content.decode()
    assert Client().get(reverse("directory:suggest")).status_code == 302
