"""`make bench`: every row, or with ONLY=name one; a table, and `bench-results.json`. Exit code 1 where a bound does not hold.

On a PostgreSQL of its own with fsync on, or in a database of its own on the server that DATABASE_URL names.
"""

import os
import sys
import tempfile
from pathlib import Path

from config import embedded

RESULTS = Path(__file__).resolve().parent.parent / "bench-results.json"


def main() -> int:
    """Run the rows; 0 where every bound holds, 2 where there is no such row."""
    os.environ.setdefault("DEBUG", "1")
    with embedded.throwaway(durable=True) as services:
        os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = services.database_url, services.redis_url
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
        return _run(os.environ.get("ONLY", ""))


def _run(only: str) -> int:
    import logging

    import django

    django.setup()
    logging.disable(logging.INFO)
    from django.conf import settings
    from django.db import connection

    settings.DEBUG = False  # with it Django keeps every query it ever ran

    from bench import harness
    from bench.rows import ROWS

    if only and only not in ROWS:
        print(f"There is no row {only!r}; there are {', '.join(ROWS)}.", file=sys.stderr)
        return 2
    # Never a test run's: on a shared server both may be under way.
    connection.settings_dict["TEST"]["NAME"] = f"tocsin_bench_{os.getpid()}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        with tempfile.TemporaryDirectory() as folder:
            rows = []
            for name, run in ROWS.items():
                if not only or name == only:
                    print(f"... {name}", file=sys.stderr, flush=True)
                    rows.append(run(Path(folder)))
    finally:
        connection.creation.destroy_test_db(connection.settings_dict["NAME"], verbosity=0)
    harness.write(rows, RESULTS)
    print(harness.table(rows))
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
