"""A store's whole life with recognisable secrets; then everything that was written anywhere is searched for them.

Written is: log lines of every logger, what commands print, every row of every table, every page and API answer, mails,
files, and what lies in Redis. Faults of every kind come in between, over http (secrets sign addresses) and https.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections import Counter, deque
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.conf import settings as django_settings
from django.core import mail as outbox
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts import services as accounts
from apps.accounts.models import Role, User, Workspace
from apps.audit import services as audit
from apps.catalog import services as catalog
from apps.catalog.models import Photo, Product, Sync
from apps.config import logs
from apps.flow import flow, housekeeping, noticing
from apps.ingest.models import Delivery
from apps.lib import wire
from apps.notices.models import Mail
from apps.notices.services import sending
from apps.recipes import services as recipes
from apps.stores import services as stores
from apps.stores.models import Store
from connectors import http
from connectors.errors import ConnectorError
from connectors.sandbox.faults import KINDS, PAGES
from connectors.sandbox.server import Sandbox
from connectors.sandbox.tls import throw_away_certificate
from tests import secrecy
from tests.conftest import on_the_wire
from tests.dashboard.merchants import log_in
from tests.shopkeeping import Shop
from tests.storefront import Storefront

SECRET, OTHER_SECRET = "cs_Planted/Secret+of=the shop", "cs_Mistyped/Secret+of=the shop"
PASSWORD, OTHER_PASSWORD = "Plan Ted9 pa+s wo/d", "Mist Yped pa+s wo/d"
EVERY_CALL = "/wp-(json|content)/"
# In a product's title and in a line of the log: where it is not found, the search could not have found a secret either.
CANARY = "Canary/of the+mine 9"
OF_EACH_KIND = 1


class Everything:
    """What was written, by where it was."""

    def __init__(self) -> None:
        self.found: dict[str, bytes] = {}
        self.lines = {name: StringIO() for name in ("json", "console")}

    def note(self, where: str, written: bytes | str) -> None:
        data = written.encode(errors="replace") if isinstance(written, str) else written
        self.found[where] = self.found.get(where, b"") + b"\n" + data


@pytest.fixture
def written() -> Iterator[Everything]:
    """Every logger's lines, at the finest level that its own settings allow, as both formats write them."""
    everything, handlers, root = Everything(), [], logging.getLogger()
    for name, stream in everything.lines.items():
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logs.formatter(as_json=name == "json"))
        handlers.append(handler)
        root.addHandler(handler)
    level = root.level
    root.setLevel(logging.DEBUG)
    yield everything
    root.setLevel(level)
    for handler in handlers:
        root.removeHandler(handler)


@pytest.fixture(params=["http", "https"])
def front(request: pytest.FixtureRequest, tmp_path: Path, settings: Any) -> Iterator[Storefront]:
    more: dict[str, Any] = {"environment": "local"}
    if request.param == "https":
        more["tls"] = throw_away_certificate(tmp_path / "ca")
        settings.STORE_CA_FILE = str(tmp_path / "ca" / "ca.pem")
    keys = {"consumer_key": "ck_planted_key", "consumer_secret": SECRET, "app_password": PASSWORD}
    with Sandbox(tmp_path / "front", webhook_interval_s=None, **keys, **more) as sandbox:
        settings.ALLOW_PRIVATE_HOSTS = [sandbox.netloc]
        yield Storefront(sandbox)


