"""An application password: approved in WordPress, brought back in the address of the merchant's own browser."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.dashboard import handed
from apps.dashboard.urls import pages
from apps.stores.models import Approval, Store
from connectors.sandbox.server import Sandbox
from tests.dashboard.approving import approve, ask, carry, come_back, sealed_nowhere, verbs
from tests.dashboard.merchants import Merchant, log_in

Open = Callable[..., Sandbox]
Wire = list[tuple[str, Any]]
PLANTED = "abcd EFGH ijkl MNOP"


def address(wish: dict[str, str], shop: Sandbox, **changes: str) -> str:
    """Where WordPress would send the browser, with a password that was planted there."""
    brought = {"site_url": shop.url, "user_login": "admin", "password": PLANTED} | changes
    return f"{wish['success_url']}&{urlencode(brought)}"


def approval() -> Approval:
    return Approval.objects.latest("pk")


def page_of(owner: Client, row: Approval) -> str:
    return owner.get(reverse("dashboard:approval", args=[row.pk])).content.decode()


def test_a_password_is_approved_brought_back_tried_and_opens_the_media_library(
    open_shop: Open, owner: Client, merchant: Merchant, wire: Wire, tls: Any
) -> None:
    shop = open_shop()
    location = approve(shop, owner, "password", tls[1])
    assert "password=" in location
    back = come_back(owner, location)
    assert (back.status_code, back["Location"]) == (303, reverse("dashboard:approval", args=[approval().pk]))
    assert (back["Referrer-Policy"], back["Cache-Control"]) == ("no-referrer", "no-store")
    carry(wire)
    html = owner.get(back["Location"], follow=True).content.decode()
    assert "Uploaded into the media library" in html and "and everything works" in html
    store = Store.objects.get(url=shop.url)
    assert store.can_upload and store.credentials["user"] == "admin"
    told = [verb for verb in verbs(merchant) if verb.startswith(("approval.", "store."))]
    assert told[-2:] == ["approval.asked", "store.connected"]


def test_wordpress_is_told_who_asks_in_the_form_that_it_wants(
    open_shop: Open, owner: Client, wire: Wire
) -> None:
    shop = open_shop(folder="/shop")
    page, wish = ask(owner, shop, "password")
    assert page == f"{shop.url}/wp-admin/authorize-application.php"
    assert uuid.UUID(wish["app_id"]) and wish["app_name"] == "Vitrine"
    assert ask(owner, shop, "password")[1]["app_id"] == wish["app_id"]
    assert all(wish[name].startswith("https://photos.example.com/") for name in ("success_url", "reject_url"))


def test_the_password_is_sealed_at_once_and_stands_on_no_page(
    open_shop: Open, owner: Client, wire: Wire
) -> None:
    shop = open_shop()
    _, wish = ask(owner, shop, "password")
    back = come_back(owner, address(wish, shop))
    sealed_nowhere(PLANTED, wish["success_url"].partition("state=")[2])
    assert approval().credentials["app_password"] == PLANTED
    assert PLANTED not in owner.get(back["Location"]).content.decode()


def test_a_password_that_does_not_open_the_shop_is_thrown_away(
    open_shop: Open, owner: Client, wire: Wire, tls: Any
) -> None:
    shop = open_shop(approver_role="customer")
    come_back(owner, approve(shop, owner, "password", tls[1]))
    carry(wire)
    html = page_of(owner, approval())
    assert "so it was thrown away" in html and "shop manager or administrator" in html
    assert approval().credentials is None and not Store.objects.filter(url=shop.url).exists()


def test_the_same_answer_works_once(open_shop: Open, owner: Client, wire: Wire) -> None:
    shop = open_shop()
    _, wish = ask(owner, shop, "password")
    come_back(owner, address(wish, shop))
    again = come_back(owner, address(wish, shop, password="another one"))
    assert again.status_code == 303
    assert "used before, or came too late" in owner.get(again["Location"]).content.decode()
    assert approval().credentials["app_password"] == PLANTED


def test_an_answer_that_comes_too_late_is_not_kept(open_shop: Open, owner: Client, wire: Wire) -> None:
    shop = open_shop()
    _, wish = ask(owner, shop, "password")
    Approval.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    come_back(owner, address(wish, shop))
    assert approval().credentials is None and approval().state == "asked"


@pytest.mark.parametrize(
    ("told", "taken"),
    [
        ("http://www.{host}/", True),
        ("{host}", True),
        ("https://LOCALHOST:{port}", True),
        ("https://evil.example.com", False),
        ("https://{host}/another-shop", False),
        ("https://{host}.evil.example.com", False),
        ("https://[bad", False),
    ],
)
def test_only_the_store_that_was_asked_may_answer(
    told: str, taken: bool, open_shop: Open, owner: Client, merchant: Merchant, wire: Wire
) -> None:
    shop = open_shop()
    parts = urlsplit(shop.url)
    _, wish = ask(owner, shop, "password")
    come_back(owner, address(wish, shop, site_url=told.format(host=parts.netloc, port=parts.port)))
    assert bool(approval().credentials) is taken
    if not taken:
        html = page_of(owner, approval())
        assert "What it gave was not kept" in html and shop.url in html
        assert approval().state == "failed" and verbs(merchant)[-1] == "approval.failed"
        come_back(owner, address(wish, shop))
        assert approval().credentials is None


def test_a_wordpress_that_lies_in_a_folder_below_the_shop_may_call_itself_by_it(
    open_shop: Open, owner: Client, wire: Wire
) -> None:
    shop = open_shop()
    _, wish = ask(owner, shop, "password")
    Approval.objects.update(also=f"{shop.url}/wordpress")
    come_back(owner, address(wish, shop, site_url=f"{shop.url}/wordpress"))
    assert approval().credentials


@pytest.mark.parametrize("missing", ["user_login", "password", "state"])
def test_half_an_answer_is_none(missing: str, open_shop: Open, owner: Client, wire: Wire) -> None:
    shop = open_shop()
    _, wish = ask(owner, shop, "password")
    location = address(wish, shop)
    half = location.replace(f"{missing}=", "nothing=")
    answer = come_back(owner, half)
    assert (answer.status_code, answer["Referrer-Policy"]) == (404, "no-referrer")
    assert approval().state == "asked"


def test_saying_no_in_wordpress_is_fine_and_ends_it(
    open_shop: Open, owner: Client, merchant: Merchant, wire: Wire
) -> None:
    shop = open_shop()
    _, wish = ask(owner, shop, "password")
    back = come_back(owner, f"{wish['reject_url']}&success=false")
    assert "You said no" in owner.get(back["Location"]).content.decode()
    assert verbs(merchant)[-1] == "approval.refused"
    come_back(owner, address(wish, shop))
    assert approval().credentials is None


def test_an_answer_without_the_owners_login_is_refused_and_nothing_of_it_goes_on(
    open_shop: Open, owner: Client, merchant: Merchant, neighbour: Merchant, wire: Wire
) -> None:
    shop = open_shop()
    _, wish = ask(owner, shop, "password")
    location = address(wish, shop)
    nobody = come_back(Client(), location)
    assert nobody.status_code == 302
    assert nobody["Location"] == f"/login/?next={reverse('dashboard:password-back')}"
    for stranger, status in (
        (log_in(merchant.workspace, "owner"), 404),
        (log_in(neighbour.workspace, "owner"), 404),
        (log_in(merchant.workspace, "reviewer"), 403),
    ):
        answer = come_back(stranger, location)
        assert (answer.status_code, answer["Referrer-Policy"]) == (status, "no-referrer")
        assert PLANTED not in answer.content.decode()
    assert approval().credentials is None and wire == []
    # After logging in the browser is sent here, without what the store handed over.
    html = owner.get(reverse("dashboard:password-back"), follow=True).content.decode()
    assert "You were not logged in here" in html and "revoke the password" in html


def test_looking_ahead_or_posting_takes_nothing(open_shop: Open, owner: Client, wire: Wire) -> None:
    shop = open_shop()
    _, wish = ask(owner, shop, "password")
    parts = urlsplit(address(wish, shop))
    for method in ("head", "post", "options"):
        assert getattr(owner, method)(f"{parts.path}?{parts.query}").status_code == 405
    assert approval().credentials is None


def test_every_address_that_stores_lead_back_to_is_kept_out_of_sight() -> None:
    for name in ("password-back", "keys-back"):
        assert handed.ARRIVALS.fullmatch(reverse(f"dashboard:{name}"))
    others = [page for page in pages if page.name not in {"password-back", "keys-back"}]
    assert not any(handed.ARRIVALS.fullmatch(f"/{page.pattern}") for page in others)
