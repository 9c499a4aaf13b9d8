"""Every setting of the Django side. Values come from the environment only; nothing set means embedded, on this machine.

Production differs by DATABASE_URL, REDIS_URL, STORAGE_URL, SECRET_KEY, FIELD_KEYS and PUBLIC_URL.
`manage.py check` tells what is missing, with a hint (apps/config/checks.py).
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import environ

from apps.config import embedded, logs
from apps.lib import sizes

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parents[2]

# -- where data lives ------------------------------------------------------------------------------------------

EMBEDDED = not env.str("DATABASE_URL", default="")
DATA_ROOT = embedded.data_root(BASE_DIR)
if EMBEDDED and (DATA_ROOT / "environment").exists():
    # What this machine's installation chose (port, hosts on the LAN), so that every command run later agrees.
    _own_app = "SHOPIFY_API_KEY" in env.ENVIRON and "SHOPIFY_API_ROOT" not in env.ENVIRON
    env.read_env(DATA_ROOT / "environment")
    if _own_app:
        # An app at Shopify itself: its secrets never go to the shops that the demonstration plays.
        env.ENVIRON.pop("SHOPIFY_API_ROOT", None)
_urls = embedded.urls(DATA_ROOT)
_secrets = embedded.secrets(DATA_ROOT) if EMBEDDED else {}

DATABASES = {
    "default": {
        **env.db_url(
            "DATABASE_URL",
            # Migrations run as the owner of the tables; the app's own role can't change them.
            default=_urls.owner_url if env.bool("AS_OWNER", default=False) else _urls.database_url,
        ),
        "CONN_MAX_AGE": env.int("CONN_MAX_AGE", default=60),
        "CONN_HEALTH_CHECKS": True,
    }
}
REDIS_URL = env.str("REDIS_URL", default=_urls.redis_url)
STORAGE_URL = env.str("STORAGE_URL", default=_urls.storage_url)

SECRET_KEY = env.str("SECRET_KEY", default=_secrets.get("SECRET_KEY", ""))
FIELD_KEYS = env.list("FIELD_KEYS", default=list(_secrets.get("FIELD_KEYS", [])))

# -- who may reach us, and whom we may reach -------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=[urlsplit(PUBLIC_URL).hostname or "localhost", "localhost", "127.0.0.1", "[::1]"]
)
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[PUBLIC_URL])
# Whether stores can call PUBLIC_URL. Not set: as the address looks (loopback and private ones can't be called).
STORES_REACH_US = env.bool("STORES_REACH_US") if env.str("STORES_REACH_US", default="") else None
ALLOW_PRIVATE_HOSTS = env.list("ALLOW_PRIVATE_HOSTS", default=[])
STORE_CA_FILE = env.str("STORE_CA_FILE", default="")
HOOK_MAX_BYTES = env.int("HOOK_MAX_BYTES", default=2 * 1024 * 1024)

_https = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
)
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=31_536_000 if _https else 0)
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# The app's client id and secret at Shopify; while the secret is changed there, the one before it as well.
SHOPIFY_API_KEY = env.str("SHOPIFY_API_KEY", default="")
SHOPIFY_API_SECRET = env.str("SHOPIFY_API_SECRET", default="")
SHOPIFY_API_SECRET_OLD = env.str("SHOPIFY_API_SECRET_OLD", default="")
SHOPIFY_APP_NAME = env.str("SHOPIFY_APP_NAME", default="Vitrine")
# Where shops' administration is, if that is not Shopify; `{shop}` stands for the name. For a storefront of one's own.
SHOPIFY_API_ROOT = env.str("SHOPIFY_API_ROOT", default="")

# Who pays this installation: nobody, or the stores of a platform through it. Plans are made with `manage.py plan`.
BILLING = env.str("BILLING", default="none")
# How often finished pictures are put into a charge, in seconds.
BILL_EVERY_S = env.float("BILL_EVERY_S", default=300.0)
# Plans are agreed to and charged as ever, and no money is taken.
BILLING_TEST = env.bool("BILLING_TEST", default=False)

# -- jobs ------------------------------------------------------------------------------------------------------

REGION = env.str("REGION", default="local")
LEASE_S = env.float("LEASE_S", default=20.0 if EMBEDDED else 60.0)
MAX_TRIES = env.int("MAX_TRIES", default=3)
SLOT_DEPTH = env.int("SLOT_DEPTH", default=2)
# Of so many slots each lane that waits gets one, however much waits in more urgent lanes. Below 2: strict priority.
LANE_FLOOR = env.int("LANE_FLOOR", default=10)
POLL_STORES_S = env.float("POLL_STORES_S", default=300.0)
# How often all of a store is compared with its mirror, which finds what neither webhook nor poll could tell.
RECONCILE_STORES_S = env.float("RECONCILE_STORES_S", default=24 * 3600.0)
# How long a claimed delivery, sync, preparation, publication or undo is left to its holder without a sign of life.
# Longer than any call to a store may take, so that nobody takes over from one that still works.
WORK_LEASE_S = env.float("WORK_LEASE_S", default=180.0)
# Work that is due is woken again this often: a hint may be lost.
HINT_EVERY_S = env.float("HINT_EVERY_S", default=15.0)
# The longest that anything rests before it is tried again.
BACKOFF_CAP_S = env.float("BACKOFF_CAP_S", default=900.0)
# A store that has been silent for so long is asked only now and then, and its work waits without counting as tried.
STORE_AWAY_AFTER_S = env.float("STORE_AWAY_AFTER_S", default=15.0)
# The first rest of a render worker that fails most of its jobs; each further one is twice as long.
WORKER_REST_S = env.float("WORKER_REST_S", default=60.0)
SWEEP_FILES_S = env.float("SWEEP_FILES_S", default=3600.0)

# -- storage ---------------------------------------------------------------------------------------------------


def _bytes(name: str, default: str) -> int:
    try:
        return sizes.parsed(env.str(name, default=default) or "0")
    except ValueError as error:
        raise environ.ImproperlyConfigured(f"{name}: {error}") from error


# What all files together may take up (0: no limit), and what has to stay free on the disk of a storage folder.
STORAGE_BUDGET = _bytes("STORAGE_BUDGET", "0")
STORAGE_KEEP_FREE = _bytes("STORAGE_KEEP_FREE", "256 MiB")
STORAGE_WARN_SHARE = env.float("STORAGE_WARN_SHARE", default=0.85)
# A file is deleted once nobody named it for so long.
STORAGE_GRACE_H = env.float("STORAGE_GRACE_H", default=24.0)
# A younger one may be about to be named by the row of a transaction that is still open.
STORAGE_FRESH_S = env.float("STORAGE_FRESH_S", default=3600.0)
SURVEY_EVERY_S = env.float("SURVEY_EVERY_S", default=3600.0)

# -- Django ----------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "django_structlog",
    "apps.audit",
    "apps.accounts",
    "apps.storage",
    "apps.notices",
    "apps.usage",
    "apps.stores",
    "apps.billing",
    "apps.ingest",
    "apps.catalog",
    "apps.recipes",
    "apps.jobs",
    "apps.automation",
    "apps.review",
    "apps.publishing",
    "apps.flow",
    "apps.api",
    "apps.dashboard",
    "apps.config",
]
MIDDLEWARE = [
    # Before everything that may write down an address.
    "apps.dashboard.handed.out_of_sight",
    "django.middleware.security.SecurityMiddleware",
    "apps.api.hooks.before_pages",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "apps.dashboard.inside.KnowsByToken",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
]
ROOT_URLCONF = "apps.config.urls"
WSGI_APPLICATION = "apps.config.wsgi.application"
ASGI_APPLICATION = "apps.config.asgi.application"
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "dashboard:home"
LOGOUT_REDIRECT_URL = "login"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
MESSAGE_STORAGE = "apps.dashboard.sayings.Sayings"
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}

# -- files -----------------------------------------------------------------------------------------------------


def _storage(url: str) -> dict[str, object]:
    """`file:///folder` or `s3://bucket/prefix?endpoint=https://…` as a Django storage."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return {
            "BACKEND": "apps.lib.blobs.AtomicFileSystemStorage",
            "OPTIONS": {"location": unquote(parts.path)},
        }
    if parts.scheme == "s3":
        query = dict(parse_qsl(parts.query))
        return {
            "BACKEND": "apps.lib.bucket.BucketStorage",
            "OPTIONS": {
                "bucket_name": parts.netloc,
                "location": parts.path.strip("/"),
                "endpoint_url": query.get("endpoint"),
                "region_name": query.get("region"),
                "file_overwrite": True,
                "querystring_auth": True,
            },
        }
    raise environ.ImproperlyConfigured(f"STORAGE_URL must start with file:// or s3://, not {parts.scheme!r}")


