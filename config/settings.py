"""One settings file, driven by the environment, safe by default.

Outside development three things must be named: SECRET_KEY, DATABASE_URL and REDIS_URL. DEBUG=1 is development: then the
services of a running `make run` of this checkout are found by themselves (see `config.embedded`).
"""

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config import embedded, mail_provider
from config.canaries import canaries
from config.mail_url import mail_server, mailbox

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent
DEBUG = env.bool("DEBUG", default=False)

if DEBUG and "DATABASE_URL" not in os.environ:
    os.environ.update(embedded.environment(embedded.place()) or {})

if not DEBUG and not env("SECRET_KEY", default=""):
    raise ImproperlyConfigured("SECRET_KEY is not set. Name one (50 random characters) in the environment.")
SECRET_KEY: str = env("SECRET_KEY", default="for development only, never on a network")
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])

# Where people find us: allowed hosts, the links' origin and the cookies' security all follow from it.
SITE_URL: str = env("SITE_URL", default="http://127.0.0.1:8000").rstrip("/")
SITE_NAME = "Tocsin"
_site = urlsplit(SITE_URL)
if _site.scheme not in ("http", "https") or not _site.hostname:
    raise ImproperlyConfigured(f"SITE_URL is {SITE_URL!r}: it must be like https://alerts.example.gov.uk")
_SECURE = _site.scheme == "https"
ALLOWED_HOSTS = [_site.hostname, *(["localhost", "127.0.0.1", "[::1]"] if DEBUG else [])]
CSRF_TRUSTED_ORIGINS = [SITE_URL]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _SECURE else None
# How many proxies of ours a request passes: so many addresses at the end of X-Forwarded-For are believed (`config.asker`). At
# https there is one, which ends TLS and says so.
PROXIES: int = env.int("PROXIES", default=1 if _SECURE else 0)
if PROXIES < 0:
    raise ImproperlyConfigured(f"PROXIES is {PROXIES}: how many proxies of yours stand in front, 0 for none")
SECURE_HSTS_SECONDS = 31_536_000 if _SECURE else 0
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_REFERRER_POLICY = "same-origin"  # stricter, and browsers post our own forms with "Origin: null"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"

INSTALLED_APPS = [
    "departments.admin_app.TablesConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "anymail",
    "django_htmx",
    "pgtrigger",
    "rules.apps.AutodiscoverRulesConfig",
    "departments",
    "alerts",
    *(["demo", "django_migration_linter"] if DEBUG else []),
]

MIDDLEWARE = [
    "config.logs.RequestMiddleware",
    "config.odd.NoNulMiddleware",
    "config.parts.SignedOutPartMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "config" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context.site",
            ],
        },
    }
]

# --- the truth: PostgreSQL ---
DATABASES = {"default": env.db("DATABASE_URL")}
if "postgresql" not in DATABASES["default"]["ENGINE"]:
    raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL database (15 or later).")
DATABASES["default"].update(CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True, ATOMIC_REQUESTS=False)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- the bell: Redis ---
REDIS_URL: str = env("REDIS_URL")
CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 120
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# What is severe overtakes what is not in the queue as well (`config.bell.PRIORITIES`).
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    "queue_order_strategy": "priority",
    "priority_steps": [0, 3, 6, 9],
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TIMEZONE = "UTC"
# Each worker has a queue of its own, for the pulse that proves that its pool runs tasks (`config.workers`).
CELERY_WORKER_DIRECT = True
# --- the watchdog (`alerts.watching.watch`), in seconds: how often all live work is looked at; after how long a silent beat,
# and a worker that runs nothing, are noticed. The last is longer than any task; workers show themselves nine times in it. ---
AUDIT_EVERY: float = env.float("AUDIT_EVERY", default=120.0)
BEAT_SILENT: float = env.float("BEAT_SILENT", default=30.0)
WORKER_SILENT: float = env.float("WORKER_SILENT", default=90.0)


def _hook(name: str) -> str:
    """An address that is called from here. It may hold a key, so it is said nowhere, not even where it is wrong."""
    address: str = env(name, default="").strip()
    try:
        parts = urlsplit(address)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if address and not (right and address.isascii() and address.isprintable() and " " not in address):
        raise ImproperlyConfigured(f"{name} must be like https://hooks.example.org/a-long-key, or not set at all.")
    return address


