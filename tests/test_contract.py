"""The contract of an advisory's words: whatever somebody wrote, they are told what is wrong and where, and nothing is kept."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.models import Advisory, Draft, Record
from alerts.publishing.contract import (
    KEYS,
    MOST_WRONG,
    Content,
    Head,
    NotUnderstood,
    Reader,
    content_of,
    read_content,
    read_head,
    reason_of,
)
from alerts.publishing.draft import from_file
from departments.models import Body, Membership, Person
from departments.refusal import Refused
from tests.office import Office, an_advisory

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def read(**changes: object) -> tuple[Content, Head]:
    """An advisory with these changes, as a file and a page read it."""
    reader = Reader({**an_advisory(), **changes}, NOW)
    content, head = read_content(reader), read_head(reader)
    reader.done()
    return content, head


def wrong(**changes: object) -> list[str]:
    """What is said of it, a sentence each."""
    with pytest.raises(NotUnderstood) as refused:
        read(**changes)
    return refused.value.sentences


def action(**changes: object) -> dict[str, object]:
    return {"text": "Move closed meetings", "due": "P7D", **changes}


class TestWhatIsWrongIsSaidOnceAndWhere:
    @pytest.mark.parametrize("unseen", ["\n", "\r", "\t", "\x00", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\ud800"])
    @pytest.mark.parametrize("key", ["title", "open_title"])
    def test_nothing_in_a_title_begins_a_header_of_its_own(self, key: str, unseen: str) -> None:
        (said,) = wrong(**{key: f"Zoom{unseen}Bcc: everybody@example.org"})
        assert said == f"{key}: has a line break or another control character in it; take it out."

    @pytest.mark.parametrize("key", ["summary", "guidance", "what_changed"])
    def test_a_longer_text_may_have_lines_and_no_controls(self, key: str) -> None:
        read(**{key: "One.\r\n\tTwo.\x0bThree."})
        for unseen in ("\x00", "\x1b", "\x9b", "\udfff"):
            (said,) = wrong(**{key: f"One{unseen}two"})
            assert said == f"{key}: has a control character in it; take it out."

    @pytest.mark.parametrize(
        ("key", "most"), [("title", 200), ("open_title", 200), ("summary", 2_000), ("what_changed", 2_000)]
    )
    def test_a_text_is_as_long_as_it_may_be_and_no_longer(self, key: str, most: int) -> None:
        read(**{key: "x" * most})
        assert wrong(**{key: "x" * (most + 1)}) == [f"{key}: has {most + 1:,} characters; {most:,} is the most."]

    def test_a_megabyte_of_guidance_is_one_sentence(self) -> None:
        assert wrong(guidance="<iframe>*" * 120_000) == ["guidance: has 1,080,000 characters; 100,000 is the most."]

    @pytest.mark.parametrize("key", ["title", "summary"])
    def test_what_everybody_reads_is_not_empty(self, key: str) -> None:
        assert wrong(**{key: " \n "}) == [f"{key}: is missing."]

    @pytest.mark.parametrize("key", ["title", "open_title", "summary", "guidance", "what_changed"])
    @pytest.mark.parametrize("value", [None, 7, 0.5, True, [], {}, ["x"], {"x": {"y": []}}])
    def test_a_text_that_is_none_is_one_sentence(self, key: str, value: object) -> None:
        assert f"{key}: must be text." in wrong(**{key: value})

    @pytest.mark.parametrize("key", ["do_not_use_for", "still_fine_for", "use_instead", "topics"])
    def test_a_list_says_which_of_its_entries_is_wrong(self, key: str) -> None:
        assert wrong(**{key: "everything"}) == [f"{key}: must be a list of texts."]
        assert wrong(**{key: ["fine", " "]}) == [f"{key}[2]: must be text, and not empty."]
        assert wrong(**{key: [["fine"]]}) == [f"{key}[1]: must be text, and not empty."]
        assert wrong(**{key: ["a", "b", "x" * 2_001]}) == [f"{key}[3]: has 2,001 characters; 2,000 is the most."]
        assert wrong(**{key: ["a\x00b"]}) == [f"{key}[1]: has a control character in it; take it out."]
        assert wrong(**{key: ["x"] * 5_001}) == [f"{key}: has 5,001 entries; 5,000 is the most."]

    @pytest.mark.parametrize(
        ("key", "sentence"),
        [
            ("severity", "severity: must be one of critical, high, medium, low."),
            ("marking", "marking: must be one of CLEAR, GREEN, AMBER, AMBER+STRICT, RED."),
            ("rule", "rule: must be one of all, any."),
            ("earlier", "earlier: must be one of holds, partly, replaced."),
            ("exercise", "exercise: must be true or false."),
            ("supersedes", "supersedes: must be the reference of an advisory."),
        ],
    )
    @pytest.mark.parametrize("value", ["certainly" * 5, 7, ["high"], {"high": "high"}, float("inf"), "x\n" * 30])
    def test_a_choice_is_one_of_its_words(self, key: str, sentence: str, value: object) -> None:
        assert wrong(**{key: value}) == [sentence]

    @pytest.mark.parametrize("marking", ["AMBER", "AMBER+STRICT", "RED"])
    def test_from_amber_up_a_mail_has_an_open_title_to_show(self, marking: str) -> None:
        assert wrong(marking=marking, open_title=" ") == [
            f"open_title: is missing; at TLP:{marking} it is all that a mail may show."
        ]

    def test_keys_that_are_none_are_named_as_far_as_they_can_be_shown(self) -> None:
        assert wrong(headline="x") == ["headline: not a key of an advisory."]
        assert wrong(**{"a\nb": 1}) == ["a?b: not a key of an advisory."]
        assert wrong(actions=[action(who="me")]) == ["actions[1].who: not a key of an advisory."]

    def test_of_very_much_wrong_the_beginning_is_said(self) -> None:
        assert len(wrong(**{f"key{number}": 1 for number in range(3_000)})) == MOST_WRONG

    @pytest.mark.parametrize("data", [None, [], "x", 7, True, [{"title": "x"}]])
    def test_what_is_no_advisory_at_all_is_one_sentence(self, data: object) -> None:
        with pytest.raises(NotUnderstood) as refused:
            content_of(data)
        assert refused.value.sentences == ["The file must hold one JSON object with the advisory's keys."]


class TestTimes:
    @pytest.mark.parametrize(
        ("due", "at"),
        [
            ("PT4H", NOW + timedelta(hours=4)),
            ("P2W", NOW + timedelta(days=14)),
            ("P1DT12H", NOW + timedelta(hours=36)),
            ("P3660D", NOW + timedelta(days=3_660)),
            ("2026-03-03T17:00:00+01:00", datetime(2026, 3, 3, 16, 0, tzinfo=UTC)),
            ("2026-03-03T17:00Z", datetime(2026, 3, 3, 17, 0, tzinfo=UTC)),
        ],
    )
    def test_a_time_is_a_duration_or_a_moment_with_its_zone(self, due: str, at: datetime) -> None:
        assert read(review_by=due)[1].review_by == at
        assert read(actions=[action(due=due)])[0].actions[0].due == due

    @pytest.mark.parametrize(
        "due",
        [
            "tomorrow",
            "P",
            "-P1D",
            "P1M",
            "P3661D",
            "P99999W",
            "P" + "9" * 400 + "D",
            "2026-02-30T10:00:00Z",
            "2026-13-01T10:00:00Z",
            "2026-03-03T17:00:00",
            "2026-03-03",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "2026-03-03T17:00:00+99:99",
            7,
            ["P1D"],
            {"P1D": 1},
        ],
    )
    def test_a_day_that_is_none_is_said_to_be_none(self, due: object) -> None:
        assert wrong(actions=[action(), action(due=due)]) == [
            "actions[2].due: must be an ISO 8601 duration such as PT4H or P7D, or a date and time with its zone; at most ten "
            "years ahead."
        ]

    @pytest.mark.parametrize("due", [None, ""])
    def test_an_action_says_by_when(self, due: object) -> None:
        assert wrong(actions=[action(due=due)]) == [
            "actions[1].due: is missing: an ISO 8601 duration such as PT4H or P7D, or a date and time with its zone."
        ]

    def test_a_time_in_the_past_is_said_as_the_clock_here_shows_it(self) -> None:
        assert wrong(review_by="2025-07-01T11:30:00Z") == [
            "review_by: is in the past (1 July 2025, 12:30 BST). Choose a later time."
        ]
        assert "is in the past" in wrong(actions=[action(due="1620-01-01T00:00:00Z")])[0]

    def test_nothing_is_asked_for_in_more_than_ten_years(self) -> None:
        assert wrong(review_by="2037-01-01T00:00:00Z") == ["review_by: is more than ten years ahead."]

    @pytest.mark.parametrize("length", ["4 hours", "P3661D", 4, [], {}, True, "PT0S", "P1M"])
    def test_answers_come_within_a_duration(self, length: object) -> None:
        assert wrong(acknowledge_within=length) == [
            "acknowledge_within: must be an ISO 8601 duration such as PT4H or P7D, and at most ten years."
        ]

    @pytest.mark.parametrize(
        ("severity", "answer", "review"),
        [
            ("critical", timedelta(hours=4), 7),
            ("high", timedelta(days=1), 30),
            ("medium", timedelta(days=3), 90),
            ("low", timedelta(days=7), 180),
        ],
    )
    @pytest.mark.parametrize("nothing", [None, ""])
    def test_times_that_nobody_gave_follow_from_the_severity(
        self, severity: str, answer: timedelta, review: int, nothing: object
    ) -> None:
        content, head = read(severity=severity, acknowledge_within=nothing, review_by=nothing)
        assert content.acknowledge_within == answer
        assert head.review_by == NOW + timedelta(days=review)


class TestActions:
    @pytest.mark.parametrize("given", [{}, "x", [action()] * 51])
    def test_there_are_at_most_fifty_in_a_list(self, given: object) -> None:
        assert wrong(actions=given) == ["actions: must be a list of at most 50."]

    def test_each_is_an_object_with_a_text_and_a_due_time(self) -> None:
        assert wrong(actions=["run"]) == ["actions[1]: must be an object with a text and a due time."]
        assert wrong(actions=[action(text=" ")]) == ["actions[1].text: must be text, and not empty."]
        assert wrong(actions=[action(), action(text="x" * 2_001)]) == [
            "actions[2].text: has 2,001 characters; 2,000 is the most."
        ]
        assert wrong(actions=[action(of="everybody")]) == ["actions[1].of: must be person or body."]

    @pytest.mark.parametrize("key", [7, [], {"a": 1}, float("nan"), "x" * 41, "a\nb", " "])
    def test_a_key_is_a_short_word_since_it_names_a_field_of_the_form(self, key: object) -> None:
        assert wrong(actions=[action(key=key)]) == [
            "actions[1].key: must be text of at most 40 characters, in one line."
        ]

    def test_two_with_one_key_could_not_be_answered_apart(self) -> None:
        assert wrong(actions=[action(key="move"), action(key=" move ")]) == ["actions: two of them have the same key."]

    def test_whoever_gives_no_keys_gets_free_ones_by_place(self) -> None:
        asked = read(actions=[action(), action(key="action-3"), action(), action()])[0].actions
        assert [one.key for one in asked] == ["action-1", "action-3", "action-2", "action-4"]


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (" \n", "Say why."),
        ("x" * 2_001, "2,001 characters; 2,000 is the most"),
        ("a\x00b", "control"),
        ("\ud800", "control"),
    ],
)
def test_a_reason_is_words_that_can_be_kept(reason: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        reason_of(reason, "Say why.")
    assert reason_of("  because\nof it ", "Say why.") == "because\nof it"


@pytest.fixture
def office(db: None) -> Office:
    return Office()


class TestAudiencesOfAFile:
    @pytest.mark.parametrize(
        ("audience", "sentence"),
        [
            ("everybody", "audience: must be an object with branches, roles, topics, people, exclusions."),
            ({"branch": ["government"]}, "audience.branch: not a key of an advisory."),
            ({"branches": "government"}, "audience.branches: must be a list of texts."),
            (
                {"branches": ["government", "now\x00here"]},
                "audience.branches[2]: has a control character in it; take it out.",
            ),
            ({"branches": ["\ud800"]}, "audience.branches[1]: has a control character in it; take it out."),
            ({"topics": ["chess"]}, "audience.topics: 'chess' is not in the directory."),
            ({"people": ["kim@nowhere.example"]}, "audience.people: 'kim@nowhere.example' is not in the directory."),
            (
                {"exclusions": "department"},
                "audience.exclusions: must be a list of at most 5,000, each with a body and a reason.",
            ),
            ({"exclusions": [7]}, "audience.exclusions[1]: needs a body and a reason."),
            (
                {"exclusions": [{"body": "department", "reason": "x", "until": "P1D"}]},
                "audience.exclusions[1].until: not a key of an advisory.",
            ),
            (
                {"exclusions": [{"body": "department", "reason": "x" * 2_001}]},
                "audience.exclusions[1].reason: has 2,001 characters; 2,000 is the most.",
            ),
            (
                {"exclusions": [{"body": "department", "reason": "x"}, {"body": "department", "reason": "y"}]},
                "audience.exclusions[2]: 'department' stands twice, with two reasons.",
            ),
            (
                {"branches": ["government", "department"], "exclusions": [{"body": "department", "reason": "x"}]},
                "audience.exclusions: 'department' stands among the branches as well: it is either in or left out.",
            ),
        ],
    )
    def test_says_where_it_is_wrong(self, office: Office, audience: Any, sentence: str) -> None:
        given = {"branches": ["government"], **audience} if isinstance(audience, dict) else audience
        with pytest.raises(NotUnderstood) as refused:
            office.draft(audience=given)
        assert sentence in refused.value.sentences
        assert not Advisory.objects.exists()

    def test_says_everything_at_once(self, office: Office) -> None:
        with pytest.raises(NotUnderstood) as refused:
            office.draft(title="", severity="odd", audience={"branches": ["nowhere"]}, actions=[action(due="-P1D")])
        assert [one.where for one in refused.value.wrong] == [
            "title",
            "actions[1].due",
            "severity",
            "audience.branches",
        ]

    def test_the_same_names_twice_are_once(self, office: Office) -> None:
        twice = {
            "branches": ["government", "government"],
            "roles": ["member", "member"],
            "topics": ["china", "china"],
            "people": ["cas@example.org", "CAS@example.org"],
            "exclusions": [{"body": "committee", "reason": "x"}, {"body": "committee", "reason": "x"}],
        }
        made = office.draft(audience=twice).advisory
        for of in ("branches", "roles", "only_topics", "named", "exclusions"):
            assert getattr(made, of).count() == 1

    def test_red_names_people_rather_than_branches(self, office: Office) -> None:
        with pytest.raises(NotUnderstood, match="TLP:RED is for named people"):
            office.draft(marking="RED")
        office.draft(marking="RED", audience={"people": ["cas@example.org"]})


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
near = st.sampled_from(
    [
        "P7D",
        "high",
        "GREEN",
        "RED",
        "government",
        "x",
        "",
        [],
        {},
        ["government"],
        "2026-02-30T10:00Z",
        "0001-01-01T00:00:00Z",
    ]
)
actions = st.lists(st.dictionaries(st.sampled_from(["text", "due", "of", "key"]), near | anything), max_size=3)
audiences = st.dictionaries(
    st.sampled_from(["branches", "roles", "topics", "people", "exclusions"]), near | st.lists(anything, max_size=3)
)
some = st.dictionaries(st.sampled_from(sorted(KEYS)), near | anything | actions | audiences, max_size=6)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some | anything)
def test_whatever_is_in_a_file_it_is_refused_in_words_or_kept_whole(office: Office, data: Any) -> None:
    """Over an advisory that is otherwise right, so that what is odd is reached."""
    given_data = {**an_advisory(), **data} if isinstance(data, dict) else data

    def kept() -> list[int]:
        return [table.objects.count() for table in (Advisory, Draft, Record)]

    before, refused = kept(), None
    try:
        from_file(given_data, office.ada, office.centre)
    except NotUnderstood as error:
        refused = error
    assert kept() == (before if refused else [one + 1 for one in before])
    assert refused is None or refused.sentences


def test_a_person_who_left_or_sits_in_no_open_body_is_not_named(office: Office) -> None:
    gone = Person.objects.create(email="gone@example.org", written="Gone@example.org", name="Gone", left_at=NOW)
    Membership.objects.create(person=gone, body=office.department, role="member")
    Person.objects.create(email="alone@example.org", written="alone@example.org", name="Alone")
    closed = Body.objects.create(slug="closed", name="Closed", kind="team", closed="2020-01-01")
    shut = office.person("shut", closed, "member")
    with pytest.raises(NotUnderstood) as refused:
        office.draft(audience={"people": ["gone@example.org", "alone@example.org", shut.email, "cas@example.org"]})
    assert sorted(refused.value.sentences) == [
        "audience.people: Alone (alone@example.org) sits in no open body, so that no warning finds them.",
        "audience.people: Gone (Gone@example.org) has left, so that no warning finds them.",
        "audience.people: Shut (shut@example.org) sits in no open body, so that no warning finds them.",
    ]