STORAGES = {
    "default": _storage(STORAGE_URL),
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
STATIC_URL = "/static/"
STATIC_ROOT = env.str("STATIC_ROOT", default=str(DATA_ROOT / "static"))
STATICFILES_DIRS = [BASE_DIR / "static"]
# Without a collectstatic step (embedded), files are served from where they lie.
WHITENOISE_USE_FINDERS = EMBEDDED
DATA_UPLOAD_MAX_MEMORY_SIZE = HOOK_MAX_BYTES

# -- mail ------------------------------------------------------------------------------------------------------

# Such as smtp+tls://user:password@mail.example.com:587. Without it an installation on one machine writes mails into
# files, and any other prints them.
_mail = environ.Env.email_url_config(
    env.str("EMAIL_URL", default="") or (f"filemail://{DATA_ROOT / 'mail'}" if EMBEDDED else "consolemail://")
)
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_HOST, EMAIL_PORT = _mail.get("EMAIL_HOST") or "localhost", _mail.get("EMAIL_PORT") or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = (
    _mail.get("EMAIL_HOST_USER") or "",
    _mail.get("EMAIL_HOST_PASSWORD") or "",
)
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.get("EMAIL_USE_TLS", False), _mail.get("EMAIL_USE_SSL", False)
EMAIL_FILE_PATH = str(DATA_ROOT / "mail")
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = (
    env.str("MAIL_FROM", default="") or f"Vitrine <vitrine@{urlsplit(PUBLIC_URL).hostname or 'localhost'}>"
)
# When daily mails go.
DIGEST_HOUR_UTC = env.int("DIGEST_HOUR_UTC", default=6)

# -- API -------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.api.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PAGINATION_CLASS": "apps.api.pagination.ByIdDescending",
    "PAGE_SIZE": 50,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Vitrine",
    "DESCRIPTION": "Stores, photos, jobs, review, publications and audit of one workspace.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# -- logs ------------------------------------------------------------------------------------------------------

LOG_JSON = env.bool("LOG_JSON", default=not EMBEDDED)
LOGGING = logs.standard(as_json=LOG_JSON, level=env.str("LOG_LEVEL", default="INFO"))
logs.configure()
