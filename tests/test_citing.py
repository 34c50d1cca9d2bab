"""Kept figures: a code that survives the telephone, a copy that nothing changes, and who may open it."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, transaction

from alerts.coverage import citing
from alerts.coverage.scope import scope
from alerts.models import Advisory, Citation, Record, Relay
from departments.models import Body, Membership, Person
from tests import rows

pytestmark = pytest.mark.django_db

AT = datetime(2020, 4, 24, 15, 24, tzinfo=UTC)


@pytest.fixture
def auditor() -> Person:
    return rows.person("Audrey Auditor", is_auditor=True)


@pytest.fixture
def tree() -> Advisory:
    """Parliament above the Commons, and a treasury beside it; the Commons sponsors a board below the treasury."""
    advisory = rows.advisory()
    parliament = rows.relay(advisory, "parliament")
    rows.relay(advisory, "commons", parliament)
    rows.relay(advisory, "treasury")
    return advisory


def kept(advisory: Advisory, by: Person, *, bodies: list[int] | None = None, of: str = "", shown: str = "") -> Citation:
    body = Body.objects.get(slug=of) if of else None
    relay = Relay.objects.get(advisory=advisory, body=body).pk if body else None
    content = {"v": 1, "record": "So it was."}
    return citing.keep(advisory, scope(advisory.pk, bodies, relay), body, by, content, "<svg/>", b"png", AT, shown)


def contact(slug: str) -> Person:
    person = rows.person(f"Contact {slug}")
    Membership.objects.create(person=person, body=Body.objects.get(slug=slug), role="contact")
    return person


def test_a_code_is_read_however_it_is_typed(tree: Advisory, auditor: Person) -> None:
    code = kept(tree, auditor).code
    assert len(code) == 8
    assert set(code) <= set(citing.SYMBOLS)
    spelled = citing.spelled(code)
    assert spelled == f"{code[:4]}-{code[4:]}"
    heard = spelled.replace("0", "O").replace("1", "l")
    for typed in (
        code,
        spelled,
        spelled.lower(),
        f"  {' '.join(spelled)} ",
        heard,
        f"{heard.lower()}.",
        code.replace("1", "I"),
    ):
        assert citing.read(typed) == code
    wide = "".join(chr(ord(one) + 0xFEE0) for one in code)
    assert citing.read(wide) == code
    for no_code in ("", "U", code[:-1], f"{code}0", f"U{code[1:]}", "x" * 1000, "é" * 8, "\0" * 8):
        assert citing.read(no_code) == ""


def test_one_wrong_character_or_two_that_changed_places_are_always_found(tree: Advisory, auditor: Person) -> None:
    for number in range(5):
        code = kept(tree, auditor, shown=str(number)).code
        for place, other in itertools.product(range(8), citing.SYMBOLS):
            if other != code[place]:
                assert citing.read(code[:place] + other + code[place + 1 :]) == ""
        for one, two in itertools.combinations(range(8), 2):
            swapped = list(code)
            swapped[one], swapped[two] = swapped[two], swapped[one]
            assert citing.read("".join(swapped)) == ("" if code[one] != code[two] else code)


def test_it_is_kept_once_for_a_page_and_never_changed(tree: Advisory, auditor: Person) -> None:
    other = rows.person("Oscar Other", is_auditor=True)
    first = kept(tree, auditor, shown="2020-04-24T15:24")
    assert kept(tree, auditor, shown="2020-04-24T15:24").pk == first.pk
    assert citing.kept_before(tree, scope(tree.pk), None, auditor, "2020-04-24T15:24") == first
    assert citing.kept_before(tree, scope(tree.pk), None, auditor, "2020-04-24T15:25") is None
    of_another_page = kept(tree, auditor, shown="2020-04-24T15:25")
    of_a_branch = kept(tree, auditor, shown="2020-04-24T15:24", of="commons")
    of_somebody_else = kept(tree, other, shown="2020-04-24T15:24")
    assert len({first.pk, of_another_page.pk, of_a_branch.pk, of_somebody_else.pk}) == 4
    entries = Record.objects.filter(kind="figures kept", subject=tree.reference).order_by("pk")
    assert entries[0].details["code"] == citing.spelled(first.code)
    assert entries.count() == 4
    for change in (
        lambda: Citation.objects.filter(pk=first.pk).update(at=datetime.now(UTC)),
        lambda: Citation.objects.filter(pk=first.pk).delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    found = citing.find(first.code)
    assert found is not None
    assert (found.at, bytes(found.png), found.svg, found.content["record"]) == (AT, b"png", "<svg/>", "So it was.")


def test_a_code_that_is_taken_gives_way_to_another_one(
    tree: Advisory, auditor: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = citing._made
    monkeypatch.setattr(citing, "_made", lambda stem: made("same") if stem.endswith(":0") else made(stem))
    first, second = kept(tree, auditor, shown="a"), kept(tree, auditor, shown="b")
    assert first.code != second.code
    assert kept(tree, auditor, shown="b").pk == second.pk
    assert citing.kept_before(tree, scope(tree.pk), None, auditor, "b") == second


def test_whoever_sees_as_much_today_may_open_it_and_nobody_else(tree: Advisory, auditor: Person) -> None:
    everything, of_commons = kept(tree, auditor), kept(tree, auditor, of="commons")
    above, there, beside, nobody = contact("parliament"), contact("commons"), contact("treasury"), rows.person("Nora")
    administrator = rows.person("Adam", is_administrator=True)
    for person, opens in (
        (auditor, (True, True)),
        (administrator, (True, True)),
        (above, (False, True)),
        (there, (False, True)),
        (beside, (False, False)),
        (nobody, (False, False)),
    ):
        assert (citing.may_open(person, everything), citing.may_open(person, of_commons)) == opens
    branch = list(Body.objects.filter(slug__in=["parliament", "commons"]).values_list("pk", flat=True))
    own = kept(tree, above, bodies=branch)
    assert own.bodies == sorted(branch)
    assert own.content["tops"] == [Body.objects.get(slug="parliament").pk]
    assert [citing.may_open(one, own) for one in (auditor, above, there, beside)] == [True, True, False, False]
    Membership.objects.filter(person=above).update(role="member")
    assert not citing.may_open(Person.objects.get(pk=above.pk), own)


def test_a_body_that_moved_away_is_its_old_branchs_no_more_in_what_was_kept(tree: Advisory, auditor: Person) -> None:
    above, commons = contact("parliament"), Body.objects.get(slug="commons")
    branch = list(Body.objects.filter(slug__in=["parliament", "commons"]).values_list("pk", flat=True))
    shown = [
        kept(tree, above, bodies=branch),
        kept(tree, above, bodies=branch, of="parliament"),
        kept(tree, auditor, of="parliament"),
    ]
    assert all(citing.may_open(above, one) for one in shown)
    Body.objects.filter(pk=commons.pk).update(parent=Body.objects.get(slug="treasury"))
    Relay.objects.filter(body=commons).update(parent=None, path=[Relay.objects.get(body=commons).pk])
    assert not any(citing.may_open(above, one) for one in shown)
    assert all(citing.may_open(auditor, one) for one in shown)


def test_a_branch_that_holds_more_than_one_sees_by_its_sponsor_stays_closed(tree: Advisory, auditor: Person) -> None:
    """Relays may stand below a body that is no ancestor of theirs: its contact does not see them, in no page."""
    commons = Relay.objects.get(body__slug="commons")
    board = rows.relay(tree, "board")
    Relay.objects.filter(pk=board.pk).update(path=[*commons.path, board.pk], parent=commons)
    of_commons = kept(tree, auditor, of="commons")
    assert not citing.may_open(contact("commons"), of_commons)
    assert citing.may_open(auditor, of_commons)