# Called each minute only while all is well, so that silence pages somebody; sent a POST when something is not.
HEARTBEAT_URL = _hook("HEARTBEAT_URL")
ALARM_URL = _hook("ALARM_URL")
# How often the beat rings for each task, in seconds.
BEATS = {
    "alerts.tasks.heartbeat": 5.0,
    "alerts.tasks.report_well": 60.0,
    "alerts.tasks.audit": AUDIT_EVERY,
    "alerts.tasks.deliver": 10.0,
    "alerts.tasks.match_events": 10.0,
    "alerts.tasks.read_mailbox": 60.0,
    "alerts.tasks.fold_all": 10.0,
    "alerts.tasks.cascade_due": 10.0,
    "alerts.tasks.cascade_all": 60.0,
    "alerts.tasks.compare_all_anew": 3600.0,
    "alerts.tasks.tend_gaps": 60.0,
    "alerts.tasks.tend_reviews": 60.0,
    "alerts.tasks.chase": 60.0,
    "alerts.tasks.ask_contacts": 3600.0,
    "departments.tasks.refresh_readiness": 60.0,
    "departments.tasks.refresh_all_readiness": 3600.0,
    "departments.tasks.load_uploads": 60.0,
}
# Each expires after its own interval: a beat that rang for an hour into a dead broker must not ring an hour's bells.
CELERY_BEAT_SCHEDULE = {
    task: {"task": task, "schedule": seconds, "options": {"expires": seconds}} for task, seconds in BEATS.items()
}

# --- chase ---
# Mails of the chase (reminders, lists of who is silent) a person a day, over all advisories; critical ones leave all the same.
CHASE_MAILS_A_DAY: int = env.int("CHASE_MAILS_A_DAY", default=3)

# --- mail ---
# The same route carries the alerts (alerts.senders) and the few mails of signing in: a mail server, or a provider by the name
# that Anymail gives it. Whatever ANYMAIL_… is in the environment is Anymail's: ANYMAIL_MAILGUN_API_KEY, ….
EMAIL_PROVIDER = mail_provider.known("EMAIL_PROVIDER", env("EMAIL_PROVIDER", default=""))
SECOND_EMAIL_PROVIDER = mail_provider.known("SECOND_EMAIL_PROVIDER", env("SECOND_EMAIL_PROVIDER", default=""))
EMAIL_URL: str = env("EMAIL_URL", default="smtp://127.0.0.1:1025" if DEBUG else "")
if not EMAIL_URL and not EMAIL_PROVIDER:
    raise ImproperlyConfigured(
        "EMAIL_URL is not set. Name the mail server: smtp://user:password@host:587?tls=true, or EMAIL_PROVIDER, a provider."
    )
EMAIL_BACKEND = (
    f"{f'anymail.backends.{EMAIL_PROVIDER}' if EMAIL_PROVIDER else 'django.core.mail.backends.smtp'}.EmailBackend"
)
globals().update(mail_server("EMAIL_URL", EMAIL_URL or "smtp://127.0.0.1"))
# How long connecting to the mail server, and then one mail as a whole, may take, in seconds.
EMAIL_TIMEOUT: int = env.int("EMAIL_TIMEOUT", default=30)
ANYMAIL = mail_provider.anymail(os.environ, (EMAIL_PROVIDER, SECOND_EMAIL_PROVIDER), timeout=EMAIL_TIMEOUT)
ALERTS_FROM: str = env("ALERTS_FROM", default=f"alerts@{'tocsin.example' if DEBUG else _site.hostname}")
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ALERTS_FROM
# What parts an address from the token in it (RFC 5233), as in alerts+TOKEN@...: a bounce, and a reply, then name their mail.
# Empty where the mail system of ALERTS_FROM has no such addresses.
SUBADDRESS_SEPARATOR: str = env("SUBADDRESS_SEPARATOR", default="+")
if not re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]+", ALERTS_FROM):
    raise ImproperlyConfigured(
        f"ALERTS_FROM is {ALERTS_FROM!r}: it must be like alerts@example.gov.uk, and nothing more"
    )
if SUBADDRESS_SEPARATOR and len(ALERTS_FROM.partition("@")[0]) > 20:
    raise ImproperlyConfigured(
        f"ALERTS_FROM ({ALERTS_FROM}) has more than 20 characters before the @, and with a token in it more than the 64 that an"
        " address may have: shorten it, or set SUBADDRESS_SEPARATOR to nothing and do without bounces that name their mail."
    )
