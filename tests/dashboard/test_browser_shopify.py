"""Vitrine in a frame of the shop's administration, in a real browser: no cookies there, and a tab of its own beside it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from connectors.sandbox import shopify as sandbox
from tests import shopify_app
from tests.shopify_app import HERE, SHOP, Shopify, session_token

pytestmark = pytest.mark.browser
STATIC = Path(sandbox.__file__).parent / "static"
CDN = "https://cdn.shopify.com/shopifycloud"


@pytest.fixture
def house(
    transactional_db: None,
    live_server: Any,
    storage_root: Path,
    redis_url: str,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Shopify:
    from apps.flow import hints

    monkeypatch.setattr(hints, "hint", lambda *_: None)
    opened = shopify_app.open_house(settings, monkeypatch)
    settings.ALLOWED_HOSTS = ["*"]
    return opened


@pytest.fixture
def admin(house: Shopify, page: Any, live_server: Any) -> Iterator[Any]:
    """Shows our app as the administration does, from the host that is asked for."""
    tokens: list[str] = []

    def app_bridge(route: Any) -> None:
        """What of Shopify's script our pages use. It goes where `shopify-reload` says, as theirs does."""
        token = session_token()
        tokens.append(token)
        route.fulfill(
            content_type="text/javascript",
            body=f"""window.shopify = {{ idToken: async () => "{token}" }};
            const again = new URL(location).searchParams.get("shopify-reload");
            if (again) location.replace(again + "&id_token={token}");""",
        )

    def our_server(route: Any) -> None:
        """Under its public name, so that browsers see what they will see: https everywhere, and nothing private."""
        url = live_server.url + route.request.url.removeprefix(HERE)
        answer = route.fetch(url=url, max_redirects=0)
        if answer.status != 302:
            route.fulfill(response=answer)
            return
        # Where a redirect leads Playwright does not ask us any more.
        kept = {k: v for k, v in answer.headers.items() if k in {"set-cookie", "content-security-policy"}}
        go = f"<script>location.replace({json.dumps(answer.headers['location'])})</script>"
        route.fulfill(content_type="text/html", headers=kept, body=go)

    page.context.route(f"{CDN}/app-bridge.js", app_bridge)
    page.context.route(
        f"{CDN}/polaris.js",
        lambda route: route.fulfill(path=STATIC / "polaris.js", content_type="text/javascript"),
    )
    page.context.route(f"{HERE}/**", our_server)

    def shown(host: str = SHOP, *, token: str = "") -> Any:
        address = f"{HERE}/shopify/?embedded=1&shop={SHOP}&host=x&id_token={token or session_token()}"
        frame = f'<!doctype html><title>Admin</title><iframe title="app" src="{address}" width="1200" height="800"></iframe>'
        page.context.route(
            f"https://{host}/admin/**", lambda route: route.fulfill(content_type="text/html", body=frame)
        )
        page.goto(f"https://{host}/admin/apps/vitrine")
        return page.frame_locator("iframe")

    yield shown
    # What a page still loads when it is closed would fail in the middle of another test.
    page.context.unroute_all(behavior="ignoreErrors")


def test_it_shows_in_the_administration_and_opens_a_tab_with_a_login(
    admin: Any, page: Any, live_server: Any
) -> None:
    frame = admin()
    frame.get_by_role("heading", name="Fake store").wait_for()
    assert page.context.cookies(HERE) == [], "not one cookie of ours in somebody else's page"
    with page.context.expect_page() as opening:
        frame.get_by_role("button", name="Open in a tab of its own").click()
    tab = opening.value
    tab.wait_for_url(f"{HERE}/")
    tab.get_by_role("link", name="Review").first.wait_for()
    assert {c["name"] for c in page.context.cookies(HERE)} >= {"sessionid"}
    assert tab.evaluate("window.opener") is None


def test_a_token_that_has_ended_is_fetched_anew_without_anybody_noticing(admin: Any) -> None:
    frame = admin(token=session_token(exp=int(time.time()) - 60, nbf=int(time.time()) - 120))
    frame.get_by_role("heading", name="Fake store").wait_for()


def test_nobody_else_can_show_it_in_a_frame(admin: Any, page: Any) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    frame = admin("rivals.myshopify.com")
    page.wait_for_timeout(500)
    assert frame.get_by_role("heading", name="Fake store").count() == 0
    assert any("frame-ancestors" in text for text in said)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_its_pages_can_be_used_by_everybody(
    admin: Any, page: Any, house: Shopify, width: int, scheme: str
) -> None:
    from django.test import Client

    from apps.dashboard import tickets
    from apps.stores.models import LegalRequest, Store
    from tests.dashboard.from_shopify import opened

    opened(session_token(), Client())
    store = Store.objects.get()
    LegalRequest.objects.create(store=store, kind="data_request", webhook_id="1", request="9999")
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    for path in (
        f"/shopify/?embedded=1&shop={SHOP}&id_token={session_token()}",
        f"/shopify/token/?shop={SHOP}&shopify-reload={HERE}/shopify/?x",
        "/shopify/enter/?ticket=used",
        f"/shopify/enter/?ticket={tickets.give(store.workspace.member_set.get().pk)}",
        f"/stores/{store.pk}/privacy/",
        "/shopify/install/?shop=rivals.myshopify.com",
    ):
        page.goto(f"{HERE}{path}")
        page.locator("h1").wait_for()
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
