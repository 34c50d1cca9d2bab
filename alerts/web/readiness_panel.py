"""What an administrator can set off from the readiness page and from a body's."""

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from departments.models import Body, Membership, Role


def remedies(request: HttpRequest) -> SafeString:
    """Asking every contact, and the way to the introduction; for administrators."""
    if not request.user.has_perm("departments.change_body"):
        return SafeString("")
    return render_to_string("alerts/parts/remedies.html", {}, request)


def ask_contacts_of(request: HttpRequest, body: Body) -> SafeString:
    """Asking this body's contacts, where there are some; for those who may change its people."""
    if body.closed is not None or not request.user.has_perm("departments.change_people", body):
        return SafeString("")
    if not Membership.objects.filter(body=body, role=Role.CONTACT, until=None, person__left_at=None).exists():
        return SafeString("")
    return render_to_string("alerts/parts/ask_contacts.html", {"body": body}, request)