@pytest.fixture
def workspace(db: None, storage_root: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(http, "FIRST_PAUSE_S", 0.0)
    owner, workspace = accounts.create_owner(
        username="anna", password="a long pass phrase", workspace_name="Anna's shop"
    )
    User.objects.filter(pk=owner.pk).update(is_staff=True, is_superuser=True, email="anna@example.com")
    body = {**recipes.WHITE_PACKSHOT, "framing": {"canvas_px": [200, 200], "fill": 0.85}}
    body["review"] = {"min_confidence": 0.5, "max_delta_e_p95": 5, "min_border_white_share": 0.5}
    recipes.create(workspace, name="White", body=body, by="test", automatic=True)
    return workspace


@pytest.mark.timeout(300)
def test_no_secret_is_written_anywhere_in_a_stores_whole_life(
    workspace: Workspace,
    front: Storefront,
    written: Everything,
    storage_root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = connected(workspace, front, written, storage_root, monkeypatch)
    _, api_secret = accounts.create_key(workspace, name="Script", role=Role.OWNER, by="test")
    secrets = [SECRET, PASSWORD, OTHER_SECRET, OTHER_PASSWORD, shop.store.hook_secret, api_secret]
    secrets += [django_settings.SECRET_KEY, *django_settings.FIELD_KEYS]
    lived(shop, front)
    for kind in KINDS:
        for page in PAGES if kind == "html" else ("plain",):
            troubled(shop, front, kind, page)
    keys_go(shop, front, written)
    if front.site.url.startswith("http:"):  # what pages show does not depend on how the store is spoken to
        look_at_everything(workspace, shop, api_secret, written)
    stores.disconnect(Store.objects.get(pk=shop.store.pk), by="test")
    dump(written, storage_root)
    enough_was_written(written, pages=front.site.url.startswith("http:"))
    leaks = {where: found for where, data in written.found.items() if (found := secrecy.shown(secrets, data))}
    assert not leaks


# -- the life of a store -------------------------------------------------------------------------------------------


def connected(
    workspace: Workspace, front: Storefront, written: Everything, root: Path, patch: pytest.MonkeyPatch
) -> Shop:
    """First with keys that are wrong, by form and by command; then as it should be, by form."""
    owner = log_in(workspace, "owner")
    form = {"platform": "woocommerce", "url": front.site.url, "user": "admin", "key": "ck_planted_key"}
    wrong = form | {"secret": OTHER_SECRET, "app_password": OTHER_PASSWORD}
    answer = owner.post(reverse("dashboard:connect-paste"), wrong)
    assert answer.status_code in {200, 422}
    written.note("the form, refused", answer.content)
    out = StringIO()
    with contextlib.suppress(CommandError, SystemExit):
        keys = [
            "--key",
            "ck_planted_key",
            "--secret",
            OTHER_SECRET,
            "--user",
            "admin",
            "--app-password",
            OTHER_PASSWORD,
        ]
        call_command("connect", "woocommerce", front.site.url, *keys, "--json", stdout=out, stderr=out)
    written.note("connect, refused", out.getvalue())
    keys = ["--key", "ck_planted_key", "--secret", SECRET, "--user", "admin", "--app-password", PASSWORD]
    call_command("connect", "woocommerce", front.site.url, *keys, "--json", stdout=out, stderr=out)
    written.note("connect", out.getvalue())
    store = Store.objects.get(workspace=workspace)
    assert store.credentials["secret"] == SECRET and store.can_upload
    shop = Shop(User.objects.get(username="anna"), workspace, store, None, f"file://{root}")  # type: ignore[arg-type]
    on_the_wire(shop, patch)
    return shop


def lived(shop: Shop, front: Storefront) -> None:
    """A product comes, is rendered, published, undone; deliveries that are good, forged and broken."""
    mug = front.sell("Mug", "#2b4a7f", "#a33")
    flow.synced(catalog.ask_sync(shop.store, by="test")[0].pk)
    front.site.hooks.deliver_due()
    shop.work()
    assert [p.live for p in shop.publications()] == [True, True]
    flow.undo(shop.publications()[0], by="test")
    shop.work()
    front.change(mug, name=CANARY)
    structlog.get_logger("tests").warning("a_canary", sings=CANARY)
    front.site.hooks.deliver_due()
    hook = f"/hooks/{shop.store.hook_token}/"
    headers = {"X-WC-Webhook-Topic": "product.updated", "X-WC-Webhook-Signature": "Zm9yZ2Vk"}
    for body in (b'{"id": 1}', b"{", SECRET.encode()):
        answer = Client().post(hook, body, content_type="application/json", headers=headers)
        assert answer.status_code in {400, 401, 403}
    Client().post("/hooks/nobody/", b"{}", content_type="application/json", headers=headers)
    handed_over(shop)
    shop.work()


def handed_over(shop: Shop) -> None:
    """Keys and a password come by the ways of the store's own approval pages, for nobody who asked."""
    keys = {"key_id": 1, "user_id": "nobody", "consumer_key": "ck_planted_key", "consumer_secret": SECRET}
    told = {**keys, "key_permissions": "read_write"}
    answer = Client().post("/approvals/woocommerce/keys/", told, content_type="application/json")
    assert answer.status_code == 403
    owner = Client()
    owner.force_login(shop.owner)
    there = {"site_url": shop.store.url, "user_login": "admin", "password": PASSWORD, "state": "nobody"}
    for client in (owner, Client()):
        assert client.get(reverse("dashboard:password-back"), there).status_code in {302, 303, 404, 410}


def patient_again() -> None:
    """As if the store had not been in trouble before."""
    for pattern in ("vitrine:pace*", "vitrine:silent*"):
        for key in wire.client().scan_iter(pattern):
            wire.client().delete(key)


def troubled(shop: Shop, front: Storefront, kind: str, page: str) -> None:
    """One kind of fault in every call, with everything that makes one; what comes of it may be an error."""
    patient_again()
    front.site.faults.clear()
    front.site.faults.add(EVERY_CALL, kind, times=0, retry_after_s=0, seconds=0.01, page=page)
    store = Store.objects.get(pk=shop.store.pk)
    product = Product.objects.filter(present=True).latest("pk")
    with contextlib.suppress(ConnectorError):
        flow.open_store(store).products()
    with contextlib.suppress(ConnectorError):
        flow.open_store(store).product(product.external_id)
    with contextlib.suppress(ConnectorError):
        catalog.keep_original(
            Photo(pk=0, src=product.photos.latest("pk").src, product=product), flow.open_store(store)
        )
    with contextlib.suppress(ConnectorError):
        flow.open_store(store).set_images(product.external_id, [])
    with contextlib.suppress(ConnectorError):
        flow.open_store(store).upload(data=b"no picture", filename="x.jpg", content_type="image/jpeg")
    sync, _ = catalog.ask_sync(store, by="test")
    flow.synced(sync.pk)
    Delivery.objects.filter(kind="product_changed").update(work_state="waiting", not_before=timezone.now())
    for pk in Delivery.objects.filter(work_state="waiting").values_list("pk", flat=True)[:2]:
        flow.received(pk)
    front.site.faults.clear()


def keys_go(shop: Shop, front: Storefront, written: Everything) -> None:
    """Somebody revokes the key: the store breaks, members are told by mail."""
    patient_again()
    front.site.revoke_key("ck_planted_key")
    housekeeping.check_webhooks()
    sync, _ = catalog.ask_sync(shop.store, by="test")
    Sync.objects.update(not_before=timezone.now())
    flow.synced(sync.pk)
    assert Store.objects.get(pk=shop.store.pk).state == "broken"
    noticing.look()
    for pk in Mail.objects.values_list("pk", flat=True):
        Mail.objects.filter(pk=pk).update(not_before=timezone.now())
        sending.send(pk)
    for message in outbox.outbox:
        written.note("mail", message.message().as_bytes())


# -- where anything is written -------------------------------------------------------------------------------------


def look_at_everything(workspace: Workspace, shop: Shop, api_secret: str, written: Everything) -> None:
    anna = Client()
    anna.force_login(User.objects.get(username="anna"))
    crawl(anna, written, "pages", "/")
    crawl(anna, written, "administration", "/admin/")
    headers = {"Authorization": f"Bearer {api_secret}", "Accept": "application/json"}
    api = Client(headers=headers)
    for name in (
        "stores",
        "syncs",
        "rules",
        "products",
        "jobs",
        "batches",
        "items",
        "publications",
        "events",
    ):
        answer = api.get(f"/api/v1/{name}/")
        assert answer.status_code == 200, name
        written.note("api", answer.content)
        for row in answer.json().get("results", [])[:5]:
            written.note("api", api.get(f"/api/v1/{name}/{row.get('id')}/").content)
    for path in ("usage/", "usage/budget/", "prices/", f"stores/{shop.store.pk}/keeping/"):
        written.note("api", api.get(f"/api/v1/{path}").content)
    audit.seal()
    for command in (
        ["audit", "verify", "--json"],
        ["sync", str(shop.store.pk), "--json"],
        ["storage", "check"],
    ):
        out = StringIO()
        with contextlib.suppress(CommandError, SystemExit):
            call_command(*command, stdout=out, stderr=out)
        written.note("commands", out.getvalue())


def crawl(client: Client, written: Everything, where: str, start: str) -> None:
    """Some pages of every kind that links lead to, from `start` on and below it.

    Of the hundreds of filters and orders of the administration's lists one each: they show rows of the same list.
    """
    waiting, seen, kinds = deque([start]), {start}, Counter[str]()
    while waiting:
        address = waiting.popleft()
        answer = client.get(address, follow=True)
        data = b"".join(answer.streaming_content) if answer.streaming else answer.content
        written.note(where, f"{address} {answer.status_code} {dict(answer.headers)}".encode() + data)
        if "text/html" not in answer.headers.get("Content-Type", ""):
            continue
        for link in re.findall(r'(?:href|hx-get)="(/[^"#]*)"', data.decode()):
            link = link.replace("&amp;", "&")
            leaves = "logout" in link or link.startswith("/static") or link.startswith("/media")
            kind = re.sub(r"[0-9]+|=[^&]*", "#", link)
            kind = kind.partition("?")[0] + "?" * ("?" in kind) if start == "/admin/" else kind
            if link.startswith(start) and link not in seen and not leaves and kinds[kind] < OF_EACH_KIND:
                kinds[kind] += 1
                seen.add(link)
                waiting.append(link)
    assert len(seen) > 15, f"{where}: a crawl that sees nothing"


def dump(written: Everything, root: Path) -> None:
    """Rows, files, Redis and log lines."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            written.note(f"table {table}", "\n".join(row[0] for row in cursor.fetchall()))
    for file in root.rglob("*"):
        if file.is_file():
            written.note("files", file.read_bytes())
    client = wire.client()
    for key in client.scan_iter("*"):
        written.note("redis", key + b" " + (client.dump(key) or b""))
    for name, stream in written.lines.items():
        written.note(f"log, {name}", stream.getvalue())


def enough_was_written(written: Everything, *, pages: bool) -> None:
    """A search that finds nothing must have had something to search."""
    of_pages = (("pages", 50_000), ("administration", 20_000), ("api", 2000), ("commands", 100))
    for where, at_least in (
        *(of_pages if pages else ()),
        ("mail", 200),
        ("files", 5000),
        ("log, json", 200),
        ("log, console", 200),
        ("table stores_store", 200),
        ("table ingest_delivery", 500),
        ("table audit_detail", 500),
    ):
        assert len(written.found.get(where, b"")) > at_least, where
    shown = ("pages", "administration", "api") if pages else ()
    for where in (*shown, "log, json", "log, console", "table catalog_product"):
        assert secrecy.shown([CANARY], written.found[where]), where
