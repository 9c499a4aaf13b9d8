"""The ground of every test: a private PostgreSQL and Valkey for this run, an own database per worker, a real browser.

pyproject.toml must not name DJANGO_SETTINGS_MODULE for pytest: settings read the environment when they load, and the
addresses are known only after `pytest_configure` here has started the services.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from apps.config import embedded
from tests import secrecy

CHECKOUT = Path(__file__).resolve().parents[1]
SERVICES = pytest.StashKey[subprocess.Popen[str]]()
BROWSER = pytest.StashKey[tuple[Any, ExitStack]]()
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_OPTIONS = (
    "--no-sandbox",  # it refuses its sandbox as root, and shows only our own pages
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.hasplugin("django") or config.option.version or config.option.help:
        return
    if not hasattr(config, "workerinput"):
        # Tests share the cores with each other; threads of one that wait for each other only spin there.
        os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        _start_services(config)
    _take_own_corner(os.environ.get("PYTEST_XDIST_WORKER", ""))
    _load_django(hands_on_to_workers=bool(getattr(config.option, "tx", None)))


def pytest_unconfigure(config: pytest.Config) -> None:
    services = config.stash.get(SERVICES, None)
    if services is None:
        return
    assert services.stdin is not None
    services.stdin.close()
    services.wait(timeout=60)


# How long examples take to make, or to run, says something about the machine only.
hypothesis.settings.register_profile(
    "tests", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("tests")


def pytest_collection_finish() -> None:
    """Thousands of tests and all that they import stay to the end: looking for garbage there again and again takes
    a tenth of the whole time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Whatever a test made our code print or log must hold no secret of a store; else the test fails."""
    report = yield
    said = "".join(text for name, text in report.sections if name.endswith(report.when or ""))
    if report.passed and (found := secrecy.leaked(said)):
        report.outcome = "failed"
        report.longrepr = (
            f"{item.nodeid} passed, but what it printed or logged holds secrets: {sorted(found)}"
        )
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The same of the logs that the private servers of this run wrote."""
    if session.config.stash.get(SERVICES, None) is None:
        return
    if found := secrecy.leaked_into(Path(os.environ["VITRINE_DATA"])):
        print(f"\nThe servers' logs hold secrets: {found}", file=sys.stderr)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _start_services(config: pytest.Config) -> None:
    """Started by a keeper that stops and deletes everything when our end of its stdin closes, however we end."""
    root = Path(tempfile.gettempdir()) / f"vitrine-tests-{os.urandom(5).hex()}"
    os.environ["VITRINE_DATA"] = str(root)
    keeper = subprocess.Popen(
        [sys.executable, "-m", "apps.config.embedded", "keep", "--until-eof", "--throwaway"],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert keeper.stdout is not None
    told = keeper.stdout.readline()
    if not told:
        raise pytest.UsageError("The tests' PostgreSQL and Valkey did not start; the reason stands above.")
    config.stash[SERVICES] = keeper
    where = json.loads(told)
    words = embedded.secrets(root)
    (root / "static").mkdir()  # what collectstatic would have made
    os.environ.update(
        # The owner, because each worker makes a database of its own; `app_database_url` is the app's way in.
        DATABASE_URL=where["owner_url"],
        REDIS_URL=where["redis_url"],
        STORAGE_URL=where["storage_url"],
        SECRET_KEY=words["SECRET_KEY"],
        FIELD_KEYS=",".join(words["FIELD_KEYS"]),
        STORAGE_KEEP_FREE="0",  # how full this machine's disk is says nothing about a shop in a test
    )


def _take_own_corner(worker: str) -> None:
    """A Redis database and a storage folder per worker; the PostgreSQL database is pytest-django's doing."""
    number = int(worker.removeprefix("gw") or 0) + 1 if worker else 0
    os.environ["REDIS_URL"] = os.environ["REDIS_URL"].replace("db=0", f"db={number}")
    if worker:
        os.environ["STORAGE_URL"] += f"/{worker}"


def _load_django(*, hands_on_to_workers: bool) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "apps.config.settings"
    import django
    from django.conf import settings

    assert settings.DATABASES["default"]["NAME"] == embedded.DATABASE
    # Hundreds of tests make an owner: a hash that is slow on purpose would take most of the time of them all.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *settings.PASSWORD_HASHERS]
    django.setup()
    if hands_on_to_workers:
        # A worker that inherits it would load its settings before it has taken its own corner.
        del os.environ["DJANGO_SETTINGS_MODULE"]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, django_db_blocker: Any
) -> None:
    """Each worker's database is a copy of the run's own, in which whoever comes first makes the tables."""
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    with (Path(os.environ["VITRINE_DATA"]) / "tables.lock").open("a") as lock, django_db_blocker.unblock():
        fcntl.flock(lock, fcntl.LOCK_EX)
        call_command("migrate", verbosity=0)
        connection.close()
    settings.DATABASES["default"]["TEST"]["TEMPLATE"] = embedded.DATABASE


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """The test database, with the trail's TRUNCATE guard lifted by its owner: a transactional test empties tables.

    tests/audit proves that the guard is there otherwise.
    """
    from django.db import connection

    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for table in ("audit_event", "audit_seal", "audit_redaction"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_no_truncate")


@pytest.fixture
def redis_url() -> str:
    """This worker's own Redis database, emptied."""
    import redis

    address = os.environ["REDIS_URL"]
    with redis.Redis.from_url(address) as client:
        client.flushdb()
    return address


@pytest.fixture
def storage_root(tmp_path: Path, settings: Any) -> Path:
    """An empty folder that Django's default storage and STORAGE_URL point at during this test."""
    root = tmp_path / "storage"
    root.mkdir()
    default = settings.STORAGES["default"]
    settings.STORAGE_URL = f"file://{root}"
    settings.STORAGES = {**settings.STORAGES, "default": {**default, "OPTIONS": {"location": str(root)}}}
    return root


@pytest.fixture
def bucket(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An S3 on loopback as the default storage; yields its bucket, in which our files lie under ``shop/``."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    s3 = boto3.resource("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1")
    s3.create_bucket(Bucket="photos")
    # The server keeps what it has in the memory of this process: another test's files may be there.
    s3.Bucket("photos").objects.all().delete()
    options = {"bucket_name": "photos", "location": "shop", "endpoint_url": f"http://{host}:{port}"}
    options |= {"region_name": "us-east-1", "file_overwrite": True}
    settings.STORAGE_URL = f"s3://photos/shop?endpoint=http://{host}:{port}"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "apps.lib.bucket.BucketStorage", "OPTIONS": options},
    }
    yield s3.Bucket("photos")
    server.stop()


