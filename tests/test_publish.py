"""From a file to a published revision: what is taken, what is refused, and what is frozen."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, ProgrammingError, transaction
from django.utils import timezone

from alerts.cascading.cascade import cascade
from alerts.models import Advisory, Message, Recipient, Record, Relay, Revision
from alerts.officers import issuer_of
from alerts.publishing.contract import NotUnderstood
from alerts.publishing.draft import from_file, update_from_file
from alerts.publishing.publish import publish_draft
from alerts.publishing.reach import reach
from alerts.publishing.stopping import HowFar, go_on, stand_down, stop
from departments.models import Membership
from departments.refusal import Refused
from tests.office import Office, an_advisory

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_published_revision_carries_what_was_signed(office: Office) -> None:
    revision = office.publish()
    assert revision.number == 1
    assert (revision.by, revision.approved_by) == (office.ada, office.ben)
    assert revision.preview["people"] == 1
    assert {gap["body"]: gap["kind"] for gap in revision.preview["gaps"]} == {
        "committee": "outside",
        "government": "nobody",
    }
    assert [action.of for action in revision.actions.all()] == ["person", "body"]
    assert revision.advisory.reference.startswith("ADV-")


def test_the_preview_is_what_the_cascade_then_does(office: Office) -> None:
    draft = office.draft()
    before = reach(draft.advisory)
    cascade(publish_draft(draft, office.ben).advisory_id)
    assert before.people == Recipient.objects.filter(targeted=True).count() == 1
    assert before.bodies == Relay.objects.filter(purpose="target").count() == 2


def test_whoever_submitted_it_cannot_approve_it(office: Office) -> None:
    with pytest.raises(Refused, match="second officer"):
        publish_draft(office.draft(), office.ada)
    assert not Revision.objects.exists()


def test_alone_with_a_reason_is_recorded_for_ever(office: Office) -> None:
    revision = publish_draft(office.draft(), office.ada, alone_reason="nobody else is awake")
    assert revision.alone_reason == "nobody else is awake"
    assert Record.objects.get(kind="published").details["alone_reason"] == "nobody else is awake"


def test_the_database_too_refuses_the_same_person_twice(office: Office) -> None:
    advisory = office.publish().advisory
    with pytest.raises(IntegrityError, match="approved_by_somebody_else"):
        Revision.objects.create(
            advisory=advisory, number=2, kind="minor", content={}, hash="", by=office.ada, approved_by=office.ada
        )


def test_a_revision_and_the_record_cannot_be_changed(office: Office) -> None:
    revision = office.publish()
    for change in (
        lambda: Revision.objects.filter(pk=revision.pk).update(content={}),
        lambda: revision.actions.update(text="other"),
        lambda: Record.objects.all().delete(),
        lambda: Record.objects.update(kind="nothing"),
    ):
        with pytest.raises(ProgrammingError), transaction.atomic():
            change()


def test_a_person_who_is_no_officer_publishes_nothing(office: Office) -> None:
    with pytest.raises(Refused, match="not a security officer"):
        issuer_of(office.cas)
    with pytest.raises(Refused, match="not an officer of"):
        publish_draft(office.draft(), office.cas)


def test_an_officer_without_authority_reaches_only_their_own_branch(office: Office) -> None:
    local = office.person("local", office.department, "officer")
    second = office.person("second", office.government, "officer")
    draft = from_file(an_advisory(severity="high"), local, office.department)
    with pytest.raises(Refused, match="not an issuing authority"):
        publish_draft(draft, second)


def test_publishing_twice_makes_one_publication(office: Office) -> None:
    draft = office.draft()
    publish_draft(draft, office.ben)
    with pytest.raises(Refused, match="meanwhile"):
        publish_draft(draft, office.ben)
    assert Revision.objects.count() == 1


def test_a_routine_advisory_wants_its_gaps_signed(office: Office) -> None:
    with pytest.raises(Refused, match="China Committee"):
        publish_draft(office.draft(severity="low"), office.ben)
    revision = publish_draft(office.draft(severity="low"), office.ben, accept_gaps="not for them")
    assert revision.advisory.gaps.get(kind="outside").reason == "not for them"


def test_an_audience_of_nobody_is_refused(office: Office) -> None:
    Membership.objects.filter(person=office.cas).update(until=timezone.now())
    with pytest.raises(Refused, match="Nobody would hear this"):
        publish_draft(office.draft(), office.ben)


def test_an_update_supersedes_what_has_not_left(office: Office) -> None:
    advisory = office.publish().advisory
    cascade(advisory.pk)
    draft = update_from_file(advisory, an_advisory(summary="Version 5 is out."), office.ada, material=True)
    revision = publish_draft(draft, office.ben)
    cascade(advisory.pk)
    assert revision.number == 2
    states = dict(Message.objects.values_list("revision__number", "state"))
    assert states == {1: Message.State.SUPERSEDED, 2: Message.State.WAITING}


def test_a_minor_update_asks_nobody_again(office: Office) -> None:
    advisory = office.publish().advisory
    publish_draft(update_from_file(advisory, an_advisory(), office.ada, material=False), office.ben)
    advisory.refresh_from_db()
    assert advisory.current is not None
    assert advisory.material is not None
    assert (advisory.current.number, advisory.material.number) == (2, 1)


def test_stop_and_going_on_and_standing_down_say_who(office: Office) -> None:
    advisory = office.publish().advisory
    cascade(advisory.pk)
    assert stop(advisory, office.ben) == HowFar(sent=0, unsent=1)
    with pytest.raises(Refused, match="stopped already"):
        stop(advisory, office.ada)
    go_on(advisory, office.ada)
    stand_down(advisory, office.ada, "It was a mistake.")
    advisory.refresh_from_db()
    assert advisory.state == "stood-down"
    assert list(Record.objects.filter(kind__in=["stopped", "went on", "stood down"]).values_list("kind", "actor")) == [
        ("stopped", office.ben.pk),
        ("went on", office.ada.pk),
        ("stood down", office.ada.pk),
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"title": ""}, "title: is missing"),
        ({"title": "One\nBcc: all@example.org"}, "line break"),
        ({"title": "x" * 201}, "201 characters"),
        ({"severity": "awful"}, "severity: must be one of"),
        ({"marking": "AMBER", "open_title": ""}, "open_title: is missing"),
        ({"marking": "RED"}, "named people"),
        ({"audience": {"branches": ["nowhere"]}}, "'nowhere' is not in the directory"),
        ({"audience": {}}, "nobody would hear"),
        ({"audience": {"branches": ["government"], "roles": ["king"]}}, "'king' is not a role"),
        ({"audience": {"branches": ["government"], "exclusions": [{"body": "department"}]}}, "a body and a reason"),
        ({"actions": [{"text": "Run", "due": "tomorrow"}]}, "ISO 8601"),
        ({"actions": [{"text": "Run", "due": "-P1D"}]}, "ISO 8601"),
        ({"supersedes": "ADV-1999-0001"}, "there is no published advisory"),
        ({"headline": "x"}, "headline: not a key"),
        ({"do_not_use_for": "everything"}, "list of texts"),
        ({"exercise": "yes"}, "true or false"),
    ],
)
def test_a_wrong_file_gets_a_sentence_and_writes_nothing(
    office: Office, changes: dict[str, object], sentence: str
) -> None:
    with pytest.raises(NotUnderstood, match=sentence):
        from_file(an_advisory(**changes), office.ada, office.centre)
    assert not Advisory.objects.exists()


class TestTheCommand:
    """`manage.py publish`, as scripts use it."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "advisory.json"
        path.write_text(json.dumps(an_advisory()))
        return path

    def test_the_reference_is_the_last_word(
        self, office: Office, file: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        call_command("publish", str(file), "--as", "ADA@example.org", "--approved-by", "ben@example.org")
        assert capsys.readouterr().out.split()[-1] == Advisory.objects.get().reference

    def test_an_update_goes_to_the_same_advisory(self, office: Office, file: Path) -> None:
        call_command("publish", str(file), "--as", "ada@example.org", "--alone", "a test")
        reference = Advisory.objects.get().reference
        call_command(
            "publish", str(file), "--as", "ada@example.org", "--alone", "a test", "--update", reference, "--minor"
        )
        assert Advisory.objects.get().revisions.count() == 2

    def test_an_update_that_does_not_say_what_changed_is_published_and_its_officer_hears_of_it(
        self, office: Office, file: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        signed = ["--as", "ada@example.org", "--alone", "a test"]
        call_command("publish", str(file), *signed)
        reference = Advisory.objects.get().reference
        assert capsys.readouterr().err == "", "a first warning has nothing to say of an earlier one"
        for words, warned in (({"what_changed": " "}, True), ({"what_changed": "Version 5 is out."}, False)):
            file.write_text(json.dumps(an_advisory(**words)))
            call_command("publish", str(file), *signed, "--update", reference, "--material")
            said = capsys.readouterr()
            assert ("what_changed: is missing" in said.err) is warned
            assert said.out.split()[-1] == reference

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [(b"{", "is not JSON"), (b"\xff\xfe", "not UTF-8"), (b"[]", "one JSON object")],
    )
    def test_a_file_that_is_no_advisory_is_one_sentence(
        self, office: Office, tmp_path: Path, content: bytes, sentence: str
    ) -> None:
        path = tmp_path / "wrong.json"
        path.write_bytes(content)
        with pytest.raises(CommandError, match=sentence):
            call_command("publish", str(path), "--as", "ada@example.org", "--alone", "a test")

    def test_nobody_approves_their_own(self, office: Office, file: Path) -> None:
        with pytest.raises(CommandError, match="somebody else"):
            call_command("publish", str(file), "--as", "ada@example.org", "--approved-by", "ada@example.org")

    def test_stop_and_stand_down_work_from_the_shell(
        self, office: Office, file: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        call_command("publish", str(file), "--as", "ada@example.org", "--alone", "a test")
        reference = Advisory.objects.get().reference
        call_command("stop", reference, "--as", "ben@example.org")
        call_command("stand_down", reference.lower(), "--as", "ben@example.org", "--reason", "over")
        assert "stood down" in capsys.readouterr().out
        with pytest.raises(CommandError, match="is stood down"):
            call_command("stop", reference, "--as", "ben@example.org")
