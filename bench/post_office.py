"""django-post_office in a process of its own, for `deliver_peers`: sends as many mails as it is asked for on each line.

As its manual begins and as it comes: `send()` for each person, of the same letter as a template, which fills it in, and then
`send_queued_mail`. The letter is the first line: its subject, text and HTML. Tuned as far as it goes (`send_many`, two
processes, large batches, nothing logged but failures) it sends about three times as many, and is no longer what one has who
has just installed it.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit


def main() -> None:
    """Until there are no more lines."""
    import django
    import environ
    from django.conf import settings

    env = environ.Env()
    settings.configure(
        SECRET_KEY="for a benchmark",  # noqa: S106
        INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
        DATABASES={"default": env.db("DATABASE_URL") | {"CONN_MAX_AGE": 60}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        EMAIL_BACKEND="post_office.EmailBackend",
        USE_TZ=True,
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        LOGGING_CONFIG=None,
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=urlsplit(os.environ["EMAIL_URL"]).port,
    )
    django.setup()
    import logging

    logging.disable(logging.INFO)
    from django.core.management import call_command
    from post_office import mail
    from post_office.models import Email, EmailTemplate

    call_command("migrate", verbosity=0)
    template = EmailTemplate.objects.create(
        name="warning",
        **json.loads(sys.stdin.readline()),
    )
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            number = int(line)
            began = time.perf_counter()
            for n in range(number):
                mail.send(
                    [f"given.family.{n}@peers.example"],
                    "alerts@tocsin.example",
                    template=template,
                    context={
                        "name": f"Given Family {n}",
                        "bodies": f"Office {n} of peers",
                        "link": f"https://tocsin.example/a/{n:040}",
                        "ask": f" Or ask your contact, Given Family {n}.",
                    },
                )
            call_command("send_queued_mail", lockfile=str(Path(folder) / "lock"))
            seconds = time.perf_counter() - began
            assert Email.objects.filter(status=0).count() == number  # noqa: S101  # `STATUS.sent`
            Email.objects.all().delete()
            print(json.dumps({"seconds": seconds}), flush=True)


if __name__ == "__main__":
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)
    main()
