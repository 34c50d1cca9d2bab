"""The last word: which of all that somebody said, or that was said for them, is the one that stands. Said once, in SQL.

It is what was said of the latest revision, and of that what was said last: a form that lay open through an update takes nothing
back. What others said for them gives way to what they said themselves: what a contact put down, to their own answer to the same
revision; what an office said that is counted apart, to any answer of theirs to the material revision of that time or a later
one, and to what stands of theirs since. A recipient's row follows the same rule (`alerts.answering.answers_sql`). What looks
like a machine's is no word.
"""

from datetime import datetime
from typing import NamedTuple

from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL

from alerts.models import Acknowledgement


class Word(NamedTuple):
    """The last thing that somebody said which is not a machine's, and how it came."""

    how: str
    read: str
    at: datetime
    text: str
    name_given: str
    told_how: str
    told_at: datetime | None
    late: bool
    by_name: str | None
    number: int
    """The revision that it is to."""


def _gives_way(k: str, w: str) -> str:
    """Of an acknowledgement `k` to a revision `w`. Looked up for what others said alone. Index: acknowledgement_last."""
    said_themselves = f"""
        FROM alerts_acknowledgement own
        JOIN alerts_revision theirs ON theirs.id = own.revision_id
        WHERE own.recipient_id = {k}.recipient_id AND own.suspect = '{{}}' AND own.read <> 'phishing'
    """
    return f"""({k}.how IN ('behalf', 'office') AND CASE {k}.how
        WHEN 'behalf' THEN EXISTS (
            SELECT {said_themselves} AND own.how IN ('link', 'reply') AND own.revision_id = {k}.revision_id OFFSET 0
        )
        ELSE (SELECT a.office FROM alerts_advisory a WHERE a.id = {w}.advisory_id) = 'apart' AND coalesce((
            -- What stands of theirs: a late form of an older revision is not it.
            SELECT own.id > {k}.id OR theirs.number >= (
                SELECT max(m.number) FROM alerts_revision m
                WHERE m.advisory_id = {w}.advisory_id AND m.kind = 'material' AND m.number <= {w}.number
            )
            {said_themselves} AND own.how <> 'office'
            ORDER BY theirs.number DESC, own.id DESC
            LIMIT 1
        ), false)
    END)"""


def first(k: str = "k", w: str = "w") -> str:
    """The order of acknowledgements `k` of one recipient, each with its revision `w`: the one that stands comes first."""
    return f"{_gives_way(k, w)}, {w}.number DESC, {k}.id DESC"


def last_word(recipient: str) -> str:
    """The id of the last word of a recipient; NULL where they never said one. A doubt is one too."""
    return f"""(
        SELECT word.id FROM alerts_acknowledgement word JOIN alerts_revision said_of ON said_of.id = word.revision_id
        WHERE word.recipient_id = {recipient} AND word.suspect = '{{}}'
        ORDER BY {first("word", "said_of")}
        LIMIT 1
    )"""


# What figures count of an acknowledgement `k` to a revision `w`: an answer; an office's where the advisory says that it counts.
COUNTS = """(k.suspect = '{}' AND k.read <> 'phishing' AND (
    k.how <> 'office' OR (SELECT a.office FROM alerts_advisory a WHERE a.id = w.advisory_id) = 'counts'
))"""


def last_first(answers: QuerySet[Acknowledgement]) -> QuerySet[Acknowledgement]:
    """What one recipient said, none of it a machine's, with its revision: the one that stands comes first."""
    # The text is one of ours, and has no values in it.
    given_way = RawSQL(_gives_way("alerts_acknowledgement", "alerts_revision"), (), BooleanField())  # noqa: S611
    return answers.select_related("revision").order_by(given_way, "-revision__number", "-pk")
