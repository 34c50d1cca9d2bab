"""Marking: what each label of the Traffic Light Protocol 2.0 lets a mail and a page say. One table, used everywhere."""

from dataclasses import dataclass
from enum import Enum

from django.conf import settings

from alerts.models import Marking


class Code(Enum):
    """When the reader's page shows the text only after a one-time code or a sign-in."""

    NEVER = "never"
    BY_SETTING = "where AMBER_STRICT_NEEDS_CODE is set"
    ALWAYS = "always"


@dataclass(frozen=True)
class Allowed:
    """Where the text of an advisory may stand, and for whom the page shows it."""

    in_mail: bool
    code: Code


# From AMBER up a mail carries only the open title, severity and link; at RED the link alone does not show the text either.
TABLE: dict[str, Allowed] = {
    Marking.CLEAR: Allowed(in_mail=True, code=Code.NEVER),
    Marking.GREEN: Allowed(in_mail=True, code=Code.NEVER),
    Marking.AMBER: Allowed(in_mail=False, code=Code.NEVER),
    Marking.AMBER_STRICT: Allowed(in_mail=False, code=Code.BY_SETTING),
    Marking.RED: Allowed(in_mail=False, code=Code.ALWAYS),
}


def text_in_mail(marking: str) -> bool:
    """Whether a mail may carry the advisory's words."""
    return TABLE[marking].in_mail


def is_stricter(marking: str, than: str) -> bool:
    """Whether what has the one marking may go to fewer people than what has the other."""
    order = list(TABLE)
    return order.index(marking) > order.index(than)


def needs_code(marking: str) -> bool:
    """Whether whoever holds the link must show, with a one-time code or a sign-in, that they are its recipient."""
    code = TABLE[marking].code
    return code is Code.ALWAYS or (code is Code.BY_SETTING and settings.AMBER_STRICT_NEEDS_CODE)
