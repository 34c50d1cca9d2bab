import time
import pytest
from django.db import connection
from django.utils import timezone
from alerts import watch
from alerts.models import Advisory
from tests import rows
from tests.watching import all_well, apart, done
pytestmark = pytest.mark.django_db

def test_time(monkeypatch):
    apart(monkeypatch); now = timezone.now()
    for n in range(100):
        a = rows.advisory(f"ADV-2021-{n:04}")
        r = rows.recipient(a)
    all_well(now); done()
    with connection.cursor() as c:
        c.execute("""INSERT INTO alerts_batch (rank, advisory_id, revision_id, kind, size, not_before, attempt, made_at)
          SELECT 1, a.id, a.current_id, 'notice', 500, now() + interval '1 h', 1, now() - interval '1 h' FROM alerts_advisory a, generate_series(1,400)""")
        c.execute("""INSERT INTO alerts_message (key, batch_id, person_id, advisory_id, recipient_id, revision_id, kind, attempt, error)
          SELECT b.id::text || '-' || g, b.id, r.person_id, b.advisory_id, r.id, b.revision_id, 'notice', b.id % 2, 'x'
          FROM alerts_batch b JOIN alerts_recipient r ON r.advisory_id=b.advisory_id, generate_series(1,5) g""")
        c.execute("""INSERT INTO alerts_record (kind, subject, details, digest) SELECT 'sent', a.reference, '{}', repeat('x', 64)
           FROM generate_series(1,8000) g, alerts_advisory a""")
        c.execute("ANALYZE")
        for _ in range(3):
            t = time.time(); found = watch.look(now); print("LOOK", time.time() - t, len(found))
        t = time.time(); found = watch.rows("EXPLAIN ANALYZE " + watch.MAIL, now=now, late=now, soon=now, later=now, single_soon=now, single_later=now, moved=now)
        print("\n".join(x[0] for x in found))
        c.execute("UPDATE alerts_batch SET attempt = 0")
        c.execute("ANALYZE alerts_batch")
        for _ in range(2):
            t = time.time(); found = watch.look(now); print("UNTRIED", time.time() - t, len(found))
