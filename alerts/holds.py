"""Holds: a body's contacts have the warning first, for some hours; here it is let go on before the clock does it.

Before: a held relay. After `release`: released, by whoever pressed; the cascade moves the wave on from it. Twice: the second
press finds that it was not held any more.
"""

from django.db import transaction
from django.utils import timezone

from alerts import record
from alerts.models import Advisory, Relay, State
from alerts.wake import wake
from departments.models import Person
from departments.refusal import Refused


def release(relay_id: int, by: Person) -> bool:
    """A contact or officer lets a held relay go on. False when it was not held any more.

    Raises `Refused` for an advisory that expired: nothing of it goes on.
    """
    with transaction.atomic():
        of = Advisory.objects.get(relays=relay_id)
        if of.state == State.EXPIRED:
            raise Refused(
                f"{of.reference} has expired: nothing of it goes on until an officer says that it still holds."
            )
        changed = Relay.objects.filter(pk=relay_id, state=Relay.State.HELD).update(
            state=Relay.State.RELEASED, released_at=timezone.now(), released_by=by, to_tell=True
        )
        if changed:
            relay = Relay.objects.select_related("advisory", "body").get(pk=relay_id)
            record.write("released", relay.advisory.reference, by, body=relay.body.slug)
            wake("cascade", relay.advisory_id)
    return bool(changed)
