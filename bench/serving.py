"""What gunicorn serves for `acknowledge_post` and `acknowledge_forged`: the product, and beside it the yardsticks' views."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings

# With DEBUG on Django keeps every query that it ever ran.
settings.DEBUG = False
settings.ROOT_URLCONF = "bench.yardsticks"

from config.wsgi import application as application  # noqa: E402
