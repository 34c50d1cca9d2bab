"""The demo's data: true to its contracts, and the same on every start."""

import csv
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from demo import cast, particulars, people, refusals, staffing
from demo.bodies import BODIES_CSV, ancestry, children, tree
from demo.domains import domain_of
from departments.models import Calendar

DEMO = Path(people.__file__).parent
ROLES = {"member", "contact", "deputy", "head", "officer"}
KEYS = {
    "title", "open_title", "severity", "marking", "summary", "guidance", "do_not_use_for", "still_fine_for",
    "use_instead", "actions", "topics", "audience", "rule", "acknowledge_within", "review_by", "exercise",
}  # fmt: skip
DURATION = re.compile(r"P(?=.)(\d+W|(\d+D)?(T(?=.)(\d+H)?(\d+M)?)?)")
WELL_KNOWN = """
Keir Starmer,Rishi Sunak,Boris Johnson,Theresa May,David Cameron,Gordon Brown,Tony Blair,Liz Truss,Rachel Reeves,
David Lammy,Angela Rayner,Yvette Cooper,Wes Streeting,Ed Miliband,Bridget Phillipson,Shabana Mahmood,John Healey,
Kemi Badenoch,Priti Patel,Nigel Farage,Ed Davey,Diane Abbott,Jeremy Corbyn,Sadiq Khan,Emily Thornberry,Tom Tugendhat,
Dominic Raab,Michael Gove,Jeremy Hunt,Penny Mordaunt,Suella Braverman,Sajid Javid,Nicola Sturgeon,John Swinney,
Humza Yousaf,Eluned Morgan,Mark Drakeford,Lindsay Hoyle,Bob Stewart,Iain Duncan Smith,Layla Moran,Alicia Kearns,
Hilary Benn,Lisa Nandy,Peter Kyle,Liam Byrne,Meg Hillier,Bernard Jenkin,Jacob Rees-Mogg,Caroline Lucas,Dawn Butler
"""


@pytest.fixture(scope="module")
def rows() -> list[tuple[str, str, str, str]]:
    return list(people.rows())


def test_the_tree_has_the_columns_of_the_contract_and_each_slug_once() -> None:
    with BODIES_CSV.open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["slug", "name", "kind", "parent", "topics"]
    assert {len(line) for line in lines} == {5}
    assert len(tree()) == len(lines) - 1 >= 250
    for body in tree().values():
        assert body.name.strip() == body.name
        assert body.kind == body.kind.lower()
        assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", word) for word in (body.slug, *body.topics))


def test_every_parent_stands_before_its_children_so_that_no_body_is_above_itself() -> None:
    seen: set[str] = set()
    for body in tree().values():
        assert not body.parent or body.parent in seen, body.slug
        seen.add(body.slug)


def test_the_tree_is_four_levels_deep_in_both_branches() -> None:
    depth = Counter[str]()
    for slug in tree():
        path = list(ancestry(slug))
        depth[path[-1]] = max(depth[path[-1]], len(path))
    assert depth["his-majestys-government"] >= 4
    assert depth["parliament"] >= 4


def test_the_ncsc_answers_to_gchq_and_gchq_to_the_foreign_office() -> None:
    assert list(ancestry("national-cyber-security-centre"))[1:] == [
        "government-communications-headquarters",
        "foreign-commonwealth-development-office",
        "his-majestys-government",
    ]


def test_people_are_the_same_in_every_process(rows: list[tuple[str, str, str, str]]) -> None:
    script = "from demo.people import rows; import sys; sys.stdout.buffer.write(repr(list(rows())).encode())"
    for seed in ("0", "1"):
        again = subprocess.run(  # hashing is randomised per process; the people must not be
            [sys.executable, "-c", script],
            capture_output=True,
            check=True,
            cwd=DEMO.parent,
            env={"PYTHONHASHSEED": seed},
        )
        assert again.stdout.decode() == repr(rows)


def test_every_address_is_an_example_and_has_one_spelling_and_one_name(rows: list[tuple[str, str, str, str]]) -> None:
    names: dict[str, str] = {}
    for email, name, _, _ in rows:
        assert re.fullmatch(r"[a-z0-9][a-z0-9.'-]*@[a-z0-9.-]+\.example", email), email
        assert ".." not in email
        assert len(email.partition("@")[0]) <= 64
        assert names.setdefault(email, name) == name
    assert 4_000 <= len(names) <= 6_000


def test_nobody_stands_twice_in_a_body_and_all_bodies_and_roles_exist(rows: list[tuple[str, str, str, str]]) -> None:
    assert len({(email, body) for email, _, body, _ in rows}) == len(rows)
    assert {body for _, _, body, _ in rows} <= set(tree())
    assert {role for _, _, _, role in rows} == ROLES


def test_some_bodies_have_nobody_to_tell_and_the_foreign_affairs_committee_is_not_one(
    rows: list[tuple[str, str, str, str]],
) -> None:
    nobody = set(tree()) - {body for _, _, body, _ in rows}
    assert nobody == staffing.DARK
    assert len(nobody) >= 8
    assert "intelligence-and-security-committee-of-parliament" in nobody
    assert "foreign-affairs-committee" not in nobody


