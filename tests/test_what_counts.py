"""Whatever is said, in whatever order and by whomever: the recipient's row says what the answers say, and the figures too."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts import counting
from alerts.answer_form import ActionChoice, Said
from alerts.answering import answers
from alerts.answering.answers import Given, How, Read, Told
from alerts.models import Acknowledgement, Advisory, Recipient
from departments.models import Person
from tests import rows
from tests.test_counting import nothing_drifted

pytestmark = pytest.mark.django_db

STEPS = st.lists(
    st.tuples(
        st.sampled_from(How),
        st.sampled_from(Read),
        st.booleans(),
        st.integers(1, 3),
        st.sampled_from(["done", "later", "na"]),
        st.booleans(),
    ),
    max_size=7,
)


@dataclass
class Row:
    """A recipient's row as the answers make it, in plain Python."""

    answered: int = 0
    behalf: int = 0
    office: int = 0
    acted: int = 0
    needs_help: bool = False
    suspect: int = 0

    def hears(self, said: Acknowledgement, material: int, *, office_counts: bool) -> None:
        number = said.revision.number
        if said.read == "phishing":
            return
        if said.suspect:
            self.suspect = max(self.suspect, number)
            return
        if said.how == "office":
            if number < self.office:
                return
            self.office = number
            # Apart, it stands beside what they said themselves.
            speaks = self.answered <= number and (office_counts or self.answered < material)
        else:
            if number < self.answered:
                return
            self.answered, self.behalf = number, number if said.how == "behalf" else 0
            speaks = not office_counts or self.office <= number
        if speaks:
            self.needs_help = said.read == "help"
            self.acted = number if all(one.choice in ("done", "na") for one in said.answers.all()) else 0


def put(to: Recipient, by: Person, how: How, read: Read, suspect: bool, number: int, choice: str) -> None:
    asked = answers.question(to.pk, number)
    assert asked is not None
    said = [] if read == Read.PHISHING else [Said(action, None, ActionChoice(choice)) for action in asked.actions]
    told = {"told_how": Told.TELEPHONE, "told_at": timezone.now()} if how == How.BEHALF else {}
    signs = ["instant"] if suspect else []
    answers.keep(asked, Given(how, read, uuid4(), said, by=by, suspect=signs, **told))  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, material=st.integers(1, 3), office=st.sampled_from(["apart", "counts"]))
def test_the_row_is_what_the_answers_say_and_the_figures_are_those_of_the_rows(
    steps: list[tuple[How, Read, bool, int, str, bool]], material: int, office: str
) -> None:
    undo = transaction.savepoint()
    advisory: Advisory = rows.advisory(f"ADV-{uuid4().hex[:8]}", office=office)
    assert advisory.current is not None
    rows.action(advisory.current, "delete")
    recipient = rows.recipient(advisory, rows.relay(advisory, f"body-{uuid4().hex[:8]}"))
    for number in (2, 3):
        rows.action(rows.revise(advisory, "material" if number <= material else "minor"), "delete")
    by = rows.person()
    for *step, folds in steps:
        put(recipient, by, *step)  # type: ignore[arg-type]
        if folds:
            counting.fold(advisory.pk)
        assert nothing_drifted(advisory)
    expected = Row()
    for said in recipient.acknowledgements.order_by("pk").select_related("revision").prefetch_related("answers"):
        expected.hears(said, material, office_counts=office == "counts")
    recipient.refresh_from_db()
    assert expected == Row(
        recipient.answered_revision,
        recipient.behalf_revision,
        recipient.office_revision,
        recipient.acted_revision,
        recipient.needs_help,
        recipient.suspect_revision,
    )
    transaction.savepoint_rollback(undo)
