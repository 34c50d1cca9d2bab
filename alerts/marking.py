"""Marking: what each label of the Traffic Light Protocol 2.0 lets a mail and a page say. One table, used everywhere."""

from dataclasses import dataclass

from alerts.models import Marking


@dataclass(frozen=True)
class Allowed:
    """Where the text of an advisory may stand."""

    in_mail: bool
    on_page: bool


# From AMBER up a mail carries only the open title, severity and link; at RED the page, too, keeps its text back.
TABLE: dict[str, Allowed] = {
    Marking.CLEAR: Allowed(in_mail=True, on_page=True),
    Marking.GREEN: Allowed(in_mail=True, on_page=True),
    Marking.AMBER: Allowed(in_mail=False, on_page=True),
    Marking.AMBER_STRICT: Allowed(in_mail=False, on_page=True),
    Marking.RED: Allowed(in_mail=False, on_page=False),
}


def text_in_mail(marking: str) -> bool:
    """Whether a mail may carry the advisory's words."""
    return TABLE[marking].in_mail


def text_on_page(marking: str) -> bool:
    """Whether the reader's page shows the advisory's words to whoever holds the link."""
    return TABLE[marking].on_page
