"""Bodies from files: the real register, the CSV, and every way in which a file can be wrong."""

import io
import json
import warnings
from datetime import date
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from departments.closing import close_all
from departments.loading import NotUnderstood, Report, load_bodies
from departments.loading.body_files import LARGEST_JSON
from departments.loading.files import LARGEST_FILE
from departments.models import Body, BodyAlias, BodyEvent, Change, Remit, Sponsor
from tests.rows import body

pytestmark = pytest.mark.django_db

REGISTER = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "govuk_organisations.json"
HEADER = "slug,name,kind,parent,topics\n"
SMALL = (
    HEADER
    + "team,The Team,team,agency,cyber\n"
    + "department,The Department,Ministerial Department,,defence;Foreign Affairs\n"
    + "agency,The Agency,executive agency,department,\n"
)


def _file(tmp_path: Path, content: str | bytes, name: str = "bodies.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _load(tmp_path: Path, content: str | bytes, *, dry_run: bool = False) -> Report:
    return load_bodies(_file(tmp_path, content), dry_run=dry_run)


def _everything() -> list[object]:
    """The directory with its bookkeeping, to the last transaction id: equal means that nothing was written."""
    rows: list[object] = []
    with connection.cursor() as cursor:
        for table in ("body", "bodyalias", "bodyevent", "change", "remit", "sponsor", "topic"):
            cursor.execute(f"SELECT t.ctid::text, t::text FROM departments_{table} t ORDER BY 1")
            rows.append(cursor.fetchall())
    return rows


@pytest.fixture
def register() -> Path:
    """The real register of GOV.UK, which does not come with this repository."""
    if not REGISTER.is_file():
        warnings.warn(f"NOT TESTED on the real register: {REGISTER} is not there", stacklevel=1)
        pytest.skip(f"the GOV.UK register is not at {REGISTER}")
    return REGISTER


def test_the_whole_register_of_gov_uk_arrives(register: Path) -> None:
    report = load_bodies(register)
    entries = json.loads(register.read_text())["results"]
    assert Body.objects.count() == len(entries) == 663
    # One of the 33 with several parents has a second one that the file does not contain.
    assert sum(len(entry["parent_organisations"]) > 1 for entry in entries) == 33
    assert Sponsor.objects.order_by().values("body").distinct().count() == 32
    assert Sponsor.objects.count() == 45
    assert report.left_out == 5 + 163
    assert sum("is under" in remark.reason for remark in report.remarks) == 5
    assert sum("is above" in remark.reason for remark in report.remarks) == 163
    parents = {entry["details"]["slug"]: entry["parent_organisations"] for entry in entries}
    placed = dict(Body.objects.values_list("slug", "parent__slug"))
    for slug, refs in parents.items():
        first = refs[0]["id"].rsplit("/", 1)[-1] if refs else None
        assert placed[slug] == (first if first in placed else None)
    assert BodyAlias.objects.filter(text="FCDO").exists()
    assert Body.objects.get(slug="home-office").kind == "ministerial department"
    assert str(report).startswith("663 bodies: 663 new, 0 renamed, ")
    assert str(report).endswith("; 168 edges left out.")


def test_the_register_loaded_again_writes_nothing(register: Path) -> None:
    load_bodies(register)
    before = _everything()
    report = load_bodies(register)
    assert not report.changed
    assert _everything() == before


def test_children_may_come_before_their_parents(tmp_path: Path) -> None:
    _load(tmp_path, SMALL)
    assert dict(Body.objects.values_list("slug", "parent__slug")) == {
        "team": "agency",
        "agency": "department",
        "department": None,
    }
    assert Body.objects.get(slug="department").kind == "ministerial department"
    assert set(Remit.objects.filter(body__slug="department").values_list("topic__slug", flat=True)) == {
        "defence",
        "foreign-affairs",
    }


def test_an_unchanged_file_writes_nothing(tmp_path: Path) -> None:
    _load(tmp_path, SMALL)
    before = _everything()
    assert not _load(tmp_path, SMALL).changed
    assert _everything() == before


def test_a_changed_file_changes_what_differs_and_keeps_its_history(tmp_path: Path) -> None:
    _load(tmp_path, SMALL)
    kept = body("elsewhere")
    Change.objects.all().delete()
    report = _load(tmp_path, HEADER + "team,The New Team,unit,department,china\n")
    team = Body.objects.get(slug="team")
    assert (team.name, team.kind, team.parent and team.parent.slug) == ("The New Team", "unit", "department")
    assert [remit.topic.slug for remit in team.remit.select_related("topic")] == ["china"]
    assert {kind: count for kind, count in report.counts.items() if count} == {
        "renamed": 1,
        "of another kind": 1,
        "moved": 1,
        "topics added": 1,
        "topics gone": 1,
    }
    told = {event.what: (event.before, event.after) for event in BodyEvent.objects.filter(body=team)}
    assert told["moved"] == ({"parent": "agency"}, {"parent": "department"})
    assert told["renamed"] == ({"name": "The Team"}, {"name": "The New Team"})
    assert set(Change.objects.values_list("body_id", flat=True)) == {team.pk}
    assert Body.objects.filter(pk=kept.pk, parent=None).exists()
    assert Body.objects.count() == 4


def test_a_dry_run_lists_the_differences_and_changes_nothing(tmp_path: Path) -> None:
    _load(tmp_path, SMALL)
    before = _everything()
    changed = HEADER + "team,The Team,team,department,cyber\nfresh,A Fresh One,office,team,\n"
    report = _load(tmp_path, changed, dry_run=True)
    assert _everything() == before
    assert report.differences == [
        "new: fresh (A Fresh One) under team",
        "moved: team, from agency to department",
        "proposed for closing: agency (The Agency), not in the file",
        "proposed for closing: department (The Department), not in the file",
    ]
    done = _load(tmp_path, changed)
    assert done.counts == report.counts


def test_a_register_says_nothing_of_remits_and_a_csv_nothing_of_sponsors(tmp_path: Path) -> None:
    _load(tmp_path, SMALL)
    sponsor = body("sponsor")
    Sponsor.objects.create(body=Body.objects.get(slug="team"), sponsor=sponsor)
    _load(tmp_path, SMALL)
    assert Sponsor.objects.count() == 1
    entry = {
        "id": "https://www.gov.uk/api/organisations/team",
        "title": "The Team ",
        "format": "Other",
        "details": {"slug": "team", "abbreviation": "TT"},
        "parent_organisations": [{"id": "https://www.gov.uk/api/organisations/agency"}],
    }
    load_bodies(_file(tmp_path, json.dumps({"results": [entry]}), "register.json"))
    assert Sponsor.objects.count() == 0
    assert Remit.objects.filter(body__slug="team").count() == 1


def test_a_place_in_the_register_that_nobody_knows_leaves_the_body_where_it_is(tmp_path: Path) -> None:
    _load(tmp_path, SMALL)
    entry = {
        "id": "x/team",
        "title": "The Team",
        "format": "team",
        "details": {"slug": "team"},
        "parent_organisations": [{"id": "x/unknown"}],
    }
    report = load_bodies(_file(tmp_path, json.dumps({"results": [entry]}), "register.json"))
    assert report.left_out == 1
    assert not report.changed
    assert Body.objects.get(slug="team").parent == Body.objects.get(slug="agency")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_files_from_any_spreadsheet_are_read(tmp_path: Path, mark: bytes, ending: str) -> None:
    text = HEADER + '"a","Ministry of\nDéfense, ""Ω""",team,,\n\n'
    _load(tmp_path, mark + text.replace("\n", ending).encode())
    assert Body.objects.get(slug="a").name == 'Ministry of Défense, "Ω"'


def test_a_row_that_stands_twice_in_the_same_words_is_reported(tmp_path: Path) -> None:
    report = _load(tmp_path, SMALL + "team,The  Team,TEAM,agency,cyber\n")
    assert [str(remark) for remark in report.remarks] == ["line 5: team stands at line 2 already, in the same words"]
    assert Body.objects.count() == 3


def test_a_slug_of_300_characters_is_fine(tmp_path: Path) -> None:
    _load(tmp_path, HEADER + f"{'a' * 300},Long,team,,\n")
    assert Body.objects.filter(slug="a" * 300).exists()


def test_a_circle_is_named_in_full(tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood) as refused:
        _load(tmp_path, HEADER + "a,A,team,b,\nb,B,team,c,\nc,C,team,a,\nd,D,team,a,\n")
    assert "line 2: a circle, each under the next: a -> b -> c -> a" in str(refused.value)
    assert len(refused.value.remarks) == 1


def test_a_circle_through_what_the_directory_holds_is_named(tmp_path: Path) -> None:
    _load(tmp_path, SMALL)
    with pytest.raises(NotUnderstood, match=r"department -> team -> agency -> department|agency -> department -> team"):
        _load(tmp_path, HEADER + "department,The Department,ministerial department,team,\n")
    assert Body.objects.get(slug="department").parent is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "line 1: the first line must be slug,name,kind,parent,topics, but it is nothing"),
        ("slug;name;kind\n", "line 1: the first line must be"),
        (HEADER + "a,A,team,nowhere,\n", "line 2: a is under nowhere, which neither the file nor the directory has"),
        (HEADER + "a,A,team,a,\n", "line 2: a circle, each under the next: a -> a"),
        (HEADER + "a,A,team,\n", "line 2: 4 columns where the header has 5"),
        (HEADER + "ok,Ok,team,,\n" + "a,A,team,,\na,B,team,,\n", "line 4: a stands at line 3 already, in other words"),
        (HEADER + f"{'a' * 500},A,team,,\n", "line 2: a slug of 500 characters: at most 400"),
        (HEADER + f"a,{'A' * 501},team,,\n", "line 2: a name of 501 characters: at most 500"),
        (HEADER + "a b,A,team,,\n", "line 2: the slug 'a b': letters"),
        (HEADER + ",A,team,,\n", "line 2: no slug"),
        (HEADER + "a,,team,,\n", "line 2: no name"),
        (HEADER + "a,A,,,\n", "line 2: no kind"),
        (
            HEADER + "ok,Ok,team,,\n" + 'a,"A,team,,\nb,B,team,,\n',
            "line 3: a quotation mark opened in this row is never",
        ),
        (HEADER + "ok,Ok,team,,\n" + "a," + "A" * 200_000 + ",team,,\n", "line 3: a cell of more than 100,000"),
        ((HEADER + "ok,Ok,team,,\na,Caf").encode() + b"\xe9,team,,\n", "line 3: byte 0xe9 is not UTF-8"),
        (HEADER + "a,\0,team,,\n", "line 2: a NUL character"),
        ("{", "line 1: not JSON"),
        ("[1, 2]", "no list of results"),
        ('{"results": [{"details": {"slug": 7}, "title": "x", "format": "y"}]}', "entry 1: not an organisation"),
        ('{"results": [{"title": "x"}, 7]}', "entry 2: not an organisation of GOV.UK's API"),
    ],
)
def test_what_is_not_understood_is_named_and_nothing_is_loaded(tmp_path: Path, content: str | bytes, said: str) -> None:
    path = _file(tmp_path, content)
    before = _everything()
    with pytest.raises(CommandError) as refused:
        call_command("load_bodies", str(path))
    assert said in str(refused.value)
    assert "Nothing was loaded" in str(refused.value)
    assert _everything() == before


