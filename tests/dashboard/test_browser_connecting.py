"""Connecting in a real browser, through the store's own approval pages: both ways, yes and no, phone and desk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.urls import reverse
from werkzeug.serving import make_server

from apps.accounts.models import Role
from apps.stores.models import Approval, Store
from connectors.sandbox.server import Sandbox
from tests import factories
from tests.dashboard.merchants import Merchant

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
Open = Callable[..., Sandbox]


@pytest.fixture
def control_worker(monkeypatch: pytest.MonkeyPatch, redis_url: str) -> None:
    """Whoever hints is answered at once, by somebody else: as a control worker does it, without its start."""
    from django.db import transaction

    from apps.flow import flow, hints

    def work(pk: int) -> None:
        try:
            flow.approved(pk)
        finally:
            connections.close_all()

    def hint(task: str, *args: Any) -> None:
        if task == "flow.approve":
            transaction.on_commit(lambda: threading.Thread(target=work, args=args).start())

    monkeypatch.setattr(hints, "hint", hint)


@pytest.fixture
def on_https(transactional_db: None, open_shop: Open, settings: Any, tls: Any) -> Iterator[str]:
    """This server on https, called by the browser and by the store alike; open_shop made the rest ready."""
    application = StaticFilesHandler(get_wsgi_application())

    def serve(environ: Any, start_response: Any) -> Any:
        try:
            return list(application(environ, start_response))
        finally:
            connections.close_all()

    server = make_server("127.0.0.1", 0, serve, threaded=True, ssl_context=tls[0])
    settings.PUBLIC_URL, settings.STORES_REACH_US = f"https://localhost:{server.server_port}", True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield settings.PUBLIC_URL
    server.shutdown()
    thread.join(timeout=10)
    server.server_close()


@pytest.fixture
def shop(open_shop: Open, tls: Any) -> Sandbox:
    """A store that may call this machine, as it would a public server."""
    return open_shop(deliver_to_loopback=True, ca_file=tls[1])


WITH, WITHOUT = "with scripts", "without scripts"


@pytest.fixture
def owners_page(
    request: pytest.FixtureRequest, browser: Any, merchant: Merchant, on_https: str, control_worker: None
) -> Iterator[Any]:
    """An owner who has just logged in."""
    context = browser.new_context(
        ignore_https_errors=True, viewport=DESK, java_script_enabled=request.param == WITH
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    log_in(page, on_https, merchant)
    yield page
    context.close()


def log_in(page: Any, address: str, merchant: Merchant) -> None:
    user = factories.MemberFactory(workspace=merchant.workspace, role=Role.OWNER).user
    page.goto(f"{address}/login/?next=/stores/connect/")
    page.locator("#id_username").fill(user.username)
    page.locator("#id_password").fill(factories.PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Connect a store").wait_for()


def find(page: Any, shop: Sandbox) -> None:
    """By keyboard, as everything here can be done."""
    page.get_by_label("Address of the store").fill(f"{shop.url}/wp-admin/")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Give access to Tea & Co").wait_for()


@pytest.mark.parametrize(
    ("owners_page", "button", "way"),
    [
        pytest.param(WITH, "Approve in WordPress", "media library", id="password"),
        pytest.param(WITHOUT, "Approve in WooCommerce", "By address", id="keys"),
    ],
    indirect=["owners_page"],
)
def test_a_store_is_connected_by_approving_on_its_own_page(
    button: str, way: str, owners_page: Any, shop: Sandbox
) -> None:
    find(owners_page, shop)
    owners_page.get_by_role("button", name=button).press("Enter")
    owners_page.get_by_role("heading", name="Vitrine would like to connect to Tea & Co").wait_for()
    assert owners_page.url.startswith(shop.url)
    owners_page.get_by_role("button", name="Approve").press("Enter")
    owners_page.wait_for_url("**/connected/")
    assert "password" not in owners_page.url and "user_id" not in owners_page.url
    row = owners_page.get_by_role("row", name="The way of a picture")
    assert way in row.inner_text()
    assert Store.objects.get(url=shop.url).state == "connected"


@pytest.mark.parametrize(
    ("owners_page", "button"),
    [(WITHOUT, "Approve in WordPress"), (WITH, "Approve in WooCommerce")],
    ids=["password", "keys"],
    indirect=["owners_page"],
)
def test_a_no_on_the_stores_page_comes_back_kindly_and_can_be_asked_again(
    button: str, owners_page: Any, shop: Sandbox
) -> None:
    find(owners_page, shop)
    owners_page.get_by_role("button", name=button).click()
    owners_page.get_by_role("link", name="Deny").click()
    owners_page.get_by_role("heading", name="You said no").wait_for()
    assert Approval.objects.latest("pk").state == "refused"
    owners_page.get_by_role("button", name="Ask the store again").click()
    owners_page.get_by_role("button", name="Approve").click()
    owners_page.wait_for_url("**/connected/")


def look(page: Any, name: str) -> None:
    """Nothing wider than the screen, nothing that somebody can't use."""
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0, f"{name} is {wide} px too wide"
    found = Axe().run(page).response["violations"]
    serious = [
        f"{v['id']}: {v['nodes'][0]['html'][:160]}" for v in found if v["impact"] in {"serious", "critical"}
    ]
    assert serious == [], name


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (DESK, "dark")], ids=["phone", "desk-dark"])
def test_each_page_of_the_way_fits_its_screen_and_everybody(
    size: dict[str, int],
    scheme: str,
    browser: Any,
    merchant: Merchant,
    on_https: str,
    open_shop: Open,
    settings: Any,
) -> None:
    context = browser.new_context(ignore_https_errors=True, viewport=size, color_scheme=scheme)
    page = context.new_page()
    log_in(page, on_https, merchant)
    asked_by = f"user:{merchant.workspace.members.latest('pk').pk}"
    stores = {
        "open": open_shop(name="Donaudampfschifffahrtsgesellschaftskapitänsmützenladen"),
        "half closed": open_shop(app_passwords=False, permalinks="plain"),
        "closed": open_shop(woocommerce=False),
    }
    for name, shop in stores.items():
        page.goto(f"{on_https}{reverse('dashboard:connect-ways')}?url={shop.url}")
        look(page, name)
    page.goto(f"{on_https}{reverse('dashboard:connect-paste')}")
    look(page, "paste")
    words = "What the store gave does not open it, so it was thrown away."
    for state in ("asked", "given", "refused", "expired", "failed", "connected"):
        Approval.objects.filter(pk=merchant.approval.pk).update(asked_by=asked_by, state=state, error=words)
        page.goto(f"{on_https}{reverse('dashboard:approval', args=[merchant.approval.pk])}")
        look(page, state)
    about = {"can_read": True, "can_write": True, "can_webhook": True, "notes": ["A note."]}
    Store.objects.filter(pk=merchant.store.pk).update(about=about, can_upload=False)
    settings.STORES_REACH_US = False
    for address in ("store-connected", "store"):
        page.goto(f"{on_https}{reverse(f'dashboard:{address}', args=[merchant.store.pk])}")
        look(page, address)
    context.close()