@pytest.fixture
def app_database_url(db: None) -> str:
    """This worker's test database as the app's role, which owns nothing: what production runs as."""
    from django.db import connection

    name = connection.settings_dict["NAME"]
    return os.environ["DATABASE_URL"].replace(embedded.OWNER, embedded.APP).replace("/vitrine?", f"/{name}?")


@pytest.fixture
def browser(request: pytest.FixtureRequest) -> Any:
    """A real Chromium (Playwright's sync API), one for all browser tests that follow each other.

    It ends before a test without the mark: its event loop would get in that test's way.
    """
    if os.environ.get("VITRINE_NO_BROWSER") == "1":
        pytest.skip("VITRINE_NO_BROWSER=1")
    assert request.node.get_closest_marker("browser"), "a test with a browser needs the mark"
    stash = request.config.stash
    if BROWSER not in stash:
        stash[BROWSER] = _open_browser()
    return stash[BROWSER][0]


def _open_browser() -> tuple[Any, ExitStack]:
    """Chromium, and what ends it."""
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        pytest.fail(
            "No Chromium here. Run `make setup` as root, or install one (Debian: apt-get install chromium), "
            "or set VITRINE_NO_BROWSER=1 to leave the browser tests out."
        )
    from playwright.sync_api import sync_playwright

    with ExitStack() as stack:
        # Playwright keeps an event loop in this thread, which Django would take for async code.
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        playwright = stack.enter_context(sync_playwright())
        chromium = playwright.chromium.launch(executable_path=found, args=list(CHROMIUM_OPTIONS))
        stack.callback(_close_connections)
        stack.callback(chromium.close)
        return chromium, stack.pop_all()


