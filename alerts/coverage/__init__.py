"""Coverage: who has been told and who has answered, body by body, up the relays' tree. Reads only; writes nothing.

The figures are those kept by `alerts.counting` plus what is pending, read in one statement: exact at any moment.
`table` reads every body of an advisory; the pages read no more than they show.
"""

from alerts.coverage.figures import CONTRACT, Bodies, Figures, MailStates
from alerts.coverage.table import (
    Coverage,
    Row,
    Whole,
    as_json,
    children,
    fingerprint,
    read,
    table,
    told_apart,
    whole,
)

__all__ = [
    "CONTRACT",
    "Bodies",
    "Coverage",
    "Figures",
    "MailStates",
    "Row",
    "Whole",
    "as_json",
    "children",
    "fingerprint",
    "read",
    "table",
    "told_apart",
    "whole",
]
