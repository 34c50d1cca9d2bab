import time, pytest, json
from django.db import connection
from tests import rows
from tests.test_tracking import NOON, at
from alerts import tracking, tokens, counting
from alerts.models import *
from departments.models import Person, Membership

@pytest.mark.django_db
def test_scale():
    N = 20000
    adv = rows.advisory("BIG")
    relays = [rows.relay(adv, f"b{n}") for n in range(50)]
    people = Person.objects.bulk_create([Person(email=f"p{n}@x.example", written=f"p{n}@x.example", name="P") for n in range(N)])
    recs = Recipient.objects.bulk_create([Recipient(advisory=adv, person=p, targeted=True, told_revision=1) for p in people])
    Seat.objects.bulk_create([Seat(recipient=r, relay=relays[i % 50], counts=True, contact=False) for i, r in enumerate(recs)])
    Membership.objects.bulk_create([Membership(person=p, body=relays[i%50].body, role="member") for i, p in enumerate(people)])
    rev = adv.current
    b = Batch.objects.create(rank=1, size=1, not_before=NOON, advisory=adv, revision=rev, kind="notice")
    msgs = Message.objects.bulk_create([Message(key=f"k{i}", batch=b, person=r.person, recipient=r, advisory=adv, revision=rev, kind="notice", state="sent", sent_at=NOON, personal={"address": r.person.email}, provider_id=f"<call-{i//1000}@x>") for i, r in enumerate(recs)])
    with connection.cursor() as c: c.execute("ANALYZE")
    def go(name, evs):
        t = time.time(); 
        for i in range(0, len(evs), 1000): tracking.store(evs[i:i+1000])
        a = time.time(); n = tracking.match(); z = time.time()
        print(f"\n{name}: store {a-t:.2f} match {z-a:.2f} n={n}")
    go("delivered by token", [tracking.Heard("mg", f"d{m.pk}", "delivered", at(1), tokens.make_32(m.pk,0,tokens.RETURN)) for m in msgs[:10000]])
    go("delivered by id of 1000", [tracking.Heard("mg", f"e{m.pk}", "delivered", at(1), "", m.provider_id, m.personal["address"]) for m in msgs[10000:15000]])
    go("bounced by token", [tracking.Heard("mg", f"b{m.pk}", "bounced", at(2), tokens.make_32(m.pk,0,tokens.RETURN), said="550 no") for m in msgs[:5000]])
    from tests.test_counting import figures_read
    print(figures_read(adv)[None])
    t=time.time(); tracking.store([tracking.Heard("mg", f"z{i}", "bounced", at(2), "", f"other{i}", "x@y.z") for i in range(20000)]); a=time.time(); tracking.match(); print("20000 of others: store", a-t, "look", time.time()-a)
    from alerts import coverage
    t=time.time(); coverage.mail_states(adv); print("states", time.time()-t)
    t=time.time(); coverage.fingerprint(adv); print("fp", time.time()-t)