def test_a_file_that_is_not_there_is_said_to_be_not_there(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("load_bodies", str(tmp_path / "none.csv"))


def test_of_very_many_errors_fifty_are_shown_and_all_are_counted(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("load_bodies", str(_file(tmp_path, HEADER + "a\n" * 120)))
    assert str(refused.value).count("columns where") == 50
    assert "and 70 more" in str(refused.value)
    assert "120 errors" in str(refused.value)


def test_the_command_ends_with_one_line_of_counts(tmp_path: Path) -> None:
    said = io.StringIO()
    call_command("load_bodies", str(_file(tmp_path, SMALL)), stdout=said)
    assert said.getvalue().splitlines()[-1].startswith("3 bodies: 3 new, 0 renamed")


def test_bodies_missing_from_a_newer_file_are_proposed_for_closing_and_stay_open(tmp_path: Path) -> None:
    _load(tmp_path, SMALL)
    body("added-by-hand")
    newer = "".join(line for line in SMALL.splitlines(keepends=True) if not line.startswith("team"))
    report = _load(tmp_path, newer)
    assert report.missing == ["team"]
    assert not report.changed
    assert "1 missing and proposed for closing" in str(report)
    assert not Body.objects.exclude(closed=None).exists()
    said = io.StringIO()
    call_command("load_bodies", str(_file(tmp_path, newer)), stdout=said)
    assert "proposed for closing: team (The Team), not in the file" in said.getvalue()


def test_bodies_missing_from_a_newer_file_are_closed_where_that_is_asked_for(tmp_path: Path) -> None:
    _load(tmp_path, SMALL)
    body("added-by-hand")
    newer = "".join(line for line in SMALL.splitlines(keepends=True) if not line.startswith("agency"))
    newer = newer.replace("team,agency", "team,department")
    dry = load_bodies(_file(tmp_path, newer), dry_run=True, close_missing=True)
    assert "closed: agency (The Agency), which is not in the file" in dry.differences
    assert not Body.objects.exclude(closed=None).exists()
    call_command("load_bodies", str(_file(tmp_path, newer)), "--close-missing", stdout=io.StringIO())
    assert set(Body.objects.exclude(closed=None).values_list("slug", flat=True)) == {"agency"}
    assert BodyEvent.objects.get(what="closed").after["why"] == "not in bodies.csv any more"
    again = load_bodies(_file(tmp_path, newer), close_missing=True)
    assert again.counts["closed"] == 0
    assert not again.changed


def test_what_another_kind_of_file_named_is_not_missing_from_this_one(tmp_path: Path) -> None:
    _load(tmp_path, SMALL)
    entry = {"id": "x/fresh", "title": "Fresh", "format": "team", "details": {"slug": "fresh"}}
    report = load_bodies(_file(tmp_path, json.dumps({"results": [entry]}), "register.json"), close_missing=True)
    assert report.counts["closed"] == 0
    assert not Body.objects.exclude(closed=None).exists()


def test_a_body_that_the_register_calls_closed_is_proposed_for_closing(tmp_path: Path) -> None:
    _load(tmp_path, SMALL)
    entry = {"id": "x/team", "title": "T", "format": "team", "details": {"slug": "team", "govuk_status": "closed"}}
    register = _file(tmp_path, json.dumps({"results": [entry]}), "register.json")
    assert load_bodies(register).missing == ["team"]
    assert load_bodies(register, close_missing=True).counts["closed"] == 1
    assert Body.objects.get(slug="team").closed is not None


def test_a_part_of_the_register_closes_nothing(tmp_path: Path) -> None:
    _load(tmp_path, SMALL)
    part = _file(tmp_path, json.dumps({"total": 663, "results": []}), "register.json")
    with pytest.raises(NotUnderstood, match="is a part only"):
        load_bodies(part, close_missing=True)


def test_a_csv_may_name_sponsors_and_each_has_to_be_known(tmp_path: Path) -> None:
    further = SMALL.replace("topics\n", "topics,sponsors\n").replace(",cyber\n", ",cyber,department\n")
    further = further.replace("Affairs\n", "Affairs,\n").replace("department,\n", "department,,\n")
    _load(tmp_path, further)
    assert set(Sponsor.objects.values_list("body__slug", "sponsor__slug")) == {("team", "department")}
    with pytest.raises(NotUnderstood, match="line 2: team is sponsored by nowhere, which neither"):
        _load(tmp_path, further.replace("cyber,department", "cyber,nowhere"))
    assert Sponsor.objects.count() == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04" + b"x" * 100, "a spreadsheet or another packed file: save it as CSV"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "is not UTF-8"),
        (HEADER.encode() + b"a," * 600_000, "line 2: a line of 1,200,000 characters: at most 1,000,000"),
        (HEADER.encode() + "a,\ud800,team,,\n".encode("utf-8", "surrogatepass"), "line 2: byte 0xed is not UTF-8"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(NotUnderstood) as refused:
        _load(tmp_path, content)
    assert said in str(refused.value)


def test_a_csv_may_say_domain_opening_day_and_other_names(tmp_path: Path) -> None:
    rows = "slug,domain,name,opened,kind,aliases,parent,topics\na,Bücher.example,A,2020-01-31,team,TA; A;Team A,,\n"
    _load(tmp_path, rows)
    made = Body.objects.get()
    assert (made.domain, made.opened) == ("xn--bcher-kva.example", date(2020, 1, 31))
    assert set(made.aliases.values_list("text", flat=True)) == {"TA", "Team A"}
    before = _everything()
    assert not _load(tmp_path, rows).changed
    assert not _load(tmp_path, HEADER + "a,A,team,,\n").changed
    assert _everything() == before
    changed = "slug,name,kind,parent,topics,domain,opened,aliases\na,A,team,,,a.example,2021-02-01,AA\n"
    assert _load(tmp_path, changed, dry_run=True).differences == [
        "mail domain: a, from xn--bcher-kva.example to a.example",
        "opened: a, from 2020-01-31 to 2021-02-01",
        "alias added: a, AA",
    ]
    _load(tmp_path, changed)
    made.refresh_from_db()
    assert (made.domain, made.opened, made.aliases.count()) == ("a.example", date(2021, 2, 1), 3)
    told = {event.what: (event.before, event.after) for event in made.events.all()}
    assert told["mail domain"] == ({"domain": "xn--bcher-kva.example"}, {"domain": "a.example"})
    assert told["opened on"] == ({"on": "2020-01-31"}, {"on": "2021-02-01"})


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("no domain,,,", "line 2: 'no domain' is not a mail domain"),
        (",yesterday,,", "line 2: opened on 'yesterday': a day such as 2020-01-31"),
        (",2020-02-30,,", "line 2: opened on '2020-02-30'"),
        (f",,{'A' * 501},", "line 2: another name of 501 characters: at most 500"),
        (",,,a", "line 2: a would be its own sponsor"),
    ],
)
def test_a_further_column_of_bodies_that_says_nothing_is_named(tmp_path: Path, cells: str, said: str) -> None:
    with pytest.raises(NotUnderstood) as refused:
        _load(tmp_path, f"slug,name,kind,parent,topics,domain,opened,aliases,sponsors\na,A,team,,,{cells}\n")
    assert said in str(refused.value)
    assert not Body.objects.exists()


def test_a_parent_is_not_its_sponsor_as_well(tmp_path: Path) -> None:
    rows = "slug,name,kind,parent,topics,sponsors\na,A,team,,,\nb,B,team,a,,a\n"
    with pytest.raises(NotUnderstood, match="line 3: a is the parent of b, and its sponsor as well"):
        _load(tmp_path, rows)


def test_a_dry_run_names_everything_that_would_change_and_what_is_left_out(tmp_path: Path) -> None:
    def entry(slug: str, title: str, kind: str, *parents: str, **details: str) -> dict[str, object]:
        above = [{"id": f"x/{parent}"} for parent in parents]
        return {
            "id": f"x/{slug}",
            "title": title,
            "format": kind,
            "details": {"slug": slug, **details},
            "parent_organisations": above,
        }

    def load(*entries: dict[str, object], dry_run: bool) -> Report:
        return load_bodies(_file(tmp_path, json.dumps({"results": entries}), "register.json"), dry_run=dry_run)

    old = [
        entry("top", "Top", "team"),
        entry("a", "A", "team", "top"),
        entry("b", "B", "team"),
        entry("c", "C", "team"),
    ]
    load(*old, dry_run=False)
    before = _everything()
    newer = [
        entry("top", "The Top", "team"),
        entry("a", "A", "committee"),
        entry("fresh", "Fresh", "team", "nowhere"),
        entry("c", "C", "team", govuk_status="closed"),
    ]
    report = load(*newer, dry_run=True)
    assert report.differences == [
        "new: fresh (Fresh)",
        "renamed: top, from Top to The Top",
        "of another kind: a, from team to committee",
        "moved: a, from top to the top",
        "proposed for closing: b (B), not in the file",
        "proposed for closing: c (C), not in the file",
    ]
    assert [str(remark) for remark in report.remarks] == [
        "entry 4: c is closed in the register: left out",
        "entry 3: edge left out: fresh is under nowhere, which is neither here nor in the file",
    ]
    assert _everything() == before


def test_nothing_is_hung_below_a_body_that_is_closed(tmp_path: Path) -> None:
    _load(tmp_path, SMALL)
    shut = Body.objects.get(slug="agency")
    close_all([shut.pk], None, date(2026, 1, 31), "abolished")
    before = _everything()
    report = _load(tmp_path, SMALL)
    assert "line 2: edge left out: team is under agency, which was closed on 2026-01-31 and stays closed" in map(
        str, report.remarks
    )
    assert _everything() == before
    with pytest.raises(NotUnderstood, match="line 5: new is under agency, which was closed on 2026-01-31: name its"):
        _load(tmp_path, SMALL + "new,New,team,agency,\n")


def test_a_file_that_names_no_body_closes_nothing(tmp_path: Path) -> None:
    _load(tmp_path, SMALL)
    with pytest.raises(NotUnderstood, match="names no body at all"):
        load_bodies(_file(tmp_path, HEADER), close_missing=True)
    assert not Body.objects.exclude(closed=None).exists()


def test_a_hundred_bodies_missing_are_fifty_lines_and_a_count(tmp_path: Path) -> None:
    _load(tmp_path, HEADER + "".join(f"b{number},B,team,,\n" for number in range(120)))
    said = io.StringIO()
    call_command("load_bodies", str(_file(tmp_path, HEADER + "b0,B,team,,\n")), stdout=said)
    assert said.getvalue().count("proposed for closing: ") == 50
    assert "... and 69 more." in said.getvalue()
    assert "119 missing and proposed for closing" in said.getvalue()


def test_reading_stops_where_nearly_everything_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood) as refused:
        _load(tmp_path, HEADER + "a\n" * 200_000)
    assert "Nothing was loaded: 10,000 errors. The rest of the file was not read." in str(refused.value)
    assert len(str(refused.value).splitlines()) == 52
    with pytest.raises(NotUnderstood, match="10,000 errors"):
        _load(tmp_path, json.dumps({"results": [{}] * 20_000}))


