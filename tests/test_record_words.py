"""The paragraph for the record: what a minister can read out, in every scene that there is."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from alerts.coverage.figures import Bodies, Figures, MailStates
from alerts.models import Advisory, Revision
from alerts.web.coverage.held import Passed
from alerts.web.coverage.view import CoverageView
from alerts.web.left_out import LeftOut
from alerts.web.parts import Parts
from alerts.web.record_words import for_the_record, listed
from departments.models import Body, Person

AT = datetime(2020, 4, 24, 15, 24, tzinfo=UTC)  # 16:24 in London


def an_advisory(number: int = 1, **changes: Any) -> Advisory:
    about = {"reference": "ADV-2020-0017", "marking": "GREEN", "state": "live", "severity": "high", **changes}
    return Advisory(
        **about, issuer=Body(name="The Centre"), current=Revision(number=number, content={"title": "Do not use  Zoom"})
    )


def named(*names: str) -> list[Any]:
    return [SimpleNamespace(name=name, rung=None) for name in names]


def a_view(parts: Parts, bodies: Bodies, **changes: Any) -> CoverageView:
    """What a page shows: of people only those of `parts`, whose answers did all that was asked."""
    nothing: dict[str, Any] = {field.name: [] for field in fields(CoverageView)}
    delivery = changes.get("reports_delivery", True)
    about: dict[str, Any] = {
        "everything": True,
        "of": None,
        "own": False,
        "as_at": AT,
        "figures": Figures(targeted=parts.total, acted=parts.answered),
        "parts": parts,
        "not_told": parts.not_told(delivery),
        "bodies": bodies,
        "reports_delivery": delivery,
        "mail": MailStates(),
        "passed": None,
        "matching": 0,
        "to_decide": False,
    }
    return CoverageView(**{**nothing, **about, **changes})


def left_out(*names: str, until: datetime | None = None) -> LeftOut:
    bodies = [Body(name=name) for name in names]
    return LeftOut(bodies, "told through their own centre", Person(name="Olive Officer"), AT, until)


def test_many_are_told_of_by_their_moment_their_reasons_and_the_dark_bodies_by_name() -> None:
    view = a_view(
        Parts(answered=4812, told=1630, sent=640, held=512, waiting=1, dark=345),
        Bodies(targeted=286, dark=12),
        dark_named=named("Foreign Affairs Committee", "Intelligence and Security Committee"),
        left_out=[left_out("Devolved Administrations", until=AT + timedelta(days=1))],
    )
    advisory = an_advisory(
        2, marking="AMBER", open_title="Advice on video meetings", acknowledge_by=AT + timedelta(hours=2)
    )
    assert for_the_record(advisory, view) == (
        "TLP:AMBER. ADV-2020-0017 (“Advice on video meetings”), issued by The Centre, revision 2. "
        "As at 16:24 BST on 24 April 2020, 6,442 of the 7,940 people in the 286 bodies that it is for had been told, and 4,812 "
        "had answered. 1,498 had not been told: 512 were held by contacts of their bodies; 1 was waiting to be sent it; "
        "640 had been sent it, without word that it had arrived; and 345 could not be reached at the addresses known. "
        "Answers are due by 18:24 BST on 24 April 2020. "
        "Nobody could be told in 12 bodies: Foreign Affairs Committee, Intelligence and Security Committee and 10 more. "
        "Left out on purpose: Devolved Administrations (“told through their own centre”, signed by Olive Officer on "
        "24 April 2020, to be looked at again by 25 April 2020)."
    )


def test_one_person_and_one_body_are_said_in_the_singular() -> None:
    one = Bodies(targeted=1)
    whom = "As at 16:24 BST on 24 April 2020, the one person in the one body that it is for"
    for parts, said in (
        (Parts(answered=1), "had been told, and had answered."),
        (Parts(told=1), "had been told, and had not answered."),
        (
            Parts(dark=1),
            "had not been told: they could not be reached at the addresses known.",
        ),
    ):
        assert f"{whom} {said}" in for_the_record(an_advisory(), a_view(parts, one))


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (
            Parts(answered=20),
            "all 20 people in the 3 bodies that it is for had been told, and all of them had answered.",
        ),
        (Parts(answered=1, told=19), "all 20 people in the 3 bodies that it is for had been told, and 1 had answered."),
        (Parts(told=20), "all 20 people in the 3 bodies that it is for had been told, and nobody had answered."),
        (
            Parts(waiting=20),
            "none of the 20 people in the 3 bodies that it is for had been told: they were waiting to be sent it.",
        ),
        (
            Parts(answered=1, waiting=19),
            "1 of the 20 people in the 3 bodies that it is for had been told, and had answered.",
        ),
    ],
)
def test_everybody_and_nobody_are_said_so(parts: Parts, said: str) -> None:
    assert said in for_the_record(an_advisory(), a_view(parts, Bodies(targeted=3)))


def test_where_there_is_nobody_it_does_not_say_that_all_went_well() -> None:
    for bodies, said in (
        (Bodies(), "it was for nobody yet."),
        (Bodies(targeted=2, dark=2), "nobody could be told in the 2 bodies that it is for: A and B."),
        (Bodies(targeted=2), "nobody had been found yet who could be told in the 2 bodies that it is for."),
    ):
        record = for_the_record(an_advisory(), a_view(Parts(), bodies, dark_named=named("A", "B")))
        assert f"As at 16:24 BST on 24 April 2020, {said}" in record
        assert record.count("A and B") == said.count("A and B")


def test_a_branch_that_is_one_dark_body_is_named_once() -> None:
    dark: dict[str, Any] = {
        "of": Body(name="Foreign Affairs Committee"),
        "dark_named": named("Foreign Affairs Committee"),
    }
    for own, itself in ((False, ""), (True, " itself")):
        record = for_the_record(an_advisory(), a_view(Parts(), Bodies(targeted=1, dark=1), own=own, **dark))
        assert record.endswith(f"nobody could be told in Foreign Affairs Committee{itself}.")
        assert record.count("Foreign Affairs Committee") == 1


def test_a_branch_is_named_and_so_are_the_branches_of_whoever_looks() -> None:
    parts, many = Parts(answered=2, told=1), Bodies(targeted=12)
    of = Body(name="Parliament")
    record = for_the_record(an_advisory(), a_view(parts, many, of=of))
    assert "all 3 people in Parliament and the bodies below it (12 bodies in all) had been told" in record
    assert "Whoever sits in two of these bodies is counted in both." in record
    assert "people in Parliament had been told" in for_the_record(
        an_advisory(), a_view(parts, Bodies(targeted=1), of=of)
    )
    assert "people in Parliament itself had" in for_the_record(an_advisory(), a_view(parts, many, of=of, own=True))
    tops = [SimpleNamespace(level=0, row=body) for body in named("Treasury", "Cabinet Office")]
    below = [SimpleNamespace(level=1, row=body) for body in named("Debt Office")]
    record = for_the_record(an_advisory(), a_view(parts, many, everything=False, lines=[*tops, *below]))
    assert "people in Treasury, Cabinet Office and the bodies below them (12 bodies in all) had" in record
    record = for_the_record(an_advisory(), a_view(parts, many, everything=False, lines=tops, matching=2))
    assert "people in 12 bodies of those that it is for had" in record


def test_where_no_route_reports_delivery_told_is_explained() -> None:
    bodies = Bodies(targeted=3)
    record = for_the_record(an_advisory(), a_view(Parts(answered=2, sent=5), bodies, reports_delivery=False))
    assert "all 7 people" in record
    assert "a mail server had taken the mail; whether it was delivered is not reported." in record
    record = for_the_record(
        an_advisory(), a_view(Parts(told=3, sent=5), bodies, reports_delivery=False, figures=Figures(delivered=3))
    )
    assert "had taken the mail; of some of them it was reported as delivered." in record
    assert "“Told” means" not in for_the_record(
        an_advisory(), a_view(Parts(answered=2), bodies, reports_delivery=False)
    )


def test_who_follows_the_old_advice_and_who_did_nothing_yet_is_said() -> None:
    figures = Figures(targeted=9, acknowledged=5, acted=2, former=3)
    view = a_view(Parts(answered=5, told=4), Bodies(targeted=1), figures=figures, apart=["2 told through their office"])
    record = for_the_record(an_advisory(2), view)
    assert "3 had answered an earlier revision and not this one, and may still have followed the old advice." in record
    assert "had been told, 5 had answered, and 2 had done all that it asks for." in record
    assert "Counted apart: 2 told through their office." in record
    view = a_view(Parts(answered=5), Bodies(targeted=1), figures=Figures(targeted=5, acknowledged=5))
    assert "all of them had answered, but none of them had done all that it asks for." in for_the_record(
        an_advisory(), view
    )


def test_the_deadline_is_said_as_it_stood_and_not_of_what_is_stood_down() -> None:
    view = a_view(Parts(told=1), Bodies(targeted=1))
    past, coming = AT - timedelta(hours=1), AT + timedelta(days=1)
    said = "Answers were due by 15:24 BST on 24 April 2020, which had passed."
    assert said in for_the_record(an_advisory(acknowledge_by=past), view)
    assert "Answers are due by 16:24 BST on 25 April 2020." in for_the_record(an_advisory(acknowledge_by=coming), view)
    record = for_the_record(an_advisory(acknowledge_by=past, state="stood-down"), view)
    assert "It had been stood down." in record
    assert "Answers were due" not in record
    assert "It had expired" in for_the_record(an_advisory(state="expired"), view)
    assert "Sending had been stopped at 15:24 BST on 24 April 2020." in for_the_record(
        an_advisory(stopped_at=past), view
    )


@pytest.mark.parametrize("marking", ["AMBER", "AMBER+STRICT", "RED"])
def test_from_amber_up_it_is_called_by_its_open_title_alone(marking: str) -> None:
    view = a_view(Parts(told=1), Bodies(targeted=1))
    record = for_the_record(an_advisory(marking=marking, open_title="Advice"), view)
    assert record.startswith(f"TLP:{marking}. ADV-2020-0017 (“Advice”), issued by The Centre. ")
    assert "Zoom" not in record
    assert for_the_record(an_advisory(), view).startswith("TLP:GREEN. ADV-2020-0017 (“Do not use Zoom”), issued by ")


def test_a_drill_says_so_first() -> None:
    record = for_the_record(an_advisory(exercise=True), a_view(Parts(told=1), Bodies(targeted=1)))
    assert record.startswith("EXERCISE: this was a drill. TLP:GREEN.")


def test_every_omission_has_its_signature_and_what_is_undecided_is_no_omission() -> None:
    other = replace(left_out("Moor"), reason="not theirs")
    held = Passed(["Held by A for 2 h"], 3, timedelta(hours=3, minutes=58))
    view = a_view(
        Parts(told=1),
        Bodies(targeted=1),
        left_out=[left_out("Devolved", "Crown"), replace(left_out("Board"), at=AT + timedelta(days=1)), other],
        undecided=[Body(name=f"Far {number:02d}") for number in range(12)],
        passed=held,
        mail=MailStates(late=1, complained=2),
    )
    record = for_the_record(an_advisory(), view)
    signed = "“told through their own centre”, signed by Olive Officer"
    assert (
        f"Left out on purpose: Devolved, Crown and Board ({signed} from 24 April 2020 to 25 April 2020); "
        "Moor (“not theirs”, signed by Olive Officer on 24 April 2020)." in record
    )
    assert "Whether it concerns Far 00, Far 01, " in record
    assert "Far 09 and 2 more had not been decided." in record
    assert "It was held first by the contacts of 3 bodies, for at most 3 h 58 min." in record
    assert "To 1 it was delayed by their mail server. 2 had reported the mail as spam." in record


def test_names_with_commas_are_told_apart() -> None:
    assert listed(["A"]) == "A"
    assert listed(["A", "B", "C"]) == "A, B and C"
    assert (
        listed(["Digital, Culture, Media and Sport", "Treasury"]) == "Digital, Culture, Media and Sport; and Treasury"
    )


def test_whom_their_office_told_no_mail_server_is_said_to_have_taken_the_mail_for() -> None:
    """Nor is anything said of delivery where the mail of nobody who is silent went that way."""
    bodies, office = Bodies(targeted=3), {"figures": Figures(targeted=7, office=2), "reports_delivery": False}
    record = for_the_record(an_advisory(), a_view(Parts(told=2, sent=5), bodies, **office))
    assert (
        "“Told” means that a mail server had taken the mail, or that their office told them; "
        "whether it was delivered is not reported." in record
    )
    assert "“Told” means" not in for_the_record(an_advisory(), a_view(Parts(told=7), bodies, **office))
