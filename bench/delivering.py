"""A worker without Celery, for `deliver_flat`: sends as many mails as a line asks for, and says how long it took."""

import json
import os
import resource
import sys
import time


def main() -> None:
    """Until there are no more lines."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"

    import django

    django.setup()
    from alerts.delivery.deliver import deliver
    from alerts.senders import Senders

    for line in sys.stdin:
        batches = int(line) // 500
        began = time.perf_counter()
        with Senders() as senders:
            for _ in range(batches):
                assert deliver(senders)  # noqa: S101  # else fewer were sent
        seconds = time.perf_counter() - began
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds, "megabytes": megabytes}), flush=True)


if __name__ == "__main__":
    main()