def test_more_lines_than_any_directory_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood, match="line 1000001: more than 1,000,000 lines: divide the file"):
        _load(tmp_path, HEADER + "\n" * 1_000_001)


def test_a_register_too_large_to_hold_as_objects_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood, match="characters of JSON: at most 40,000,000"):
        _load(tmp_path, '{"results": [' + " " * LARGEST_JSON + "]}")


def test_an_old_spreadsheet_ends_its_lines_in_its_own_way(tmp_path: Path) -> None:
    _load(tmp_path, SMALL.replace("\n", "\r"))
    assert Body.objects.count() == 3


def test_long_reading_says_how_far_it_is(tmp_path: Path) -> None:
    said: list[str] = []
    rows = "".join(f"b{number},B,team,,\n" for number in range(20_001))
    load_bodies(_file(tmp_path, HEADER + rows), dry_run=True, progress=said.append)
    assert "read 20,000 rows" in said
    assert "comparing 20,001 bodies" in said


def test_a_file_larger_than_any_directory_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    with pytest.raises(NotUnderstood, match="more than 200 MB"):
        load_bodies(path)


def test_a_hundred_megabytes_on_one_line_are_refused_by_their_line(tmp_path: Path) -> None:
    path = tmp_path / "line.csv"
    with path.open("wb") as file:
        file.write(HEADER.encode())
        file.writelines(b"a," * 500_000 for _ in range(100))
    with pytest.raises(NotUnderstood, match="line 2: a line of 100,000,000 characters"):
        load_bodies(path)
