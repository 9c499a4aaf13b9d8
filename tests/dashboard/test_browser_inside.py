"""The dashboard inside the administration of a Shopify store: a real browser, our server, and the sandbox that plays
Shopify. The administration stands at another site than we do, so browsers keep our cookies from the frame."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe

from connectors.sandbox.shopify.server import ShopifySandbox

pytestmark = pytest.mark.browser
NAME, SHOP = "north", "north.myshopify.com"


@pytest.fixture
def platform(
    transactional_db: None,
    live_server: Any,
    tmp_path: Path,
    storage_root: Path,
    redis_url: str,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[ShopifySandbox]:
    from django.urls import reverse

    from apps.flow import hints
    from apps.stores import shopify

    monkeypatch.setattr(hints, "hint", lambda *_: None)
    with ShopifySandbox(tmp_path / "shopify", shops=(NAME, "south"), webhook_interval_s=None) as platform:
        # The platform is at 127.0.0.1 and we are at localhost: two sites, to a browser.
        assert urlsplit(live_server.url).hostname != urlsplit(platform.url).hostname
        settings.PUBLIC_URL, settings.ALLOWED_HOSTS = live_server.url, ["*"]
        settings.SHOPIFY_API_KEY, settings.SHOPIFY_API_SECRET = platform.client_id, platform.client_secret
        settings.SHOPIFY_API_ROOT = platform.api_root
        settings.ALLOW_PRIVATE_HOSTS = [urlsplit(platform.url).netloc]
        text = shopify.app_file(
            home=reverse("shopify-home"), back=reverse("shopify-callback"), hook=reverse("shopify-hook")
        )
        platform.site.deploy(text)
        platform.site.install(NAME)
        yield platform


@pytest.fixture
def admin(platform: ShopifySandbox, page: Any) -> Iterator[Any]:
    """Opens our app, or a page of it, as the administration does; the frame."""
    base = f"{platform.url}/{SHOP}/admin/apps/{platform.client_id}"
    seen: list[Any] = []
    page.context.on("response", lambda response: seen.append(response))

    def opened(path: str = "") -> Any:
        page.goto(f"{base}{path}")
        frame = page.frame_locator("iframe")
        frame.locator("h1").first.wait_for()
        return frame

    opened.base, opened.seen = base, seen  # type: ignore[attr-defined]
    yield opened
    page.context.unroute_all(behavior="ignoreErrors")


@pytest.fixture
def merchant_at(admin: Any, settings: Any) -> Any:
    """The shop's own workspace, with a picture that waits for somebody."""
    from apps.stores.models import Store
    from tests.dashboard.merchants import open_for_business

    merchant = open_for_business("Northlight")
    Store.objects.filter(pk=merchant.store.pk).update(
        platform="shopify", shop=SHOP, url=f"https://{SHOP}", open_to_shop=True
    )
    return merchant


def keep(key: str) -> None:
    """A file of that row in storage."""
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage

    from tests.shopkeeping import photo

    default_storage.save(key, ContentFile(photo("#2b4a7f")))


def is_there(frame: Any, heading: str) -> None:
    frame.get_by_role("heading", name=heading, level=1).wait_for()


def where(page: Any, base: str) -> str:
    return str(page.url.removeprefix(base).partition("?")[0])


def test_the_whole_dashboard_is_walked_without_one_cookie(admin: Any, page: Any, merchant_at: Any) -> None:
    frame = admin()
    menu = page.get_by_role("navigation", name="Vitrine")
    for name in ("Products", "Publications", "Jobs", "Batches", "Stores", "Recipes", "Usage"):
        menu.get_by_role("link", name=name, exact=True).click()
        frame.get_by_role("heading", level=1).filter(has_text=re.compile(name, re.I)).wait_for()
        page.wait_for_url(f"**/{name.lower()}/")
    page.evaluate("history.back()")
    is_there(frame, "Recipes")
    documents = [r for r in admin.seen if r.request.resource_type == "document" and "localhost" in r.url]
    assert len(documents) == 1, "what follows the first page changes it in place"
    assert page.context.cookies() == []
    ours = [r for r in admin.seen if r.url.startswith("http://localhost") and "/static/" not in r.url]
    assert all(r.status < 400 for r in ours), [(r.status, r.url) for r in ours if r.status >= 400]
    assert not any("set-cookie" in r.headers for r in ours)


def test_a_page_deep_inside_opens_by_its_address_and_survives_a_reload(
    admin: Any, page: Any, merchant_at: Any
) -> None:
    frame = admin("/stores/")
    is_there(frame, "Stores")
    page.reload()
    is_there(frame, "Stores")
    # The frame alone is loaded anew, as its menu does it: its address holds no token any more.
    inner = next(one for one in page.frames if one.parent_frame)
    assert "id_token" not in inner.url
    inner.evaluate("location.reload()")
    page.wait_for_timeout(300)
    is_there(frame, "Stores")


def test_pictures_show_and_a_decision_is_made_and_told(admin: Any, page: Any, merchant_at: Any) -> None:
    from apps.review.models import Item

    waits = merchant_at.waiting
    keep(waits.job.photo.key)
    keep(waits.render.file("main")["key"])
    frame = admin(f"/review/{waits.pk}/")
    inner = next(one for one in page.frames if one.parent_frame)
    inner.wait_for_function(
        "[...document.querySelectorAll('#desk figure img')].every(i => i.complete && i.naturalWidth > 0)"
    )
    frame.get_by_role("button", name="Approve", exact=True).click()
    frame.get_by_role("button", name="Approve", exact=True).wait_for(state="detached")
    assert Item.objects.get(pk=waits.pk).state == "approved"


def test_what_is_not_saved_is_asked_about_and_saved_from_the_administrations_bar(
    admin: Any, page: Any, merchant_at: Any
) -> None:
    from apps.accounts.models import Member

    admin()
    Member.objects.update(role="owner")
    frame = admin("/usage/")
    bar = page.get_by_role("region", name="Unsaved changes")
    assert not bar.is_visible()
    budget = frame.locator("form[data-save-bar] input:not([type=hidden])").first
    budget.fill("25")
    bar.wait_for()
    page.get_by_role("navigation", name="Vitrine").get_by_role("link", name="Products", exact=True).click()
    page.get_by_role("button", name="Stay").click()
    assert where(page, admin.base) == "/usage/"
    page.get_by_role("button", name="Save").click()
    frame.get_by_role("status").first.wait_for()
    bar.wait_for(state="hidden")
    assert "25" in frame.locator("main").inner_text()


def test_other_stores_are_connected_in_a_tab_of_its_own(admin: Any, page: Any, merchant_at: Any) -> None:
    from apps.accounts.models import Member

    admin()
    Member.objects.update(role="owner")
    frame = admin("/stores/connect/")
    with page.context.expect_page() as opening:
        frame.get_by_role("button", name="Connect a store there").click()
    opening.value.wait_for_url("**/stores/connect/")
    opening.value.get_by_role("button", name="Look for the store").wait_for()


@pytest.mark.parametrize("width", [1360, 390])
def test_it_can_be_used_by_everybody(admin: Any, page: Any, merchant_at: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 860})
    for path in ("", "/review/", "/products/", "/usage/"):
        admin(path)
        inner = next(one for one in page.frames if one.parent_frame)
        assert inner.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        found = Axe().run(inner)
        assert found.violations_count == 0, found.generate_report()
