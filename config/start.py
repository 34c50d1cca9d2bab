"""Before a process serves anybody: what must be right about what is live, or it does not start."""

import django
from django.core import checks
from django.db import connections

LIVE = "links"  # the tag of the checks that ask the database


def refuse_what_breaks() -> None:
    """Raise `SystemExit`, saying why, where a check of what is live fails. A database that is away refuses nobody."""
    django.setup()
    try:
        found = checks.run_checks(tags=[LIVE], databases=["default"])
    finally:
        # A process that forks now would share it with its children.
        connections.close_all()
    wrong = [one for one in found if one.is_serious()]
    if wrong:
        raise SystemExit("\n".join(f"{one.id}: {one.msg} {one.hint or ''}".rstrip() for one in wrong))
