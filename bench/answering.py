"""One of several processes that answer at once for `coverage_counters`: `alerts.answering.answers.keep`, and nothing around it.

Each line of the input is a file of recipients' ids. What is asked of them is looked up first; "ready" is said, and at the next
line they all answer. The output is then how many answers were kept. Each thread has a connection of its own.
"""

import json
import os
import sys
import threading
from pathlib import Path
from uuid import uuid4

THREADS = 4


def main() -> None:
    """Until there are no more lines."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.conf import settings

    settings.DEBUG = False
    for line in sys.stdin:
        print(_all(json.loads(Path(line.strip()).read_text())), flush=True)


def _all(recipients: list[int]) -> int:
    from django.db import connections

    from alerts.answer_form import ActionChoice, Said
    from alerts.answering import answers
    from alerts.answering.answers import Given, How, Read

    kept: list[int] = []
    start = threading.Barrier(THREADS + 1)

    def run(mine: list[int]) -> None:
        try:
            asked = [question for pk in mine if (question := answers.question(pk, 1))]
            start.wait()
            start.wait()
            done = ActionChoice("done")
            for to in asked:
                said = [Said(action, None, done) for action in to.actions]
                kept.append(answers.keep(to, Given(How.LINK, Read.YES, uuid4(), said))[1])
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(recipients[n::THREADS],)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    start.wait()
    print("ready", flush=True)
    sys.stdin.readline()
    start.wait()
    for thread in threads:
        thread.join()
    return sum(kept)


if __name__ == "__main__":
    main()
