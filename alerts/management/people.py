"""Whom and what a command's words mean."""

from django.core.management.base import CommandError

from alerts.models import Advisory
from departments.models import Person


def person_of(address: str) -> Person:
    """The person with this address; a sentence where there is none."""
    try:
        return Person.objects.get_by_natural_key(address)
    except Person.DoesNotExist:
        raise CommandError(f"Nobody in the directory has the address {address!r}.") from None


def advisory_of(reference: str) -> Advisory:
    """The advisory with this reference, in any case of letters; a sentence where there is none."""
    advisory = Advisory.objects.filter(reference=reference.strip().upper()).first()
    if advisory is None:
        raise CommandError(f"There is no advisory {reference!r}.")
    return advisory
