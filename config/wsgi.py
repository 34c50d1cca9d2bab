"""What gunicorn serves: `gunicorn config.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

from config.odd import in_our_charset
from config.start import refuse_what_breaks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = in_our_charset(get_wsgi_application())
refuse_what_breaks()