if SUBADDRESS_SEPARATOR not in ("", "+", "-", "=", "_"):
    raise ImproperlyConfigured(f"SUBADDRESS_SEPARATOR is {SUBADDRESS_SEPARATOR!r}: + - = _ or nothing")
# Mails a second, and a day, at most; 0 is without a limit.
EMAIL_RATE: float = env.float("EMAIL_RATE", default=0.0)
EMAIL_QUOTA: int = env.int("EMAIL_QUOTA", default=0)
# A second route, and down to which severity it takes mail while the first is condemned or its quota is spent.
SECOND_EMAIL_URL: str = env("SECOND_EMAIL_URL", default="")
SECOND_EMAIL: dict[str, Any] = mail_server("SECOND_EMAIL_URL", SECOND_EMAIL_URL) if SECOND_EMAIL_URL else {}
SECOND_EMAIL_RATE: float = env.float("SECOND_EMAIL_RATE", default=0.0)
SECOND_EMAIL_QUOTA: int = env.int("SECOND_EMAIL_QUOTA", default=0)
SECOND_EMAIL_DOWN_TO: str = env("SECOND_EMAIL_DOWN_TO", default="high")
if SECOND_EMAIL_DOWN_TO not in ("critical", "high", "medium", "low"):
    raise ImproperlyConfigured(f"SECOND_EMAIL_DOWN_TO is {SECOND_EMAIL_DOWN_TO!r}: critical, high, medium or low")
EMAIL_SUBJECT_PREFIX = ""
# A provider that only brings what comes back to ALERTS_FROM (`/webhooks/<provider>/inbound/`), or a mailbox where it is read.
INBOUND_PROVIDER = mail_provider.known("INBOUND_PROVIDER", env("INBOUND_PROVIDER", default=""))
if INBOUND_PROVIDER and not ANYMAIL.get("WEBHOOK_SECRET"):
    raise ImproperlyConfigured("INBOUND_PROVIDER needs ANYMAIL_WEBHOOK_SECRET: without it no webhook is there.")
MAILBOX_URL: str = env("MAILBOX_URL", default="")
MAILBOX = mailbox("MAILBOX_URL", MAILBOX_URL) if MAILBOX_URL else None
# Addresses of the operator's own, comma-separated, one a mail domain: each gets a mail before all others of a warning.
CANARIES: dict[str, str] = canaries(env.list("CANARIES", default=[]))

# Whether the reader's page asks for a one-time code at TLP:AMBER+STRICT as well; at TLP:RED it always does.
AMBER_STRICT_NEEDS_CODE: bool = env.bool("AMBER_STRICT_NEEDS_CODE", default=False)
# How long a worker may be silent about its batch before another one takes it over, in seconds.
BATCH_LEASE: int = env.int("BATCH_LEASE", default=60)
if not 0 < EMAIL_TIMEOUT < BATCH_LEASE:
    raise ImproperlyConfigured(
        f"EMAIL_TIMEOUT ({EMAIL_TIMEOUT} s) must be less than BATCH_LEASE ({BATCH_LEASE} s): a batch would be taken over,"
        " and mails sent twice, while a slow server still answers."
    )
# Where a machine's state of the demo is kept (development only).
MAILBOX_DIR = Path(env("MAILBOX_DIR", default=str(embedded.place() / "mail")))

# --- who ---
AUTH_USER_MODEL = "departments.Person"
AUTHENTICATION_BACKENDS = ["rules.permissions.ObjectPermissionBackend", "departments.signing_in.DutyBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "departments.signing_in.DutyAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_SESSION_REMEMBER = False

# --- pages ---
LANGUAGE_CODE = "en-gb"
FORMAT_MODULE_PATH = "config.formats"
TIME_ZONE = env("TIME_ZONE", default="Europe/London")
USE_TZ = True
USE_I18N = True
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "config" / "static"]
WHITENOISE_USE_FINDERS = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "style-src": [SELF],
        "script-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-src": [SELF] if DEBUG else [NONE],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000  # a draft of 1.5 million characters, whatever they are made of
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000
FILE_UPLOAD_HANDLERS = [
    "departments.web.upload_limit.Limit",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}

# --- logs ---
LOGGING_CONFIG = "config.logs.configure"
LOGGING: dict[str, object] = {"version": 1}  # not empty: an empty one is never handed to LOGGING_CONFIG
SILENCED_SYSTEM_CHECKS: list[str] = []
