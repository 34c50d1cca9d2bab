"""Who may write, approve, stop and stand down an advisory: the officers of its issuer and of the bodies above that."""

from django.db.models import QuerySet

from alerts.models import Advisory
from departments.models import Body, Membership, Person, Role
from departments.refusal import Refused
from departments.tree import ancestors, branch


def bodies_to_issue_for(officer: Person) -> list[Body]:
    """The open bodies whose officer this person is: issuing authorities first."""
    if officer.left_at is not None:
        return []
    seats = Membership.objects.filter(person=officer, role=Role.OFFICER, until=None, body__closed=None)
    return [seat.body for seat in seats.select_related("body").order_by("-body__may_issue", "body_id")]


def issuer_of(officer: Person) -> Body:
    """The body for which this officer publishes: an issuing authority before any other; raises `Refused`."""
    bodies = bodies_to_issue_for(officer)
    if not bodies:
        raise Refused(f"{officer.name} is not a security officer of any open body, and only officers publish.")
    return bodies[0]


def hold(advisory_id: int) -> Advisory:
    """The advisory, locked, with its issuer and revisions, all of one moment; within a transaction.

    Two statements: one that waited would join the advisory as it is now with the revisions as they were before.
    """
    list(Advisory.objects.select_for_update(no_key=True).filter(pk=advisory_id).values("pk"))
    return Advisory.objects.select_related("issuer", "current", "material").get(pk=advisory_id)


def approvers(advisory: Advisory) -> QuerySet[Person]:
    """Everybody who may approve it, by name."""
    above = [advisory.issuer_id, *ancestors(advisory.issuer_id)]
    seats = Membership.objects.filter(role=Role.OFFICER, until=None, body__in=above, body__closed=None)
    return Person.objects.filter(left_at=None, pk__in=seats.values("person")).order_by("name", "pk")


def may_approve(person: Person, advisory: Advisory) -> bool:
    """Whether this person is an officer of the issuer or of a body above it."""
    return person.pk is not None and approvers(advisory).filter(pk=person.pk).exists()


def check_may(person: Person, advisory: Advisory) -> None:
    """Raise `Refused` unless this person may approve it."""
    if not may_approve(person, advisory):
        raise Refused(f"{person.name} is not an officer of {advisory.issuer.name} or of a body above it.")


def replaced_by(person: Person, reference: str) -> tuple[Advisory | None, str]:
    """The advisory that this person says theirs replaces; and a sentence where they may not say so. Neither: they don't."""
    if not reference:
        return None, ""
    found = Advisory.objects.filter(reference=reference, current__isnull=False).select_related("issuer").first()
    if found is None:
        return None, f"there is no published advisory {reference!r}."
    if not may_approve(person, found):
        return (
            None,
            f"{reference} is {found.issuer.name}'s: only its officers, or those above, say that it is replaced.",
        )
    return found, ""


def own_branch(issuer: Body) -> set[int] | None:
    """The ids of the bodies that this one may warn; None: all of them.

    An officer reaches their own branch, unless their body is an issuing authority. A directory that names no issuing
    authority yet lets each officer issue: somebody has to be able to warn.
    """
    if issuer.may_issue or not Body.objects.filter(may_issue=True).exists():
        return None
    return set(branch(issuer.pk))


def beyond_branch(advisory: Advisory) -> list[str]:
    """Names in the audience that lie beyond what the issuer may warn; empty where all is well."""
    own = own_branch(advisory.issuer)
    if own is None:
        return []
    bodies = advisory.branches.exclude(body__in=own).order_by("body__name").values_list("body__name", flat=True)
    inside = Membership.objects.filter(until=None, body__in=own).values("person")
    people = advisory.named.exclude(person__in=inside).order_by("person__name").values_list("person__name", flat=True)
    return [*bodies, *people]


def refuse_beyond_branch(advisory: Advisory) -> None:
    """Raise `Refused` where the audience lies beyond what the issuer may warn."""
    beyond = beyond_branch(advisory)
    if beyond:
        more = f" and {len(beyond) - 5} more" if len(beyond) > 5 else ""
        raise Refused(
            f"{advisory.issuer.name} is not an issuing authority, and {', '.join(beyond[:5])}{more} "
            f"{'is' if len(beyond) == 1 else 'are'} not below it. Ask an issuing authority to publish this, or take "
            "it out of the audience."
        )