def _close_browser(config: pytest.Config) -> None:
    if BROWSER in config.stash:
        config.stash[BROWSER][1].close()
        del config.stash[BROWSER]


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    if nextitem is None or not nextitem.get_closest_marker("browser"):
        _close_browser(item.config)


def _close_connections() -> None:
    """Django keeps connections per event loop; those opened under Playwright's would hold the test database open."""
    from django.conf import settings
    from django.db import connections

    if settings.configured:
        connections.close_all()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A fresh page in a context of its own: no cookies of another test."""
    context = browser.new_context()
    context.set_default_timeout(10_000)
    # The first pages of a process load templates and styles, on cores that other tests keep busy.
    context.set_default_navigation_timeout(45_000)
    yield context.new_page()
    context.close()


@pytest.fixture(autouse=True)
def _nobody_was_woken_lately(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test is the first for a while to wake the dispatcher."""
    from apps.lib import wire

    monkeypatch.setattr(wire, "_woken_at", float("-inf"))


@pytest.fixture
def shop(db: None, storage_root: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A merchant's shop whose wire is in the test's hands (see tests/shopkeeping.py)."""
    from tests import shopkeeping

    opened = shopkeeping.open_shop(f"file://{storage_root}")
    on_the_wire(opened, monkeypatch)
    return opened


@pytest.fixture
def committed_shop(
    transactional_db: None, storage_root: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """As `shop`, for tests with several connections: what one writes the others see."""
    from tests import shopkeeping

    opened = shopkeeping.open_shop(f"file://{storage_root}")
    on_the_wire(opened, monkeypatch)
    return opened


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Any]:
    """A WooCommerce shop on loopback, nobody connected (see tests/storefront.py)."""
    from connectors.sandbox.server import Sandbox
    from tests.storefront import Storefront

    with Sandbox(tmp_path / "front", environment="local", webhook_interval_s=None) as sandbox:
        yield Storefront(sandbox)


@pytest.fixture
def woo(
    front: Any,
    db: None,
    storage_root: Path,
    redis_url: str,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """That shop, connected; its products are read before the test begins to change them."""
    from apps.accounts import services as accounts
    from apps.recipes import services as recipes
    from apps.stores import services as stores
    from tests.shopkeeping import Shop

    settings.ALLOW_PRIVATE_HOSTS = [front.site.url.partition("://")[2]]
    owner, workspace = accounts.create_owner(
        username="anna", password="a long pass phrase", workspace_name="Anna's shop"
    )
    recipes.create(workspace, name="White", body=recipes.WHITE_PACKSHOT, by="test", automatic=True)
    store = stores.connect(
        workspace, platform="woocommerce", url=front.site.url, credentials=front.site.credentials, by="test"
    )
    shop = Shop(owner, workspace, store, None, f"file://{storage_root}")  # type: ignore[arg-type]
    on_the_wire(shop, monkeypatch)
    return shop


def on_the_wire(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this shop's hints land on its own wire instead of the broker, at once: a test is one transaction."""
    from apps.flow import hints

    monkeypatch.setattr(hints, "hint", lambda task, *args: shop.wire.append((task, args)))


@pytest.fixture
def shopify(
    db: None, storage_root: Path, redis_url: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """Shopify in memory (see tests/shopify_app.py), where our app is set up; nobody has installed it yet."""
    from tests import shopify_app

    return shopify_app.open_house(settings, monkeypatch)


@pytest.fixture
def teahouse(shopify: Any, storage_root: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A merchant who opened Vitrine from their shop there: a shop whose wire is in the test's hands."""
    from apps.flow import hints
    from connectors.fake import FakeStore
    from tests import shopify_app
    from tests.shopkeeping import Shop

    wire: list[Any] = []
    monkeypatch.setattr(hints, "hint", lambda task, *args: wire.append((task, args)))
    arrived = shopify_app.sign_in()
    remote = FakeStore.at(f"https://{shopify_app.SHOP}")
    member = arrived.member
    return Shop(member.user, member.workspace, arrived.store, remote, f"file://{storage_root}", wire)