def test_the_directory_is_as_untidy_as_a_real_one(rows: list[tuple[str, str, str, str]]) -> None:
    emails = {email for email, *_ in rows}
    bodies = Counter(email for email, *_ in rows)
    assert max(bodies.values()) == 9
    assert sum(1 for count in bodies.values() if count > 1) > 500
    roles: dict[str, set[str]] = {}
    for _, _, body, role in rows:
        roles.setdefault(body, set()).add(role)
    assert all(roles[body] == {"contact"} for body in staffing.CONTACTS_ONLY)
    for listed in (particulars.SHARED, particulars.LEAVERS, list(particulars.TELEPHONES)):
        assert listed
        assert set(listed) <= emails
    assert not set(particulars.LEAVERS) & {player.email for player in cast.CAST}


def test_there_are_650_mps(rows: list[tuple[str, str, str, str]]) -> None:
    assert sum(1 for _, name, body, _ in rows if body == "house-of-commons" and name.endswith(" MP")) == 650


def test_the_cast_are_among_the_people_and_can_be_reached(rows: list[tuple[str, str, str, str]]) -> None:
    for player in cast.CAST:
        assert {(body, role) for email, _, body, role in rows if email == player.email} >= set(player.places)
        assert refusals.refusal(player.email) is None
    assert cast.HOLDER.places[0][0] in dict(particulars.HOLDS)
    assert (cast.MP.email, cast.MP_OFFICE.email) in particulars.DELEGATES


def test_nobody_is_called_like_somebody_well_known(rows: list[tuple[str, str, str, str]]) -> None:
    well_known = {name.strip() for name in WELL_KNOWN.split(",")}
    assert not well_known & {name.removesuffix(" MP") for _, name, _, _ in rows}


def test_particulars_speak_of_bodies_and_people_that_exist(rows: list[tuple[str, str, str, str]]) -> None:
    emails = {email for email, *_ in rows}
    assert {slug for pair in particulars.SPONSORS for slug in pair} <= set(tree())
    assert {slug for tops in particulars.CALENDARS.values() for slug in tops} <= set(tree())
    assert set(particulars.CALENDARS) <= set(Calendar)
    assert all(tree()[body].parent != sponsor for body, sponsor in particulars.SPONSORS)
    assert {email for pair in particulars.DELEGATES for email in pair} <= emails
    assert {*particulars.ADMINISTRATORS, *particulars.AUDITORS} <= emails
    assert not set(particulars.ADMINISTRATORS) & set(particulars.AUDITORS)
    assert set(particulars.DOMAINS) <= set(tree())
    held = [body for body, hours in particulars.HOLDS if hours > 0]
    assert any(children(child) for body in held for child in children(body))


def test_telephone_numbers_are_kept_for_drama_and_each_is_given_once() -> None:
    numbers = list(particulars.TELEPHONES.values())
    ranges = r"020 7946 0\d{3}|029 2018 0\d{3}|0131 496 0\d{3}|028 9649 6\d{3}|01632 960\d{3}|07700 900\d{3}"
    assert all(re.fullmatch(ranges, number) for number in numbers)
    assert len(set(numbers)) == len(numbers)


def test_a_clerk_can_ring_most_of_a_committees_members() -> None:
    members = [email for email, places in people.register().places.items() if "foreign-affairs-committee" in places]
    assert len([email for email in members if email in particulars.TELEPHONES]) > len(members) / 2


def test_one_or_two_in_a_hundred_bounce_and_one_body_bounces_whole(rows: list[tuple[str, str, str, str]]) -> None:
    emails = {email for email, *_ in rows}
    refused = {email for email in emails if refusals.refusal(email)}
    assert 0.01 <= len(refused) / len(emails) <= 0.02
    moved = {email for email, _, body, _ in rows if domain_of(body) == staffing.MOVED_DOMAIN}
    assert sum(email.endswith(f"@{staffing.MOVED_DOMAIN}") for email in moved) >= 20
    assert all(re.fullmatch(r"5\d\d 5\.\d\.\d+ .+", refusals.refusal(email) or "") for email in refused)
    some = min(refused)
    assert refusals.refusal(some.upper()) == refusals.refusal(some)


@pytest.mark.parametrize("file", ["zoom.json", "zoom-2.json"])
def test_the_advisory_has_the_keys_of_the_contract_and_speaks_of_what_exists(file: str) -> None:
    advisory: dict[str, Any] = json.loads((DEMO / file).read_text(encoding="utf-8"))
    assert set(advisory) == KEYS
    assert (advisory["severity"], advisory["marking"], advisory["rule"]) == ("high", "GREEN", "all")
    assert {action["of"] for action in advisory["actions"]} == {"person", "body"}
    assert all(set(action) == {"text", "due", "of"} for action in advisory["actions"])
    durations = [advisory["acknowledge_within"], advisory["review_by"], *(a["due"] for a in advisory["actions"])]
    assert all(DURATION.fullmatch(duration) for duration in durations)
    assert set(advisory["topics"]) <= {topic for body in tree().values() for topic in body.topics}
    assert set(advisory["audience"]["branches"]) <= set(tree())
    for exclusion in advisory["audience"]["exclusions"]:
        assert exclusion["reason"]
        assert set(ancestry(exclusion["body"])) & set(advisory["audience"]["branches"])
