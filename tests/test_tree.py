"""The tree: walking it, and what the database refuses whoever tries."""

import threading

import pytest
from django.db import IntegrityError, connection, transaction

from departments import tree
from departments.models import Body, Sponsor
from tests.rows import body

pytestmark = pytest.mark.django_db


@pytest.fixture
def line() -> tuple[Body, Body, Body]:
    """A department, its agency, the agency's team."""
    top = body("top")
    middle = body("middle", top)
    return top, middle, body("bottom", middle)


def test_ancestors_come_nearest_first(line: tuple[Body, Body, Body]) -> None:
    top, middle, bottom = line
    assert tree.ancestors(bottom.pk) == [middle.pk, top.pk]
    assert tree.ancestors(top.pk) == []


def test_a_branch_holds_the_body_itself_and_all_below_it(line: tuple[Body, Body, Body]) -> None:
    top, middle, bottom = line
    body("elsewhere")
    assert sorted(tree.branch(middle.pk)) == [middle.pk, bottom.pk]
    assert sorted(tree.branch(top.pk)) == [top.pk, middle.pk, bottom.pk]


def test_a_path_reads_from_the_root_to_the_body(line: tuple[Body, Body, Body]) -> None:
    assert [one.slug for one in tree.path(line[2].pk)] == ["top", "middle", "bottom"]


def test_bodies_that_sponsor_each_other_are_walked_once(line: tuple[Body, Body, Body]) -> None:
    top, _, bottom = line
    other = body("other")
    Sponsor.objects.create(body=other, sponsor=bottom)
    Sponsor.objects.create(body=top, sponsor=other)
    assert tree.reached_from([other.pk]) == {other.pk, *(one.pk for one in line)}
    assert tree.branches([other.pk]) == {other.pk}


def test_the_database_refuses_a_body_as_its_own_ancestor(line: tuple[Body, Body, Body]) -> None:
    top, _, bottom = line
    Body.objects.filter(pk=top.pk).update(parent=bottom)
    with pytest.raises(IntegrityError, match="its own ancestor"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    Body.objects.filter(pk=top.pk).update(parent=None)


def test_the_database_refuses_a_body_as_its_own_parent() -> None:
    alone = body("alone")
    with pytest.raises(IntegrityError), transaction.atomic():
        Body.objects.filter(pk=alone.pk).update(parent=alone)


@pytest.mark.django_db(transaction=True)
def test_two_moves_that_make_a_circle_only_together_do_not_both_happen() -> None:
    left, right = body("left"), body("right")
    both_moved = threading.Barrier(2)
    refused: list[str] = []

    def move(what: Body, under: Body) -> None:
        try:
            with transaction.atomic():
                Body.objects.filter(pk=what.pk).update(parent=under)
                both_moved.wait(timeout=20)
        except IntegrityError as error:
            refused.append(str(error))
        finally:
            connection.close()

    moves = [threading.Thread(target=move, args=pair) for pair in ((left, right), (right, left))]
    for one in moves:
        one.start()
    for one in moves:
        one.join(timeout=60)
    assert len(refused) == 1
    assert "its own ancestor" in refused[0]
    assert Body.objects.filter(parent=None).count() == 1
